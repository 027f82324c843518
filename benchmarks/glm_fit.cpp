// Whole fits: N rows of a simulated logistic regression with D columns, from arrays to a posterior with its verdict.  The
// answer is compared with a fit to 1e-6 posterior sds first; counters say how far it was off and how many passes it took.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "velbo/velbo.h"

namespace velbo {
namespace {

// Float rows that the model borrows: a fit reads them in place, nothing is copied.
struct Simulated {
  Simulated(std::int64_t n, std::int64_t d) : x(static_cast<std::size_t>(n * d)), y(static_cast<std::size_t>(n)) {
    standard_normals(make_key(1, Purpose::test), 0, 0, 0, std::span<float>(x));
    std::vector<double> u(y.size());
    standard_normals(make_key(2, Purpose::test), 0, 0, 0, std::span<double>(u));
    for (std::size_t i = 0; i < y.size(); ++i) {
      double eta = -0.5;
      for (std::size_t j = 0; j < static_cast<std::size_t>(d); ++j)
        eta += (j % 2 == 0 ? 1.4 : -1.4) / std::sqrt(static_cast<double>(d)) *
               static_cast<double>(x[i * static_cast<std::size_t>(d) + j]);
      const double p = 0.5 * std::erfc(-u[i] / std::sqrt(2.0));
      y[i] = eta + std::log(p / (1 - p)) > 0 ? 1 : 0;
    }
    const MatrixView<const float> rows{x.data(), n, d, d};
    model.emplace(Likelihood::bernoulli, GlmArrays{.x = FeatureMatrix::borrow(rows), .y = y});
  }
  std::vector<float> x;
  std::vector<double> y;
  std::optional<Glm> model;
};

void fit_logistic(benchmark::State& state) {
  const Simulated data(state.range(0), state.range(1));
  const Glm& model = *data.model;
  const Fit precise = fit(model, {.tolerance = 1e-6, .scalar = Scalar::float64, .diagnostic_draws = 100});
  double off = 0, seconds_fit = 0, passes = 0;
  // A fast fit is timed a thousand times over: with few draws, which the timed part does not make.
  FitOptions options{.threads = static_cast<int>(state.range(2)),
                     .diagnostic_draws = state.range(0) < 10000 ? 1000 : 0};
  options.device = state.range(3) == 0 ? Device{} : Device{DeviceKind::cuda, 0};
  for (auto _ : state) {
    const Fit found = fit(model, options);
    if (found.summary.fit.status != Status::converged) {
      state.SkipWithError("the fit did not converge");
      return;
    }
    seconds_fit = found.summary.fit.seconds.fit;
    passes = found.summary.fit.full_passes;
    for (std::size_t i = 0; i < found.summary.parameters.size(); ++i)
      off = std::max(off, std::abs(found.summary.parameters[i].mean - precise.summary.parameters[i].mean) /
                              precise.summary.parameters[i].sd);
    state.SetIterationTime(seconds_fit);  // the diagnosis is a counter of its own
    state.counters["diagnosis_ms"] = 1000 * found.summary.fit.seconds.diagnose;
  }
  if (off > 0.05) state.SkipWithError("means are more than 0.05 sd off");
  state.counters["sd_off"] = off;
  state.counters["passes"] = passes;
}

// On the first CUDA device too, where there is one: both in one table.
void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"n", "d", "threads", "cuda"})->Unit(benchmark::kMillisecond)->UseManualTime();
  b->Args({1000, 10, 1, 0})->Args({100000, 50, 2, 0})->Args({400000, 50, 1, 0})->Args({400000, 50, 2, 0});
  for (const DeviceInfo& device : devices()) {
    if (!(device.device == Device{DeviceKind::cuda, 0}) || !device.usable) continue;
    const auto threads = static_cast<std::int64_t>(std::thread::hardware_concurrency());
    b->Args({400000, 50, threads, 0})->Args({1000000, 100, threads, 0});
    for (const auto& [n, d] : {std::pair{1000, 10}, {100000, 50}, {400000, 50}, {1000000, 100}})
      b->Args({n, d, threads, 1});
  }
}
BENCHMARK(fit_logistic)->Apply(sizes);

}  // namespace
}  // namespace velbo
