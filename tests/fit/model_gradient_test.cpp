// Fits of models in code by the engine `gradient`: what they answer and say of it, that they stop, resume and repeat.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cmath>
#include <numbers>
#include <thread>

#include "support/errors.h"
#include "support/gaussian_target.h"
#include "support/scratch.h"
#include "support/small_models.h"
#include "velbo/distributions.h"
#include "velbo/functions.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

using internal::GaussianTarget;
using test::error_of;
using test::funnel;

FitOptions options_of(FamilyKind family = FamilyKind::automatic, double tolerance = 0.05) {
  FitOptions out{.engine = EngineKind::gradient, .family = family, .tolerance = tolerance};
  out.diagnostic_draws = 2000;
  return out;
}

// Four latents far from z = 0, with sds from 0.15 to 9 and correlations up to 0.9; of rank 1 and own noise.
GaussianTarget distant_target() {
  Eigen::Vector4d own(0.1, 1, 4, 0.5), shared(0.15, -2, 8, 0.3);
  Eigen::MatrixXd covariance = shared * shared.transpose();
  covariance.diagonal() += own.cwiseAbs2();
  return {Eigen::Vector4d(3, -20, 70, 1), covariance.inverse()};
}
Model model_of(const GaussianTarget& target) {
  return Model::with_gradient({real("x", {target.mean.size()})}, target.log_density(), "gaussian");
}

// The largest of means' distances in posterior sds and of log sds'.
double distance(const Fit& fit, const Eigen::VectorXd& mean, const Eigen::VectorXd& sd, const Eigen::VectorXd& unit) {
  double out = 0;
  for (Eigen::Index i = 0; i < mean.size(); ++i) {
    const ParameterSummary& p = fit.summary.parameters[static_cast<std::size_t>(i)];
    out = std::max({out, std::abs(p.mean - mean[i]) / unit[i], std::abs(std::log(p.sd / sd[i]))});
  }
  return out;
}

using Case = std::tuple<FamilyKind, OptimizerKind, EntropyGradient>;
class ModelGradientFit : public testing::TestWithParam<Case> {};

// The optimum of each family is known: the target itself, and for mean field sds 1 / sqrt(P_ii) and a KL divergence of
// (sum log P_ii - log |P|) / 2.  What a fit says of its error holds to half as much again.
TEST_P(ModelGradientFit, FindsTheFamilysOptimumAndKnowsItsDistance) {
  const auto [family, optimizer, entropy] = GetParam();
  const GaussianTarget target = distant_target();
  const bool mean_field = family == FamilyKind::mean_field;
  const Eigen::MatrixXd covariance = target.precision.inverse();
  const Eigen::VectorXd sd = mean_field ? Eigen::VectorXd(target.precision.diagonal().cwiseSqrt().cwiseInverse())
                                        : Eigen::VectorXd(covariance.diagonal().cwiseSqrt());
  const double kl =
      mean_field ? 0.5 * (target.precision.diagonal().array().log().sum() - std::log(target.precision.determinant()))
                 : 0;
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    FitOptions options = options_of(family);
    options.rank = family == FamilyKind::low_rank ? 1 : 0;
    options.gradient.optimizer = optimizer;
    options.gradient.entropy = entropy;
    options.seed = seed;
    const Fit fit = velbo::fit(model_of(target), options);
    const Summary& summary = fit.summary;
    EXPECT_EQ(summary.fit.status, Status::converged) << summary.full_report();
    EXPECT_LE(summary.quality.error_sd, options.tolerance);
    EXPECT_LT(distance(fit, target.mean, sd, covariance.diagonal().cwiseSqrt()), 1.5 * options.tolerance)
        << summary.full_report();
    EXPECT_LE(summary.quality.iterate_rhat, 1.1);
    EXPECT_NEAR(summary.quality.elbo, -kl, 4 * summary.quality.elbo_se + 0.02);
    EXPECT_EQ(summary.fit.engine, "gradient");
    EXPECT_GT(summary.fit.gradient_evaluations, summary.fit.steps);
    RecordProperty("gradients", static_cast<int>(summary.fit.gradient_evaluations));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, ModelGradientFit,
    testing::Values(Case{FamilyKind::full_rank, OptimizerKind::automatic, EntropyGradient::closed_form},
                    Case{FamilyKind::mean_field, OptimizerKind::automatic, EntropyGradient::closed_form},
                    Case{FamilyKind::low_rank, OptimizerKind::automatic, EntropyGradient::closed_form},
                    Case{FamilyKind::full_rank, OptimizerKind::sgd, EntropyGradient::closed_form},
                    Case{FamilyKind::full_rank, OptimizerKind::automatic, EntropyGradient::sticking_the_landing},
                    Case{FamilyKind::mean_field, OptimizerKind::sgd, EntropyGradient::sticking_the_landing},
                    Case{FamilyKind::low_rank, OptimizerKind::automatic, EntropyGradient::sticking_the_landing}),
    [](const auto& p) {
      return std::string(name(std::get<0>(p.param))) + "_" + std::string(name(std::get<1>(p.param))) + "_" +
             std::string(name(std::get<2>(p.param)));
    });

TEST(ModelGradient, FitsAFunnel) {
  FitOptions options = options_of(FamilyKind::automatic, 0.1);
  const Fit fit = velbo::fit(funnel(), options);
  EXPECT_EQ(fit.summary.fit.status, Status::converged) << fit.summary.full_report();
  EXPECT_NEAR(fit.summary.quality.elbo, -32.2325 + std::log(2), 0.05 + 4 * fit.summary.quality.elbo_se);
  EXPECT_EQ(fit.summary.fit.family, "full_rank");
  EXPECT_NE(fit.summary.full_report().find("iterates    R-hat 1.0"), std::string::npos) << fit.summary.full_report();
  EXPECT_EQ(Summary::from_json(fit.summary.to_json()).quality.iterate_rhat, fit.summary.quality.iterate_rhat);
}

// Eight schools, centred.
struct Neck {
  std::array<double, 8> y{28, 8, -3, 7, -1, 1, 18, 12}, sigma{15, 10, 16, 11, 9, 11, 10, 18};
  template <class T>
  T operator()(const T* theta) const {
    T sum = normal_lpdf(theta[0], 0, 5) + half_cauchy_lpdf(theta[1], 5);
    for (std::size_t j = 0; j < 8; ++j)
      sum += normal_lpdf(theta[2 + j], theta[0], theta[1]) + normal_lpdf(y[j], theta[2 + j], sigma[j]);
    return sum;
  }
};

// In a funnel's neck the ELBO is flat: fresh draws find no gradient at three quarters of an sd from the optimum, and steps rest there.  That
// the answer moves from check to check shows it.
TEST(ModelGradient, HasNotConvergedWhileItsAnswersMove) {
  const Model model({real("mu"), positive("tau"), real("theta", {8})}, Neck{}, "neck");
  const Fit best = velbo::fit(model);
  const Fit fit = velbo::fit(model, options_of(FamilyKind::automatic, 0.1));
  ASSERT_EQ(fit.summary.fit.status, Status::converged) << fit.summary.fit.message;
  const std::vector<double> covariance = best.posterior.unconstrained_covariance();
  for (std::size_t i = 0; i < 10; ++i)
    EXPECT_NEAR(fit.posterior.unconstrained_mean()[i], best.posterior.unconstrained_mean()[i],
                0.2 * std::sqrt(covariance[i * 10 + i]))
        << i;
}

// Whatever the threads, and wherever it was interrupted: the same bits.
TEST(ModelGradient, GivesTheSameBitsOnThreadsAndFromCheckpoints) {
  const test::ScratchFolder folder;
  for (const FamilyKind family : {FamilyKind::full_rank, FamilyKind::mean_field, FamilyKind::low_rank}) {
    FitOptions options = options_of(family, 0.2);
    options.threads = 1;
    const Fit whole = velbo::fit(funnel(), options);
    const auto expect_same = [&](const Fit& other, std::int64_t at) {
      EXPECT_EQ(other.posterior.unconstrained_mean(), whole.posterior.unconstrained_mean()) << at;
      EXPECT_EQ(other.posterior.unconstrained_covariance(), whole.posterior.unconstrained_covariance()) << at;
      EXPECT_EQ(other.summary.quality.elbo, whole.summary.quality.elbo) << at;
      EXPECT_EQ(other.summary.quality.iterate_rhat, whole.summary.quality.iterate_rhat) << at;
      EXPECT_EQ(other.summary.fit.steps, whole.summary.fit.steps) << at;
      EXPECT_EQ(other.summary.fit.gradient_evaluations, whole.summary.fit.gradient_evaluations) << at;
    };
    options.threads = 3;
    expect_same(velbo::fit(funnel(), options), 0);
    options.threads = 1;
    options.seed = 2;
    EXPECT_NE(velbo::fit(funnel(), options).posterior.unconstrained_mean(), whole.posterior.unconstrained_mean());
    options.seed = 1;
    const std::int64_t end = whole.summary.fit.steps;
    for (const std::int64_t steps : {std::int64_t{57}, end / 2, end - 1}) {
      options.checkpoint = folder.file("fit");
      options.max_steps = steps;
      const Fit part = velbo::fit(funnel(), options);
      ASSERT_EQ(part.summary.fit.steps, steps);
      FitOptions on = options;
      on.checkpoint = {};
      on.max_steps = 0;
      on.resume = folder.file("fit");
      expect_same(velbo::fit(funnel(), on), steps);
      on.gradient.learning_rate = 0.3;
      EXPECT_TRUE(error_of([&] { static_cast<void>(velbo::fit(funnel(), on)); }, folder.file("fit"))
                      .starts_with("argument| FILE: is of a fit with learning_rate "));
    }
  }
}

TEST(ModelGradient, StartsFromAnEarlierFit) {
  const Fit first = velbo::fit(funnel());
  FitOptions options = options_of(FamilyKind::full_rank, 0.1);
  options.init = first.posterior;
  const Fit second = velbo::fit(funnel(), options);
  EXPECT_EQ(second.summary.fit.status, Status::converged);
  EXPECT_NEAR(second.summary.quality.elbo, first.summary.quality.elbo, 0.05);
}

TEST(ModelGradient, ReportsAndCanBeInterrupted) {
  FitOptions options = options_of(FamilyKind::full_rank, 0.2);
  std::int64_t calls = 0;
  bool checked = false;
  options.progress = [&](const StepReport& report) {
    EXPECT_EQ(report.step, ++calls);
    checked = checked || report.stage == "checking";
    return true;
  };
  const Fit fit = velbo::fit(funnel(), options);
  EXPECT_EQ(calls, fit.summary.fit.steps);
  EXPECT_TRUE(checked);
  options.progress = [](const StepReport& report) { return report.step < 60; };
  const Fit cut = velbo::fit(funnel(), options);
  EXPECT_EQ(cut.summary.fit.status, Status::interrupted);
  EXPECT_EQ(cut.summary.fit.steps, 60);
  EXPECT_TRUE(std::isfinite(cut.summary.quality.elbo));
  // 60 steps on the way are not an answer, whatever fresh draws think of where they are.
  options.progress = {};
  options.max_steps = 60;
  options.tolerance = 50;
  EXPECT_EQ(velbo::fit(funnel(), options).summary.fit.status, Status::max_steps);
}

struct Slow {
  template <class T>
  T operator()(const T* theta) const {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    return normal_lpdf(theta[0], 1, 2) + normal_lpdf(theta[1], theta[0] / 2, 1);
  }
};

TEST(ModelGradient, KeepsToItsTimeWithinSteps) {
  const Model model({real("z", {2})}, Slow{});
  FitOptions options = options_of(FamilyKind::automatic, 1e-4);
  options.max_seconds = 0.4;
  options.gradient.draws = 4000;  // a step takes longer than that
  const auto begin = std::chrono::steady_clock::now();
  const Fit fit = velbo::fit(model, options);
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), 1.4);
  EXPECT_EQ(fit.summary.fit.status, Status::max_seconds);
  EXPECT_EQ(fit.summary.fit.steps, 0);
  EXPECT_NE(fit.summary.quality.verdict, Verdict::good);
}

struct LogOfReal {  // the log of what may be negative, and is 0 at the start
  template <class T>
  T operator()(const T* theta) const {
    return normal_lpdf(theta[0], 0, 1) + log(theta[1]) - theta[1];
  }
};
struct Improper {  // nothing holds b
  template <class T>
  T operator()(const T* theta) const {
    return normal_lpdf(theta[0], 0, 1) + 0.0 * theta[1];
  }
};
// A normal cut off below, written without the constraint.
struct CutOff {
  double edge;
  template <class T>
  T operator()(const T* x) const {
    return x[0] < edge ? T(-INFINITY) : normal_lpdf(x[0], 0, 1) + normal_lpdf(x[1], 0, 1);
  }
};

TEST(ModelGradient, NamesWhatIsWrongWithAModel) {
  const Parameters two{real("a"), real("b")};
  const auto message_of = [&](const Model& model, Status status) {
    FitOptions options = options_of();
    options.max_steps = 20000;
    const Fit fit = velbo::fit(model, options);
    EXPECT_EQ(fit.summary.fit.status, status);
    EXPECT_EQ(fit.summary.quality.verdict, Verdict::unreliable);
    return fit.summary.fit.message;
  };
  EXPECT_EQ(message_of({two, LogOfReal{}}, Status::diverged),
            "the log joint is -inf at the start (a = 0, b = 0); with b = 1 it is finite");
  const std::string improper = message_of({two, Improper{}}, Status::diverged);
  EXPECT_TRUE(improper.starts_with("the sd of b has grown to ")) << improper;
  // Draws that are left out pull q further out: from a little past the edge until it is lost there.
  const std::string lost = message_of({two, CutOff{-0.01}}, Status::diverged);
  EXPECT_TRUE(
      lost.starts_with("40 steps in a row found hardly a draw at which the log joint is finite, the last around a = -"))
      << lost;
  const std::string cut_off = message_of({two, CutOff{-2}}, Status::max_steps);
  EXPECT_TRUE(
      cut_off.ends_with("% of q's draws the log density is not finite: the model ends where a Gaussian does not; "
                        "give the parameter a constraint"))
      << cut_off;
}

TEST(ModelGradient, RefusesWhatNeedsRows) {
  const auto refused = [](auto&& change) {
    FitOptions options = options_of();
    change(options.gradient);
    return error_of([&] { static_cast<void>(velbo::fit(funnel(), options)); });
  };
  for (const Estimator estimator : {Estimator::local, Estimator::quadrature})
    EXPECT_EQ(refused([&](GradientOptions& g) { g.estimator = estimator; }),
              "argument| estimator is \"" + std::string(name(estimator)) +
                  "\", expected \"weights\" or \"auto\": a model that is known by its log density has no rows");
  EXPECT_EQ(refused([](GradientOptions& g) { g.batch_size = 10; }),
            "argument| a batch size was given, but a model without plates has no rows to take some of");
  EXPECT_EQ(
      refused([](GradientOptions& g) { g.variance_reduction = VarianceReduction::anchor; }),
      "argument| variance_reduction is \"anchor\", expected \"none\" or \"auto\": a step looks at all of the model, so "
      "that no batch's noise is there to reduce");
  EXPECT_EQ(refused([](GradientOptions& g) { g.check_batches = true; }),
            "argument| check_batches was asked for, but a model that is known by its log density has no batches");
  EXPECT_EQ(refused([](GradientOptions& g) { g.learning_rate = -1; }),
            "argument| learning_rate is -1, expected a positive number of posterior standard deviations (0: chosen)");
}

}  // namespace
}  // namespace velbo
