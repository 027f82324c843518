// The engine `gradient` of models in code, step by step: Adam's recurrences in the whitened coordinates, rounds, what fresh draws have
// to say, and what a model's holes do.
#include "engines/model_gradient.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/gaussian_target.h"

namespace velbo::internal {
namespace {

const Key kKey = make_key(4, Purpose::test);

GradientOptions options_of(double rate) {
  GradientOptions out;
  out.estimator = Estimator::weights;
  out.optimizer = OptimizerKind::adam;
  out.draws = 8;
  out.learning_rate = rate;
  out.clip = 0;
  return out;
}

GaussianPoint standard_point(FamilyKind family) {
  return {family, Eigen::Vector3d::Zero(),
          family == FamilyKind::full_rank ? Eigen::MatrixXd(Eigen::Matrix3d::Identity())
                                          : Eigen::MatrixXd(Eigen::Vector3d::Ones())};
}

std::unique_ptr<ModelGradientEngine> engine_of(const BatchLogDensity& density, const ModelGradientSettings& settings,
                                               const GaussianPoint& start, bool warm = false) {
  const Context context(Device{}, 1);
  const Model model = Model::with_gradient({real("x", {start.dimension()})}, density);
  return std::make_unique<ModelGradientEngine>(std::make_unique<ModelDensity>(model, context), context, settings, start,
                                               warm);
}

// In fixed coordinates: the ADVI of the literature, Adam on the estimator's gradient, whose own tests say what that is.
TEST(ModelGradientEngine, IsAdamOnTheEstimatorsGradient) {
  const GaussianTarget target = small_target();
  for (const FamilyKind family : {FamilyKind::mean_field, FamilyKind::full_rank}) {
    const ModelGradientSettings settings{options_of(0.05), 0.02, kKey, true};
    const GaussianPoint start = standard_point(family);
    const auto engine = engine_of(target.log_density(), settings, start);
    ModelEstimator estimator(target.log_density(), Context(), start, {.estimator = Estimator::weights, .draws = 8},
                             fold_in(kKey, 1));
    const Whitening whitening(start, Eigen::Vector3d::Ones());
    Optimizer adam(OptimizerKind::adam, 0);
    Average average;
    Eigen::VectorXd w = Eigen::VectorXd::Zero(whitening.size());
    for (std::uint32_t t = 0; t < 200; ++t) {
      engine->advance(1);
      const GaussianPoint here = whitening.at(w);
      ASSERT_LT((engine->point().mean - here.mean).norm(), 1e-12) << t;
      ASSERT_LT((engine->point().factor - here.factor).norm(), 1e-12) << t;
      const Eigen::VectorXd g = whitening.pull_back(w, estimator.estimate(here, {}, t));
      w += adam.step(g, Eigen::VectorXd::Constant(w.size(), 0.05));
      average.add(w);
    }
    EXPECT_LT((engine->reached().mean - whitening.at(average.value()).mean).norm(), 1e-12);
    EXPECT_EQ(engine->report().evaluations, 1 + 200 * 8);  // one at the start
  }
}

// The rate by the rule: 0.1 for means, min(0.1, 0.2 sqrt(S) / D) for the factor, here of D = 3 and S = 1.
TEST(ModelGradientEngine, StepSizeByTheRule) {
  GradientOptions options = options_of(0);
  options.draws = 1;
  const auto engine =
      engine_of(small_target().log_density(), {options, 0.02, kKey}, standard_point(FamilyKind::full_rank));
  engine->advance(1);
  EngineState state;
  engine->save(state);
  const Eigen::VectorXd w = state.vector("w");  // Adam's first step has the rate's length in every coordinate
  EXPECT_NEAR(w.head(3).cwiseAbs().minCoeff(), 0.1, 1e-6);
  EXPECT_NEAR(w.head(3).cwiseAbs().maxCoeff(), 0.1, 1e-6);
  EXPECT_NEAR(w.tail(6).cwiseAbs().minCoeff(), 0.2 / 3, 1e-6);
  EXPECT_NEAR(w.tail(6).cwiseAbs().maxCoeff(), 0.2 / 3, 1e-6);
}

// Iterates that still move begin a longer round where they are; at rest they are checked, and steps get shorter where that is not enough.
TEST(ModelGradientEngine, RoundsGrowAndStepsShrink) {
  GaussianTarget target = small_target();
  target.mean *= 100;
  const auto engine =
      engine_of(target.log_density(), {options_of(0.1), 1e-9, kKey}, standard_point(FamilyKind::full_rank));
  EngineState state;
  const auto now = [&] {
    engine->save(state);
    return state.whole("round_length");
  };
  engine->advance(40);
  EXPECT_GT(engine->report().iterate_rhat, 1.1);
  EXPECT_EQ(now(), 50);
  EXPECT_EQ(state.whole("steps_in_round"), 0);
  EXPECT_EQ(state.number("damping"), 1);
  for (int i = 0; i < 3000 && engine->report().stage != "checking"; ++i) engine->advance(1);
  ASSERT_EQ(engine->report().stage, "checking");
  EXPECT_LE(engine->report().iterate_rhat, 1.1);
  const std::int64_t length = now();
  const GaussianPoint average = engine->point();
  engine->advance(1);
  EXPECT_EQ(now(), static_cast<std::int64_t>(1.5 * static_cast<double>(length)));
  EXPECT_EQ(state.number("damping"), 0.5);
  EXPECT_EQ(engine->point().mean, average.mean);
  EXPECT_LT((average.mean - target.mean).norm(), 0.5);
  EXPECT_GT(engine->report().elbo_se, 0);
}

// The steps' draws come to rest at a mean of 0.5, and fresh ones know that it is 0: at rest is not converged.
TEST(ModelGradientEngine, FreshDrawsHaveTheLastWord) {
  const auto two_faced = [](std::int64_t n, const double* z, double* value, double* gradient) {
    const double mean = n <= 8 ? 0.5 : 0;
    for (std::int64_t s = 0; s < n; ++s) {
      value[s] = 0;
      for (int i = 0; i < 3; ++i) {
        const double x = z[3 * s + i] - mean;
        value[s] -= 0.5 * x * x;
        if (gradient != nullptr) gradient[3 * s + i] = -x;
      }
    }
  };
  for (const FamilyKind family : {FamilyKind::full_rank, FamilyKind::mean_field}) {
    const auto engine = engine_of(two_faced, {options_of(0.1), 0.05, kKey}, standard_point(family));
    for (int i = 0; i < 3000 && engine->report().stage != "checking"; ++i) engine->advance(1);
    ASSERT_EQ(engine->report().stage, "checking");
    EXPECT_LE(engine->report().iterate_rhat, 1.1);
    engine->advance(1500);
    EXPECT_GT(engine->report().error_sd, 0.4);
    EXPECT_LT(engine->report().error_sd, 0.6);
    static_cast<void>(engine->evaluate());
    EXPECT_GT(engine->report().error_sd, 0.4);
  }
}

// An answer is as good as its iterates' mean is known, too: here fresh draws see nothing wrong with q = posterior, which is where it starts,
// but the iterates of few noisy steps do not know that.
TEST(ModelGradientEngine, IteratesThatDoNotKnowTheirMeanAreNotConverged) {
  const GaussianTarget target = small_target();
  const auto engine = engine_of(target.log_density(), {options_of(0.1), 0.02, kKey}, exact_posterior(target));
  engine->advance(30);
  static_cast<void>(engine->evaluate());
  EXPECT_GT(engine->report().error_sd, 0.02);
}

// A warm start is looked at first; it is the answer where the steps from there do not leave it.
TEST(ModelGradientEngine, OneLookIsNotEnough) {
  const GaussianTarget target = small_target();
  const auto engine = engine_of(target.log_density(), {options_of(0.1), 0.05, kKey}, exact_posterior(target), true);
  engine->advance(1);
  EXPECT_LT(engine->report().elbo_se, 1e-9);
  EXPECT_EQ(engine->report().error_sd, std::numeric_limits<double>::infinity());
  for (int i = 0; i < 3000 && !(engine->report().error_sd <= 0.05); ++i) engine->advance(1);
  EXPECT_LE(engine->report().error_sd, 0.05);
  EXPECT_LT((engine->point().mean - target.mean).norm(), 0.1);
}

// Hardly a draw within the model: q shrinks to half until there are some.
TEST(ModelGradientEngine, LooksCloserWhereHardlyADrawIsFinite) {
  const GaussianTarget target = small_target();
  const auto corner = [&](std::int64_t n, const double* z, double* value, double* gradient) {
    target.log_density()(n, z, value, gradient);
    for (std::int64_t s = 0; s < n; ++s)
      if (Eigen::Vector3d::Map(z + 3 * s).cwiseAbs().maxCoeff() > 0.01) value[s] = -INFINITY;
  };
  const auto engine = engine_of(corner, {options_of(0.01), 0.02, kKey}, standard_point(FamilyKind::full_rank));
  engine->advance(5);
  EXPECT_EQ(engine->report().rejected_steps, 5);
  EngineState state;
  engine->save(state);
  EXPECT_NEAR(state.matrix("reference.factor")(0, 0), 1.0 / 32, 1e-15);
  engine->advance(5);
  EXPECT_LT(engine->report().rejected_steps, 10);
  ASSERT_EQ(engine->findings().size(), 1U);
  EXPECT_NE(engine->findings()[0].find("draws had a log density or gradient that is not finite"), std::string::npos);
}

}  // namespace
}  // namespace velbo::internal
