// Whole gradient steps that a CUDA device makes without the host: batch, draws, pass over its rows, optimizer, average.  Checked
// against the host's steps first; each way of repeating them (StepRepetition) is timed on its own.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <vector>

#include "backend/devices.h"
#include "cuda_benchmark.h"
#include "engines/step_runner.h"
#include "models/glm_data.h"
#include "objectives/elbo_gradient.h"
#include "velbo/glm.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kRows = 1000000, kBatch = 4096, kDraws = 8, kSteps = 1000;

Glm simulated(std::int64_t d) {
  std::vector<float> x(static_cast<std::size_t>(kRows * d));
  std::vector<double> y(static_cast<std::size_t>(kRows));
  standard_normals(make_key(1, Purpose::test), 0, 0, 0, std::span<float>(x));
  standard_normals(make_key(2, Purpose::test), 0, 0, 0, std::span<double>(y));
  for (std::size_t i = 0; i < y.size(); ++i)
    y[i] = y[i] + static_cast<double>(x[i * static_cast<std::size_t>(d)]) > 0 ? 1 : 0;
  return Glm(Likelihood::bernoulli, {.x = FeatureMatrix(MatrixView<const float>{x.data(), kRows, d, d}), .y = y});
}

// d, family (0: mean field, 1: full rank), estimator and repetition as their enumerations count.
void steps(benchmark::State& state) {
  if (!has_device(state)) return;
  const std::int64_t d = state.range(0);
  const FamilyKind family = state.range(1) == 0 ? FamilyKind::mean_field : FamilyKind::full_rank;
  const auto estimator = static_cast<Estimator>(state.range(2));
  const Glm model = simulated(d);
  const GlmData& data = model.data();
  const std::int64_t latents = data.recipe.n_latents();
  GaussianPoint point{family, Eigen::VectorXd::Zero(latents), {}};
  const double sd = 1 / std::sqrt(static_cast<double>(kRows));
  point.factor = family == FamilyKind::mean_field ? Eigen::MatrixXd(Eigen::VectorXd::Constant(latents, sd))
                                                  : Eigen::MatrixXd(sd * Eigen::MatrixXd::Identity(latents, latents));
  const Whitening whitening(point, point.factor);
  BatchOrder order(kRows, kBatch, make_key(3, Purpose::test));
  const Key noise = make_key(4, Purpose::test);
  const auto runner = make_step_runner<float>(data, Context(kDevice), family, &order,
                                              {.estimator = estimator,
                                               .n_draws = kDraws,
                                               .noise_key = noise.value,
                                               .adam = true,
                                               .decay = 0.6,
                                               .longest_factor_step = 0.7,
                                               .most_rejected = 20,
                                               .keeps_elbo = true,
                                               .repetition = static_cast<StepRepetition>(state.range(3))});
  if (runner == nullptr) {
    state.SkipWithError("left to the host");
    return;
  }
  runner->begin_round(whitening, {}, 1e-3, 1e-3);
  const auto size = static_cast<std::size_t>(whitening.size());
  std::vector<double> w(size), first(size), second(size), average(size), elbo(1);
  StepVariables v{.w = w.data(),
                  .first = first.data(),
                  .second = second.data(),
                  .average = average.data(),
                  .elbo = elbo.data(),
                  .elbo_size = 1};
  runner->run(1, v);
  const auto host = make_estimator<float>(data, Context(), point, {.estimator = estimator, .draws = kDraws}, noise);
  const double expected = host->estimate(point, order.batch(0), 0).value;
  if (!(std::abs(elbo[0] - expected) < 1e-4 * std::abs(expected))) {
    state.SkipWithError("the device's ELBO is not the host's");
    return;
  }
  v.elbo = nullptr;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    runner->run(kSteps, v);
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
                           static_cast<double>(kSteps));
  }
  constexpr const char* names[] = {"automatic", "a graph's WHILE node", "a graph a step", "launches"};
  state.SetLabel(names[static_cast<int>(v.repetition)]);
  state.counters["rows_bytes"] = 4.0 * static_cast<double>(kBatch * d);
}

BENCHMARK(steps)
    ->ArgNames({"d", "full_rank", "estimator", "repetition"})
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond)
    ->Args({100, 0, static_cast<int>(Estimator::weights), static_cast<int>(StepRepetition::while_node)})
    ->Args({100, 0, static_cast<int>(Estimator::weights), static_cast<int>(StepRepetition::graph)})
    ->Args({100, 0, static_cast<int>(Estimator::weights), static_cast<int>(StepRepetition::launches)})
    ->Args({100, 0, static_cast<int>(Estimator::local), static_cast<int>(StepRepetition::automatic)})
    ->Args({100, 1, static_cast<int>(Estimator::weights), static_cast<int>(StepRepetition::automatic)})
    ->Args({100, 1, static_cast<int>(Estimator::quadrature), static_cast<int>(StepRepetition::automatic)});

}  // namespace
}  // namespace velbo::internal
