// Fits of models in code from several starts and from where Pathfinder ends, and Pathfinder as a fit of its own.
#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "support/gaussian_target.h"
#include "support/scratch.h"
#include "support/small_models.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

using test::error_of;
using test::exact_model;
using test::funnel;

constexpr double kCoarse = 0.1;
constexpr std::int64_t kFewDraws = 500;  // of diagnoses that are only compared with each other

// Nine tenths of the mass at 3, the rest at -1, which is nearer to z = 0.  Each mode's own best Gaussian has the ELBO log(its share).
struct TwoModes {
  template <class T>
  T operator()(const T* z) const {
    return log_sum_exp(std::log(0.1) + normal_lpdf(z[0], -1, 0.3), std::log(0.9) + normal_lpdf(z[0], 3, 0.3)) +
           normal_lpdf(z[1], 0, 1);
  }
};
Model two_modes() { return {{real("z", {2})}, TwoModes{}, "two modes"}; }

TEST(Restarts, FindTheBetterMode) {
  const Fit one = velbo::fit(two_modes());
  EXPECT_EQ(one.summary.fit.status, Status::converged);
  EXPECT_NEAR(one.summary.quality.elbo, std::log(0.1), 0.01);
  EXPECT_NEAR(one.summary.parameters[0].mean, -1, 0.01);
  EXPECT_TRUE(one.summary.fit.starts.empty());
  EXPECT_TRUE(one.summary.warnings.empty());

  const Fit best = velbo::fit(two_modes(), {.restarts = 5});
  const Summary::Run& run = best.summary.fit;
  EXPECT_EQ(run.status, Status::converged);
  EXPECT_NEAR(best.summary.quality.elbo, std::log(0.9), 0.01);
  EXPECT_NEAR(best.summary.parameters[0].mean, 3, 0.01);
  EXPECT_NEAR(best.summary.parameters[0].sd, 0.3, 0.01);
  ASSERT_EQ(run.starts.size(), 6U);
  ASSERT_GT(run.best_start, 0);
  EXPECT_FALSE(run.starts[0].same_optimum);
  int others = 0;
  for (const Summary::Run::Start& start : run.starts) {
    EXPECT_NEAR(start.elbo, std::log(start.same_optimum ? 0.9 : 0.1), 0.1);
    others += start.same_optimum ? 0 : 1;
  }
  ASSERT_EQ(best.summary.warnings.size(), 1U);
  EXPECT_TRUE(
      best.summary.warnings[0].starts_with(std::to_string(others) + " of 6 starts ended at other optima, of ELBO "))
      << best.summary.warnings[0];
  EXPECT_NE(best.summary.full_report().find("starts      6, the best number "), std::string::npos)
      << best.summary.full_report();
  EXPECT_EQ(Summary::from_json(best.summary.to_json()).full_report(), best.summary.full_report());
}

// A funnel's climbs end some tenths of an sd apart, which is no other optimum; and a start without an optimum is told of.
TEST(Restarts, AreNotTakenForModesWhereThereIsOne) {
  const Fit fit = velbo::fit(funnel(), {.tolerance = kCoarse, .diagnostic_draws = kFewDraws, .restarts = 3});
  EXPECT_EQ(fit.summary.fit.status, Status::converged);
  for (const Summary::Run::Start& start : fit.summary.fit.starts) EXPECT_TRUE(start.same_optimum);
  EXPECT_TRUE(fit.summary.warnings.empty());
  EXPECT_NEAR(fit.summary.quality.elbo, -32.2325 + std::log(2), 0.05);
}

TEST(Restarts, ReachASmallFamilyToo) {
  const Fit fit = velbo::fit(two_modes(), {.engine = EngineKind::saa, .restarts = 5});
  EXPECT_EQ(fit.summary.fit.status, Status::converged);
  EXPECT_EQ(fit.summary.fit.family, "mean_field");
  EXPECT_NEAR(fit.summary.parameters[0].mean, 3, 0.01);
}

// The log joint is -infinity at z = 0, but for starts that scatter to the right.
struct RightHalf {
  template <class T>
  T operator()(const T* z) const {
    return z[0] < 0.5 ? T(-INFINITY) : normal_lpdf(z[0], 4, 0.3);
  }
};

TEST(Restarts, GoOnWhereTheFirstStartFails) {
  const Model model({real("z")}, RightHalf{});
  EXPECT_EQ(velbo::fit(model).summary.fit.status, Status::diverged);
  const Fit fit = velbo::fit(model, {.restarts = 3});
  EXPECT_EQ(fit.summary.fit.status, Status::converged) << fit.summary.fit.message;
  EXPECT_NEAR(fit.summary.parameters[0].mean, 4, 0.01);
  EXPECT_TRUE(std::isnan(fit.summary.fit.starts[0].elbo));
  bool told = false;
  for (const std::string& warning : fit.summary.warnings)
    told = told ||
           warning.find("of 4 starts led nowhere: the log joint is -inf at the start (z = 0)") != std::string::npos;
  EXPECT_TRUE(told);
}

// Cut in each phase of each start: on the way to a mode, climbing, comparing, polishing.
TEST(Restarts, GoOnFromACheckpointWithTheSameBits) {
  const test::ScratchFolder folder;
  for (const bool pathfinder : {false, true}) {
    const FitOptions options{
        .tolerance = kCoarse, .diagnostic_draws = kFewDraws, .restarts = 2, .pathfinder = pathfinder};
    const Fit whole = velbo::fit(two_modes(), options);
    ASSERT_EQ(whole.summary.fit.status, Status::converged);
    std::vector<std::int64_t> cuts{1, 3, 10, whole.summary.fit.steps - 1};
    for (std::int64_t s = 17; s < whole.summary.fit.steps; s += 31) cuts.push_back(s);
    for (const std::int64_t steps : cuts) {
      FitOptions part = options, rest = options;
      part.checkpoint = rest.resume = folder.file("fit");
      part.max_steps = steps;
      static_cast<void>(velbo::fit(two_modes(), part));
      const Fit resumed = velbo::fit(two_modes(), rest);
      EXPECT_EQ(resumed.posterior.unconstrained_mean(), whole.posterior.unconstrained_mean()) << steps;
      EXPECT_EQ(resumed.posterior.unconstrained_covariance(), whole.posterior.unconstrained_covariance()) << steps;
      EXPECT_EQ(resumed.summary.quality.elbo, whole.summary.quality.elbo) << steps;
      EXPECT_EQ(resumed.summary.quality.k_hat, whole.summary.quality.k_hat) << steps;
      EXPECT_EQ(resumed.summary.fit.gradient_evaluations, whole.summary.fit.gradient_evaluations) << steps;
      EXPECT_EQ(resumed.summary.fit.best_start, whole.summary.fit.best_start) << steps;
      EXPECT_EQ(resumed.summary.warnings, whole.summary.warnings) << steps;
    }
  }
}

// Interrupted after the first start's climb, that climb is the answer, not the start that was under way.
TEST(Restarts, AnswerWithTheBestSoFarWhenInterrupted) {
  FitOptions options{.restarts = 5};
  options.progress = [](const StepReport& report) { return !report.stage.starts_with("start 2"); };
  const Fit fit = velbo::fit(two_modes(), options);
  EXPECT_EQ(fit.summary.fit.status, Status::interrupted);
  ASSERT_EQ(fit.summary.fit.starts.size(), 1U);
  EXPECT_NEAR(fit.summary.parameters[0].mean, -1, 0.3);
  EXPECT_NEAR(fit.summary.quality.elbo, std::log(0.1), 0.2);
}

TEST(PathfinderStart, LeadsToTheSameOptimum) {
  for (const Model& model : {exact_model(), funnel()}) {
    const Fit plain = velbo::fit(model, {.tolerance = kCoarse, .diagnostic_draws = kFewDraws}),
              fit = velbo::fit(model, {.tolerance = kCoarse, .diagnostic_draws = kFewDraws, .pathfinder = true});
    EXPECT_EQ(fit.summary.fit.status, Status::converged);
    EXPECT_NEAR(fit.summary.quality.elbo, plain.summary.quality.elbo,
                4 * std::hypot(fit.summary.quality.elbo_se, plain.summary.quality.elbo_se) + 2e-3);
  }
  // Where N(0, I) has the higher ELBO, as of the funnel, it is the start: the same bits.
  EXPECT_NE(velbo::fit(exact_model(), {.pathfinder = true}).posterior.unconstrained_mean(),
            velbo::fit(exact_model()).posterior.unconstrained_mean());
}

TEST(PathfinderFit, IsNearAndSaysHowNear) {
  const Fit fit = velbo::fit(exact_model(), {.engine = EngineKind::pathfinder});
  const Summary& summary = fit.summary;
  EXPECT_EQ(summary.fit.engine, "pathfinder");
  EXPECT_EQ(summary.fit.family, "full_rank");
  EXPECT_EQ(summary.fit.status, Status::max_steps);
  EXPECT_TRUE(summary.fit.message.ends_with("natural_gradient does, with this fit as init")) << summary.fit.message;
  EXPECT_EQ(summary.fit.starts.size(), 4U);
  EXPECT_GT(summary.quality.error_sd, 0.02);
  EXPECT_LT(summary.quality.error_sd, 1);
  // ELBO = -KL(q | posterior) here, a fit of a normalised density.
  EXPECT_LT(summary.quality.elbo, 0);
  EXPECT_GT(summary.quality.elbo, -0.5);
  EXPECT_NEAR(summary.parameters[0].mean, 1, 2 * 2 * summary.quality.error_sd);
  EXPECT_NEAR(summary.quality.log_evidence, 0, 0.05);
  EXPECT_LT(summary.fit.gradient_evaluations, 80000);
  // And that is what an init is for.
  EXPECT_EQ(velbo::fit(exact_model(), {.init = fit.posterior}).summary.fit.status, Status::converged);
}

TEST(PathfinderFit, GoesOnFromACheckpointWithTheSameBits) {
  const test::ScratchFolder folder;
  const FitOptions options{.engine = EngineKind::pathfinder, .threads = 1, .diagnostic_draws = kFewDraws};
  const Fit whole = velbo::fit(funnel(), options);
  for (std::int64_t steps = 1; steps < whole.summary.fit.steps; steps += 17) {
    FitOptions part = options, rest = options;
    part.checkpoint = rest.resume = folder.file("fit");
    part.max_steps = steps;
    rest.threads = 2;
    EXPECT_NE(velbo::fit(funnel(), part).summary.quality.verdict, Verdict::good);
    const Fit resumed = velbo::fit(funnel(), rest);
    EXPECT_EQ(resumed.posterior.unconstrained_covariance(), whole.posterior.unconstrained_covariance()) << steps;
    EXPECT_EQ(resumed.summary.quality.elbo, whole.summary.quality.elbo) << steps;
    EXPECT_EQ(resumed.summary.fit.message, whole.summary.fit.message) << steps;
  }
}

TEST(Restarts, RefuseWhatMakesNoSense) {
  const auto refused = [](const FitOptions& options) {
    return error_of([&] { static_cast<void>(velbo::fit(exact_model(), options)); });
  };
  EXPECT_EQ(refused({.restarts = -1}), "argument| restarts is -1, expected 0 to 1000");
  EXPECT_EQ(
      refused({.engine = EngineKind::pathfinder, .pathfinder = true}),
      "argument| pathfinder as a start is for the engines natural_gradient and saa; the engine pathfinder is one");
  EXPECT_EQ(
      refused({.engine = EngineKind::pathfinder, .family = FamilyKind::mean_field}),
      "argument| family is \"mean_field\", expected \"full_rank\" or \"auto\" for the engine pathfinder; saa fits "
      "the others");
}

}  // namespace
}  // namespace velbo
