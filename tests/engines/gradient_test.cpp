// The engine `gradient`, step by step: scripted gradients and a Gaussian target, against the recurrences of its parts (which
// have tests of their own) put together by hand.
#include "engines/gradient.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "models/glm_data.h"
#include "support/errors.h"
#include "support/target_oracle.h"

namespace velbo::internal {
namespace {

constexpr Eigen::Index kLatents = 2;
const Key kKey = make_key(3, Purpose::test);

// N(mean, I), of which mean field is the family; its whitened coordinates at sds of 1 are means and sqrt 2 times log sds.
GaussianTarget target_at(double a, double b) { return {Eigen::Vector2d(a, b), Eigen::Matrix2d::Identity()}; }

GaussianPoint point_at_zero(double sd = 1) {
  return {FamilyKind::mean_field, Eigen::Vector2d::Zero(), Eigen::MatrixXd::Constant(kLatents, 1, sd)};
}

struct Call {
  std::vector<std::int64_t> batch;
  std::uint32_t step;
};

// Gradients by a function of point and call; remembers the calls.
class Scripted final : public ElboEstimator {
 public:
  using Script = std::function<ElboGradient(const GaussianPoint&, const Call&)>;
  Scripted(Script script, std::vector<Call>& calls) : script_(std::move(script)), calls_(calls) {}
  ElboGradient estimate(const GaussianPoint& point, std::span<const std::int64_t> batch, std::uint32_t step) override {
    calls_.push_back({{batch.begin(), batch.end()}, step});
    return script_(point, calls_.back());
  }

 private:
  Script script_;
  std::vector<Call>& calls_;
};

class SteppedFit {
 public:
  SteppedFit(const GaussianTarget& target, Scripted::Script script, const GradientOptions& options,
             const GaussianPoint& start = point_at_zero(), std::int64_t n_rows = 0) {
    data_.n_rows = n_rows;
    for (Eigen::Index i = 0; i < kLatents; ++i) {
      data_.recipe.names.push_back("z" + std::to_string(i));
      data_.priors.push_back({data_.recipe.names.back(), Prior::normal(0, 1), false});
    }
    std::optional<BatchOrder> order;
    if (options.batch_size > 0) order.emplace(n_rows, options.batch_size, kKey);
    engine_ = std::make_unique<GradientEngine>(data_, std::make_unique<TargetOracle>(target),
                                               std::make_unique<Scripted>(std::move(script), calls_), std::move(order),
                                               GradientSettings{options, 1e-9, false}, start);
  }
  GradientEngine& operator*() { return *engine_; }
  GradientEngine* operator->() { return engine_.get(); }
  [[nodiscard]] EngineState state() const {
    EngineState out;
    engine_->save(out);
    return out;
  }
  [[nodiscard]] Eigen::VectorXd w() const { return state().vector("w"); }
  [[nodiscard]] const std::vector<Call>& calls() const { return calls_; }

 private:
  GlmData data_;
  std::vector<Call> calls_;
  std::unique_ptr<GradientEngine> engine_;
};

ElboGradient gradient_of(double a, double b, double c, double d) {
  return {0, Eigen::Vector2d(a, b), Eigen::MatrixXd(Eigen::Vector2d(c, d))};
}

GradientOptions plain_options() {
  GradientOptions out;
  out.estimator = Estimator::weights;
  out.optimizer = OptimizerKind::sgd;
  out.variance_reduction = VarianceReduction::none;
  out.learning_rate = 0.1;
  return out;
}

// Noise that is a function of the step, one of them an outlier.
ElboGradient noise_of(std::uint32_t step) {
  const double t = 1 + step, size = step == 7 ? 40 : 1;
  return gradient_of(size * std::sin(t), size * std::cos(2 * t), 0.5 * std::sin(3 * t), 0.3 * std::cos(t));
}

// Two rounds of 20 and 30 steps: schedule, clip, momentum and average in the order they have, and a new start of all that
// belongs to a round's coordinates.
TEST(GradientEngine, IsItsPartsPutTogether) {
  GradientOptions options = plain_options();
  options.momentum = 0.5;
  options.warm_up_steps = 4;
  options.decay = 0.3;
  options.clip = 2;
  SteppedFit run(
      target_at(0.3, -0.2), [](const GaussianPoint&, const Call& call) { return noise_of(call.step); }, options);
  Whitening whitening(point_at_zero(), Eigen::MatrixXd::Ones(kLatents, 1));
  Optimizer optimizer(OptimizerKind::sgd, 0.5);
  Clip clip(2);
  Average average;
  Eigen::VectorXd w = Eigen::VectorXd::Zero(4);
  for (std::uint32_t step = 0; step < 50; ++step) {
    run->advance(1);
    Eigen::VectorXd g = whitening.pull_back(w, noise_of(step));
    clip.apply(g);
    w += optimizer.step(g, Eigen::VectorXd::Constant(4, 0.1 * schedule(step, 4, 0.3)));
    average.add(w);
    if (step == 19) {
      whitening = Whitening(whitening.at(average.value()), Eigen::MatrixXd::Ones(kLatents, 1));
      w.setZero();
      optimizer.restart();
      average.restart();
      EXPECT_TRUE(run.state().matrix("reference.factor").isApprox(whitening.reference().factor, 1e-12));
      EXPECT_TRUE(run.state().matrix("reference.mean").isApprox(whitening.reference().mean, 1e-12));
    }
    if (step < 49) {
      ASSERT_TRUE(run.w().isApprox(w, 1e-12) || (w.isZero(0) && run.w().isZero(0))) << step;
      EXPECT_EQ(run.state().whole("average.count"), average.count()) << step;
    }
  }
  EXPECT_EQ(run.state().whole("round"), 3);  // the second of 30 steps
  EXPECT_EQ(run.state().whole("round_length"), 45);
}

// Without averages the next round starts at the last step.
TEST(GradientEngine, AveragesOnlyWhereAsked) {
  GradientOptions options = plain_options();
  options.averaging = false;
  options.decay = 0;
  SteppedFit run(
      target_at(0.5, 0), [](const GaussianPoint&, const Call&) { return gradient_of(0.1, 0, 0, 0); }, options);
  run->advance(20);
  EXPECT_NEAR(run.state().matrix("reference.mean")(0, 0), 20 * 0.1 * 0.1, 1e-12);
}

// The step size by the rule, for D = 2 latents, batches of B rows and S draws: 1/2 over (1 + sqrt(D / B))^2, for sds besides
// over (1 + sqrt(1 / S))^2; it falls as (1 + t / 10)^-0.6.
TEST(GradientEngine, StepSizeByTheRule) {
  GradientOptions options = plain_options();
  options.learning_rate = 0;
  options.clip = 0;
  options.batch_size = 8;
  options.draws = 4;
  SteppedFit run(
      target_at(0.5, 0), [](const GaussianPoint&, const Call&) { return gradient_of(0.01, 0, 0.01, 0); }, options,
      point_at_zero(), 40);
  run->advance(1);
  const double means = 0.5 / (1.5 * 1.5), sds = means / (1.5 * 1.5);
  EXPECT_NEAR(run.w()[0], 0.01 * means, 1e-14);
  EXPECT_NEAR(run.w()[2], 0.01 * sds / std::sqrt(2), 1e-14);
  run->advance(1);
  EXPECT_NEAR(run.w()[0], 0.01 * means * (1 + std::pow(1.1, -0.6)), 1e-14);
}

// Adam's own rate is a tenth of the full gradient's largest element, here 3.
TEST(GradientEngine, AdamsRateIsAShareOfTheDistanceLeft) {
  GradientOptions options = plain_options();
  options.learning_rate = 0;
  options.optimizer = OptimizerKind::adam;
  SteppedFit run(
      target_at(3, -1), [](const GaussianPoint&, const Call&) { return gradient_of(5, -5, 0, 0); }, options);
  run->advance(1);
  EXPECT_NEAR(run.w()[0], 0.3, 1e-8);
  EXPECT_NEAR(run.w()[1], -0.3, 1e-8);
}

// Every batch once an epoch, in the order's order, with noise that is the step's; a round is an epoch.
TEST(GradientEngine, StepsLookAtTheOrdersBatches) {
  GradientOptions options = plain_options();
  options.batch_size = 7;
  SteppedFit run(
      target_at(0.5, 0), [](const GaussianPoint&, const Call&) { return gradient_of(0, 0, 0, 0); }, options,
      point_at_zero(), 200);
  run->advance(5);
  EXPECT_EQ(run.state().whole("round_length"), 29);
  BatchOrder order(200, 7, kKey);
  ASSERT_EQ(run.calls().size(), 5U);
  for (std::uint32_t step = 0; step < 5; ++step) {
    const std::span<const std::int64_t> batch = order.batch(step);
    EXPECT_EQ(run.calls()[step].step, step);
    EXPECT_EQ(run.calls()[step].batch, std::vector<std::int64_t>(batch.begin(), batch.end()));
  }
}

// An estimate that is the exact gradient plus noise of the step: with an anchor the noise is gone, from the first step on.
TEST(GradientEngine, TheAnchorTakesTheStepsNoiseAway) {
  const GaussianTarget target = target_at(0.5, -0.3);
  GradientOptions options = plain_options();
  options.variance_reduction = VarianceReduction::anchor;
  options.batch_size = 10;
  const auto noisy = [&](const GaussianPoint& point, const Call& call) {
    ElboGradient out = exact_gradient({FamilyKind::low_rank, point.mean, point.factor}, target);
    out.mean += noise_of(call.step).mean;
    return out;
  };
  SteppedFit run(target, noisy, options, point_at_zero(), 100);
  Eigen::VectorXd w = Eigen::VectorXd::Zero(4);
  const Whitening whitening(point_at_zero(), Eigen::MatrixXd::Ones(kLatents, 1));
  for (int step = 0; step < 15; ++step) {
    run->advance(1);
    w.head(2) += 0.1 * (target.mean - w.head(2));
    ASSERT_LT((run.w() - w).norm(), 1e-12) << step;
  }
  ASSERT_EQ(run.calls().size(), 29U);                        // the first step is at the anchor
  for (std::size_t i = 1; i < run.calls().size(); i += 2) {  // the same rows and the same noise twice
    EXPECT_EQ(run.calls()[i].batch, run.calls()[i + 1].batch);
    EXPECT_EQ(run.calls()[i].batch.size(), 10U);
    EXPECT_EQ(run.calls()[i].step, run.calls()[i + 1].step);
  }
}

// Where steps with an anchor lead downhill, their round is undone and the next one's steps are half as long.
TEST(GradientEngine, ARoundThatLowersTheElboIsUndone) {
  const GaussianTarget target = target_at(0.5, 0);
  GradientOptions options = plain_options();
  options.variance_reduction = VarianceReduction::anchor;
  const auto away = [](const GaussianPoint& point, const Call&) {
    return gradient_of(30 * point.mean[0], 0, 0, 0);  // wrong but at the anchor
  };
  SteppedFit run(target, away, options);
  run->advance(20);
  EXPECT_EQ(run->report().rejected_steps, 1);
  EXPECT_EQ(run.state().number("damping"), 0.5);
  EXPECT_EQ(run->point().mean, Eigen::VectorXd(Eigen::Vector2d::Zero()));
  EXPECT_TRUE(run.w().isZero(0));
  run->advance(1);
  EXPECT_NEAR(run.w()[0], 0.5 * 0.1 * 0.5, 1e-14);
}

// A plain round that lowers the ELBO is noise: the fit goes on from there, but what it answers is the best that it has seen.
TEST(GradientEngine, APlainRoundThatLowersTheElboIsKeptButNotAnswered) {
  GradientOptions options = plain_options();
  options.decay = 0;
  SteppedFit run(target_at(0, 0), [](const GaussianPoint&, const Call&) { return gradient_of(1, 0, 0, 0); }, options,
                 {FamilyKind::mean_field, Eigen::Vector2d(0.1, 0), Eigen::MatrixXd::Ones(kLatents, 1)});
  run->advance(20);
  EXPECT_GT(run.state().matrix("reference.mean")(0, 0), 1);
  EXPECT_EQ(run->point().mean[0], 0.1);
  EXPECT_NEAR(run->report().error_sd, 0.1, 1e-12);
  EXPECT_EQ(run->report().rejected_steps, 0);
}

// Gradients that are not finite move nothing and halve the steps; many in a row end the fit.
TEST(GradientEngine, GradientsThatAreNotFiniteHalveTheSteps) {
  GradientOptions options = plain_options();
  options.decay = 0;
  options.clip = 0;
  const auto script = [](const GaussianPoint&, const Call& call) {
    return gradient_of(call.step == 1 || call.step > 3 ? std::numeric_limits<double>::quiet_NaN() : 1, 0, 0, 0);
  };
  SteppedFit run(target_at(1, 0), script, options);
  run->advance(1);
  EXPECT_NEAR(run.w()[0], 0.1, 1e-14);
  run->advance(1);
  EXPECT_NEAR(run.w()[0], 0.1, 1e-14);
  run->advance(1);
  EXPECT_NEAR(run.w()[0], 0.15, 1e-14);
  EXPECT_EQ(run->report().rejected_steps, 1);
  EXPECT_FALSE(run->report().diverged);
  run->advance(100);
  EXPECT_TRUE(run->report().diverged);
}

TEST(GradientEngine, StepsOfTheFactorHaveALongestLength) {
  GradientOptions options = plain_options();
  options.clip = 0;
  SteppedFit run(
      target_at(0, 0), [](const GaussianPoint&, const Call&) { return gradient_of(100, 0, 100, 50); }, options,
      point_at_zero(0.5));
  run->advance(1);
  EXPECT_NEAR(run.w()[0], 10, 1e-12);  // means may go as far as they like
  EXPECT_NEAR(run.w()[2], 0.7, 1e-12);
  EXPECT_NEAR(run.w()[3], 0.35, 1e-12);
}

// The error counts sds: means are right here, log sds off by log 2.
TEST(GradientEngine, TheErrorIsTheWorseOfMeansAndSds) {
  SteppedFit run(
      target_at(0, 0), [](const GaussianPoint&, const Call&) { return gradient_of(0, 0, 0, 0); }, plain_options(),
      point_at_zero(0.5));
  run->advance(1);
  EXPECT_NEAR(run->report().error_sd, std::log(2), 1e-12);
}

// Means are whitened by the model's curvature, not by q: here q's sds are 1.
TEST(GradientEngine, MeansAreWhitenedByTheCurvature) {
  Eigen::Matrix2d precision;
  precision << 4, 1, 1, 3;
  const auto still = [](const GaussianPoint& point, const Call&) {
    return ElboGradient{0, Eigen::Vector2d::Zero(), 0 * point.factor};
  };
  const auto factor_at = [&](const GaussianPoint& start) {
    SteppedFit run({Eigen::Vector2d(0.5, 0), precision}, still, plain_options(), start);
    run->advance(1);
    return run.state().matrix("mean_factor");
  };
  const Eigen::MatrixXd full = factor_at({FamilyKind::full_rank, Eigen::Vector2d::Zero(), Eigen::Matrix2d::Identity()});
  EXPECT_TRUE((full * full.transpose()).isApprox(precision.inverse(), 1e-12));
  EXPECT_TRUE(factor_at(point_at_zero()).isApprox(Eigen::Vector2d(0.5, 1 / std::sqrt(3)), 1e-12));
}

// One look at loadings, which creep along flat directions, says nothing about how far they still have to go.
TEST(GradientEngine, TheErrorOfLowRankIsKnownFromTheSecondCheckOn) {
  const auto still = [](const GaussianPoint& point, const Call&) {
    return ElboGradient{0, Eigen::Vector2d::Zero(), 0 * point.factor};
  };
  SteppedFit run(target_at(0.5, 0), still, plain_options(),
                 {FamilyKind::low_rank, Eigen::Vector2d::Zero(), Eigen::Matrix2d::Constant(0.5)});
  run->advance(1);
  EXPECT_EQ(run->report().error_sd, std::numeric_limits<double>::infinity());
  run->advance(19);
  EXPECT_GT(run->report().error_sd, 0.1);
  EXPECT_LT(run->report().error_sd, 10);
}

// Iterates that go on and iterates that go to and fro; with an anchor they have no noise to speak of.
TEST(GradientEngine, ShowsWhetherNoisyIteratesAreAtRest) {
  GradientOptions options = plain_options();
  options.decay = 0;
  const auto rhat_of = [&](const Scripted::Script& script) {
    SteppedFit run(target_at(0, 0), script, options,
                   {FamilyKind::mean_field, Eigen::Vector2d(0.5, 0), Eigen::MatrixXd::Ones(kLatents, 1)});
    run->advance(20);
    return run->report().iterate_rhat;
  };
  const auto onwards = [](const GaussianPoint&, const Call&) { return gradient_of(1, 0, 0, 0); };
  EXPECT_GT(rhat_of(onwards), 2);
  EXPECT_LT(
      rhat_of([](const GaussianPoint&, const Call& call) { return gradient_of(call.step % 2 == 0 ? 1 : -1, 0, 0, 0); }),
      1.1);
  options.variance_reduction = VarianceReduction::anchor;
  EXPECT_TRUE(std::isnan(rhat_of(onwards)));
}

// Where a limit ends a fit within a round, what its steps have reached counts.
TEST(GradientEngine, EvaluateLooksAtWhatTheLastStepsReached) {
  const GaussianTarget target = target_at(1, 0);
  GradientOptions options = plain_options();
  options.decay = 0;
  SteppedFit run(
      target, [](const GaussianPoint& point, const Call&) { return gradient_of(1 - point.mean[0], 0, 0, 0); }, options);
  run->advance(10);
  EXPECT_EQ(run->point().mean[0], 0);
  const double before = run->report().elbo;
  EXPECT_GT(run->evaluate(), before + 0.1);
  EXPECT_GT(run->point().mean[0], 0.3);
}

// Batches whose mean gradient is not that of all rows: an estimator that is wrong is not fitted with.
TEST(GradientEngine, BatchesThatDoNotAgreeAreRefused) {
  GradientOptions options = plain_options();
  options.batch_size = 10;
  options.check_batches = true;
  for (const double off : {0.0, 1e-6}) {
    const auto script = [&](const GaussianPoint&, const Call& call) {
      return gradient_of(1 + (call.batch.empty() ? off : 0), 0, 0, 0);
    };
    SteppedFit run(target_at(1, 0), script, options, point_at_zero(), 95);
    const std::string error = test::error_of([&] { run->advance(1); });
    if (off == 0) {
      EXPECT_EQ(error, "nothing");
    } else {
      EXPECT_TRUE(error.starts_with("internal| the mean gradient of an epoch's 10 batches")) << error;
    }
  }
}

}  // namespace
}  // namespace velbo::internal
