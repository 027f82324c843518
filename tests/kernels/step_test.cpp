// Runs of gradient steps under every schedule.  That they are the host's steps is shown by tests/engines/device_steps_test.cpp.
#include "step_program.cuh"

#include <gtest/gtest.h>

#include <vector>

#include "device_steps.cuh"
#include "emulator/every_schedule.h"
#include "math/sobol.h"
#include "row_case.h"

namespace velbo::kernels {
namespace {

struct StepCase {
  const char* name;
  FamilyKind family;
  Estimator estimator;
  std::int64_t batch, n_draws;
  bool adam, anchored, stick, sobol;
  std::int64_t d = 37;  // a warp's lanes, and some
  std::int64_t n_rows = 75;
};

// What a few steps leave, in batches of which the last of an epoch is short, where they are not all rows.
template <class T>
std::vector<double> steps(const StepCase& c) {
  const RowCase<T> rows({.name = "",
                         .d = c.d,
                         .copying = Copying::vectors,
                         .intercept = true,
                         .likelihood = internal::RowLikelihood::bernoulli},
                        c.n_rows);
  const std::int64_t d = c.d, k = c.family == FamilyKind::full_rank ? d : 1;
  const std::int64_t p = d + (k == 1 ? d : d * (d + 1) / 2);
  Noise noise(9);
  internal::StepModel<T> model;
  model.rows = rows.source().rows;
  model.batch_size = c.batch;
  model.batch_key = 11;
  model.n_latents = model.n_lines = d;
  std::vector<std::int64_t> line;
  for (std::int64_t j = 0; j < d; ++j) line.push_back((j + 1) % d);
  model.line = line.data();
  const std::vector<internal::StepPrior> priors(static_cast<std::size_t>(d), {Prior::student_t(3, 0, 1), 0.1, false});
  model.priors = priors.data();
  const std::vector<std::uint32_t> directions = internal::sobol_directions(d);
  model.directions = directions.data();
  model.n_directions = static_cast<std::int64_t>(directions.size());
  internal::StepSettings settings;
  settings.family = c.family;
  settings.estimator = c.estimator;
  settings.n_draws = c.n_draws;
  settings.draw_kind = c.sobol ? DrawKind::sobol : DrawKind::iid;
  settings.entropy = c.stick ? EntropyGradient::sticking_the_landing : EntropyGradient::closed_form;
  settings.adam = c.adam;
  settings.momentum = c.adam ? 0 : 0.5;
  settings.clip = 2;
  settings.anchored = c.anchored;
  settings.longest_factor_step = 0.1;
  settings.most_rejected = 20;
  settings.keeps_elbo = true;
  StepProgram<T> program(Launch{}, model, settings);

  const std::vector<double> mean = noise.numbers<double>(d, 0.3), anchor = noise.numbers<double>(p, 0.1);
  std::vector<double> factor = noise.numbers<double>(d * k, 0.1);
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t j = 0; j < k; ++j) {
      double& f = factor[static_cast<std::size_t>(i * k + j)];
      f = k == 1 || i == j ? 0.2 + f : j < i ? f : 0;
    }
  program.begin_round({.mean = mean.data(),
                       .mean_factor = factor.data(),
                       .mean_factor_is_diagonal = k == 1,
                       .factor = factor.data(),
                       .anchor = anchor.data(),
                       .mean_rate = 0.02,
                       .factor_rate = 0.01});
  std::vector<double> all(static_cast<std::size_t>(4 * p) + 8, 0.0);
  internal::StepVariables v{.w = all.data(),
                            .first = all.data() + p,
                            .second = all.data() + 2 * p,
                            .average = all.data() + 3 * p,
                            .elbo = all.data() + 4 * p,
                            .elbo_size = 7};
  LaunchedSteps repetition;
  const std::int64_t n_steps = d > 100 ? 2 : 3;
  program.run(n_steps, v, [&](std::int64_t n_rows, std::int64_t n, const auto& enqueue) {
    repetition.repeat(program.launch(), internal::StepRepetition::launches, n_rows, n, enqueue);
  });
  EXPECT_EQ(v.at.step, n_steps);
  EXPECT_EQ(v.at.rejected, 0);
  all.back() = v.at.usual_length;
  return all;
}

class Steps : public testing::TestWithParam<StepCase> {};

TEST_P(Steps, SameBitsUnderEverySchedule) {
  for (const bool in_double : {false, true}) {
    if (in_double && GetParam().d > 100) continue;  // these kernels are the same
    const std::vector<double> all = simt::same_under_every_schedule(
        [&] { return in_double ? steps<double>(GetParam()) : steps<float>(GetParam()); });
    for (const double value : all) ASSERT_TRUE(std::isfinite(value));
    EXPECT_GT(all.back(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Steps,
    testing::Values(
        StepCase{"draws_full_rank", FamilyKind::full_rank, Estimator::weights, 32, 9, false, true, true, false},
        StepCase{"draws_mean_field", FamilyKind::mean_field, Estimator::weights, 75, 3, true, false, true, true},
        StepCase{"local_mean_field", FamilyKind::mean_field, Estimator::local, 32, 5, false, true, false, false},
        StepCase{"quadrature_full_rank", FamilyKind::full_rank, Estimator::quadrature, 40, 0, true, false, false,
                 false},
        // The short batch of 1,056 rows is cut into twice as many chunks as the others.
        StepCase{"chunks", FamilyKind::mean_field, Estimator::weights, 1064, 1, false, false, false, false, 5, 2120},
        // More columns than a block has threads.
        StepCase{"wide_mean_field", FamilyKind::mean_field, Estimator::weights, 40, 1, true, false, false, false, 259}),
    [](const auto& c) { return std::string(c.param.name); });

}  // namespace
}  // namespace velbo::kernels
