// The local step of hidden Markov models on a CUDA device, rows resident, as an engine calls it: densities, recursions and sums; parameters
// brought there and the copy of the results included.  Timed by events on its stream; wall_us is what the caller waits.  Before a size
// is timed, its statistics of the first sequences are compared with the CPU's.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cuda_benchmark.h"
#include "cuda_ceilings.h"
#include "sequences/hidden_markov_model.h"
#include "velbo/random.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kColumns = 8, kSymbols = 100, kChecked = 4;

Sequences make_sequences(EmissionKind kind, std::int64_t n_sequences, std::int64_t length) {
  const std::int64_t n = n_sequences * length;
  std::vector<std::int64_t> start;
  for (std::int64_t i = 0; i < n_sequences; ++i) start.push_back(i * length);
  std::vector<double> x(static_cast<std::size_t>(n * (kind == EmissionKind::gaussian ? kColumns : 1)));
  standard_normals(make_key(1, Purpose::test), 0, 0, 0, std::span<double>(x));
  if (kind == EmissionKind::gaussian) return Sequences::numbers({x.data(), n, kColumns, kColumns}, start);
  std::vector<std::int64_t> symbols;
  for (const double v : x)
    symbols.push_back(std::clamp<std::int64_t>(static_cast<std::int64_t>(kSymbols / 2 + 15 * v), 0, kSymbols - 1));
  return Sequences::symbols(symbols, kSymbols, start);
}

template <EmissionKind kKind>
void local_step(benchmark::State& state) {
  if (!has_device(state)) return;
  const std::int64_t sequences = state.range(0), length = state.range(1), k = state.range(2);
  const Sequences x = make_sequences(kKind, sequences, length);
  HiddenMarkovPrior prior{.kind = kKind, .n_states = k, .width = x.width(), .sticky = 5};
  prior.mean_precision = 0.01;
  prior.degrees_of_freedom = kColumns + 2;
  if (kKind == EmissionKind::gaussian) {
    prior.centre.assign(kColumns, 0);
    prior.scale.assign(kColumns, 1);
  }
  HiddenMarkovModel there(x, prior, Context(kDevice), Scalar::float32), here(x, prior, Context(), Scalar::float32);
  const std::vector<double> start = here.starting_statistics(make_key(2, Purpose::test));
  const auto step = [&](HiddenMarkovModel& model, std::int64_t n) {
    std::vector<double> out(start.size(), 0.0);
    out.push_back(model.local_step({0, n}, true, std::span(out).first(start.size())));
    return out;
  };
  there.set_statistics(start);
  here.set_statistics(start);
  const std::int64_t checked = std::min(sequences, kChecked);
  const std::vector<double> found = step(there, checked), expected = step(here, checked);
  double scale = 0, worst = 0;
  for (const double v : expected) scale = std::max(scale, std::abs(v));
  for (std::size_t i = 0; i < found.size(); ++i) worst = std::max(worst, std::abs(found[i] - expected[i]) / scale);
  if (!(worst < 1e-4)) {
    state.SkipWithError("the device's answer is not the CPU's");
    return;
  }
  time_runs(state, false, [&] { benchmark::DoNotOptimize(step(there, sequences)); });
  state.counters["rows/s"] =
      benchmark::Counter(static_cast<double>(sequences * length), benchmark::Counter::kIsIterationInvariantRate);
}

// Many short sequences, one long one, and states enough for several warps.
void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"sequences", "length", "k"})->UseManualTime()->Unit(benchmark::kMicrosecond);
  b->Args({10000, 100, 8})->Args({10000, 100, 32})->Args({2000, 100, 128})->Args({1, 20000, 8});
}
BENCHMARK(local_step<EmissionKind::gaussian>)->Apply(sizes);
BENCHMARK(local_step<EmissionKind::categorical>)->Apply(sizes);

}  // namespace
}  // namespace velbo::internal
