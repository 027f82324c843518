// The local step of Gaussian mixtures on a CUDA device, rows resident, as an engine calls it: responsibilities and sums; parameters
// packed and brought there, launches, sums over blocks and the copy of the results included.  Timed by events on its stream, with the
// caches flushed before each; wall_us is what the caller waits.  Before a size is timed, its answer for the first rows is compared
// with the CPU's.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "backend/mixture_ops.h"
#include "cuda_benchmark.h"
#include "cuda_ceilings.h"
#include "velbo/random.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kCheckedRows = 5000;

template <class T>
std::vector<T> normals(std::int64_t n, std::uint64_t seed, double scale = 1) {
  std::vector<T> out(static_cast<std::size_t>(n));
  standard_normals(make_key(seed, Purpose::test), 0, 0, 0, std::span<T>(out));
  for (T& value : out) value *= static_cast<T>(scale);
  return out;
}

struct Mixture {
  Mixture(std::int64_t n_rows, std::int64_t columns, std::int64_t components, MixtureForm of_form)
      : n(n_rows),
        d(columns),
        k(components),
        form(of_form),
        x(normals<float>(n * d, 1)),
        centre(static_cast<std::size_t>(d), 0.0),
        inverse_scale(static_cast<std::size_t>(d), 1.0),
        constant(normals<double>(k, 2)),
        shift(normals<double>(k * d, 3, 0.5)) {
    const std::int64_t each = form == MixtureForm::full ? d * d : d;
    whitening = normals<double>(k * each, 4, 0.1 / std::sqrt(static_cast<double>(d)));
    for (std::int64_t i = 0; i < k * each; ++i) {
      const std::int64_t row = i % each / d, column = i % d;
      double& u = whitening[static_cast<std::size_t>(i)];
      if (form == MixtureForm::diagonal || row == column) u += 1;
      if (form == MixtureForm::full && column > row) u = 0;
    }
  }
  [[nodiscard]] MixtureRows rows() const {
    return {x.data(), Element::float32, d, d, nullptr, centre.data(), inverse_scale.data()};
  }
  // The value, then counts, sums and squares.
  [[nodiscard]] std::vector<double> step(const Context& context, const MixtureRows& of, std::int64_t end) const {
    const std::int64_t squares = form == MixtureForm::full ? d * (d + 1) / 2 : d;
    std::vector<double> out(static_cast<std::size_t>(1 + k * (1 + d + squares)), 0.0);
    double* const sums = out.data() + 1;
    const double value = mixture_ops<float>(context).local_step(
        context, of, 0, end, {form, k, constant.data(), whitening.data(), shift.data()},
        {sums, sums + k, sums + k * (1 + d)}, {});
    out[0] = value;
    return out;
  }

  std::int64_t n, d, k;
  MixtureForm form;
  std::vector<float> x;
  std::vector<double> centre, inverse_scale, constant, shift, whitening;
};

bool agrees_with_cpu(const Mixture& mixture, const Context& context, const MixtureRows& there) {
  const std::vector<double> found = mixture.step(context, there, kCheckedRows),
                            expected = mixture.step(Context(), mixture.rows(), kCheckedRows);
  double scale = 0, worst = 0;
  for (const double v : expected) scale = std::max(scale, std::abs(v));
  for (std::size_t i = 0; i < found.size(); ++i) worst = std::max(worst, std::abs(found[i] - expected[i]) / scale);
  return worst < 1e-5;  // NaN is not
}

template <MixtureForm kForm>
void local_step(benchmark::State& state) {
  if (!has_device(state)) return;
  const Mixture mixture(state.range(0), state.range(1), state.range(2), kForm);
  const Context context(kDevice);
  MixtureRows rows = mixture.rows();
  const auto prepared = mixture_ops<float>(context).prepare(context, rows, mixture.n);
  rows.prepared = prepared.get();
  if (!agrees_with_cpu(mixture, context, rows)) {
    state.SkipWithError("the device's answer is not the CPU's");
    return;
  }
  time_runs(state, true, [&] { benchmark::DoNotOptimize(mixture.step(context, rows, mixture.n)); });
  // Of a row and component: densities by a triangle or by scales, sums of 1, z and squares; what exponentials take is not counted.
  const auto d = static_cast<double>(mixture.d), k = static_cast<double>(mixture.k), n = static_cast<double>(mixture.n);
  const double densities = kForm == MixtureForm::full ? d * (d + 1) + 2 * d : 4 * d;
  const double sums = 2 * (1 + d + (kForm == MixtureForm::full ? d * (d + 1) / 2 : d));
  const double flops = n * k * (densities + sums), bytes = 4 * n * d;
  const CudaCeilings& at_best = cuda_ceilings(0);
  using benchmark::Counter;
  state.counters["GFLOP/s"] = Counter(flops / 1e9, Counter::kIsIterationInvariantRate);
  state.counters["of_floor"] =
      Counter(std::max(flops / at_best.fma_flops, bytes / at_best.copy_bytes), Counter::kIsIterationInvariantRate);
  state.counters["copy_GB/s"] = at_best.copy_bytes / 1e9;
  state.counters["peak_GFLOP/s"] = at_best.fma_flops / 1e9;
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"n", "d", "k"})->UseManualTime()->Unit(benchmark::kMicrosecond);
  for (const std::int64_t d : {16, 64})
    for (const std::int64_t k : {20, 256}) b->Args({1000000, d, k});
  b->Args({20000, 16, 20});  // a batch
}
BENCHMARK(local_step<MixtureForm::full>)->Apply(sizes);
BENCHMARK(local_step<MixtureForm::diagonal>)->Apply(sizes);

}  // namespace
}  // namespace velbo::internal
