// The operations over rows on a CUDA device, data resident, as an engine calls them: launches, sums over blocks and the copy of
// the results included, timed by events on their stream, with the caches flushed before each; wall_us is what the caller
// waits.  Before an operation is timed, its answer for the first rows is compared with the CPU's.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "backend/cuda_ops.h"
#include "cuda_benchmark.h"
#include "cuda_ceilings.h"
#include "velbo/array.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kCheckedRows = 20000;

// Rows of a logistic regression in device memory; the first of them in host memory too.
struct DeviceData {
  DeviceData(std::int64_t stored, std::int64_t d, std::int64_t batch)
      : x(kDevice, stored * d), y(kDevice, stored), host_y(static_cast<std::size_t>(stored)) {
    const Context context(kDevice);
    context.ops<float>().normals(context, make_key(1, Purpose::test), 0, 0, stored, d, x.data());
    standard_normals(make_key(2, Purpose::test), 0, 0, 0, std::span<float>(host_y));
    for (float& v : host_y) v = v > 0 ? 1 : 0;
    y.upload(host_y);
    rows.x = x.data();
    rows.element = Element::float32;
    rows.stride = d;
    rows.y = y.data();
    rows.n_rows = stored;
    rows.n_features = d;
    if (batch < stored) {
      std::vector<std::int64_t> chosen;
      for (std::int64_t i = 0; i < batch; ++i) chosen.push_back(i * 1037123 % stored);
      index = Array<std::int64_t>(kDevice, batch);
      index.upload(chosen);
      rows.index = index.data();
      rows.n_rows = batch;
    }
    mean.resize(static_cast<std::size_t>(8 * d));
    standard_normals(make_key(3, Purpose::test), 0, 0, 0, std::span<double>(mean));
    for (double& v : mean) v *= 1 / std::sqrt(static_cast<double>(d));
  }

  Array<float> x, y;
  Array<std::int64_t> index;
  std::vector<float> host_y;
  std::vector<double> mean;  // 8 draws, of which the first is a mean
  Rows<float> rows;
};

// What an operation gives, as one vector: values first.
using Answer = std::vector<double>;

// run(context, rows) on the first stored rows, there and on the CPU.
template <class Run>
bool agrees_with_cpu(const DeviceData& data, const Run& run) {
  Rows<float> some = data.rows;
  some.index = nullptr;
  some.n_rows = std::min(kCheckedRows, static_cast<std::int64_t>(data.host_y.size()));
  const Answer found = run(Context(kDevice), some);
  std::vector<float> host_x(static_cast<std::size_t>(some.n_rows * some.stride));
  cuda_download(0, host_x.data(), data.x.data(), static_cast<std::int64_t>(host_x.size() * sizeof(float)));
  some.x = host_x.data();
  some.y = data.host_y.data();
  const Answer expected = run(Context(), some);
  double scale = 0, worst = 0;
  for (const double v : expected) scale = std::max(scale, std::abs(v));
  for (std::size_t i = 0; i < found.size(); ++i) worst = std::max(worst, std::abs(found[i] - expected[i]) / scale);
  return worst < 1e-4;  // NaN is not
}

template <class Run>
void measure(benchmark::State& state, double flops, double bytes, const DeviceData& data, const Run& run) {
  if (!agrees_with_cpu(data, run)) {
    state.SkipWithError("the device's answer is not the CPU's");
    return;
  }
  const Context context(kDevice);
  time_runs(state, true, [&] { benchmark::DoNotOptimize(run(context, data.rows)); });
  const CudaCeilings& at_best = cuda_ceilings(0);
  using benchmark::Counter;
  const double floor = std::max(flops / at_best.fma_flops, bytes / at_best.copy_bytes);
  state.counters["GB/s"] = Counter(bytes / 1e9, Counter::kIsIterationInvariantRate);
  state.counters["GFLOP/s"] = Counter(flops / 1e9, Counter::kIsIterationInvariantRate);
  state.counters["of_floor"] = Counter(floor, Counter::kIsIterationInvariantRate);
  state.counters["copy_GB/s"] = at_best.copy_bytes / 1e9;
  state.counters["peak_GFLOP/s"] = at_best.fma_flops / 1e9;
}

// Skips, with the reason, where there is no device; else data of N = range(0), D = range(1), B = range(2).
template <class Use>
void with_data(benchmark::State& state, const Use& use) {
  if (!has_device(state)) return;
  const DeviceData data(state.range(0), state.range(1), state.range(2));
  const auto numbers = static_cast<double>(data.rows.n_rows * data.rows.n_features);
  use(data, numbers);
}

template <int S>
void draws(benchmark::State& state) {
  with_data(state, [&](const DeviceData& data, double numbers) {
    measure(state, 4.0 * S * numbers, 4 * numbers, data, [&](const Context& context, const Rows<float>& rows) {
      Answer answer(static_cast<std::size_t>(S + S * rows.n_features));
      context.ops<float>().log_likelihood_gradient(context, rows, data.mean.data(), S, answer.data(),
                                                   answer.data() + S);
      return answer;
    });
  });
}

// draws = 0: by quadrature.
void mean_field(benchmark::State& state) {
  with_data(state, [&](const DeviceData& data, double numbers) {
    const PredictorRule rule{.n_draws = state.range(3), .key = Key{5}};
    const std::vector<double> sd(static_cast<std::size_t>(data.rows.n_features), 0.03);
    measure(state, 9.0 * numbers, 4 * numbers, data, [&](const Context& context, const Rows<float>& rows) {
      const std::int64_t d = rows.n_features;
      Answer answer(static_cast<std::size_t>(2 * d + 1));
      RowSums<float> sums{.gradient = answer.data(), .diagonal = answer.data() + d};
      context.ops<float>().expected_log_likelihood(context, rows, data.mean.data(), {.sd = sd.data()}, rule, sums);
      answer.back() = sums.value;
      return answer;
    });
  });
}

void full_rank(benchmark::State& state) {
  with_data(state, [&](const DeviceData& data, double numbers) {
    const std::int64_t d = data.rows.n_features;
    std::vector<double> factor(static_cast<std::size_t>(d * d), 0.0);
    for (std::int64_t i = 0; i < d; ++i)
      for (std::int64_t k = 0; k <= i; ++k) factor[static_cast<std::size_t>(i * d + k)] = i == k ? 0.05 : 0.002;
    // Triangles: D^2 for the scale and D^2 for the gram, a row.
    measure(state, 2.0 * static_cast<double>(d) * numbers, 4 * numbers, data,
            [&](const Context& context, const Rows<float>& rows) {
              Answer answer(static_cast<std::size_t>(d + d * d + 1), 0.0);
              RowSums<float> sums{.gradient = answer.data(), .gram = answer.data() + d};
              context.ops<float>().expected_log_likelihood(context, rows, data.mean.data(),
                                                           {.factor = factor.data(), .rank = d}, {}, sums);
              answer.back() = sums.value;
              return answer;
            });
  });
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"stored", "d", "batch"})->UseManualTime()->Unit(benchmark::kMicrosecond);
  for (const std::int64_t d : {32, 128, 784})
    for (const std::int64_t n : {4096, 65536, 1000000}) b->Args({n, d, n});
  b->Args({10000000, 128, 10000000})->Args({1000000, 100, 4096});
}
void mean_field_sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"stored", "d", "batch", "draws"})->UseManualTime()->Unit(benchmark::kMicrosecond);
  for (const std::int64_t draws : {0, 8})
    for (const std::int64_t n : {65536, 1000000, 10000000}) b->Args({n, 128, n, draws});
}
BENCHMARK(draws<1>)->Apply(sizes);
BENCHMARK(draws<8>)->Apply(sizes);
BENCHMARK(mean_field)->Apply(mean_field_sizes);
BENCHMARK(full_rank)
    ->ArgNames({"stored", "d", "batch"})
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond)
    ->Args({400000, 50, 400000})
    ->Args({1000000, 128, 1000000})
    ->Args({10000000, 50, 10000000})
    ->Args({100000, 256, 100000});

}  // namespace
}  // namespace velbo::internal
