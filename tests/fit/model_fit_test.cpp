// Fits of models in code: what they answer.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "support/gaussian_target.h"
#include "support/small_models.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

using test::exact_model;
using test::funnel;

TEST(ModelFit, IsExactWhereThePosteriorIsGaussian) {
  const Fit fit = velbo::fit(exact_model());
  const Summary& summary = fit.summary;
  EXPECT_EQ(summary.fit.status, Status::converged);
  EXPECT_EQ(summary.quality.verdict, Verdict::good);
  EXPECT_LT(summary.quality.error_sd, 1e-3);
  EXPECT_NEAR(summary.quality.elbo, 0, 1e-5);  // the density is normalised
  EXPECT_LT(summary.quality.elbo_se, 1e-4);
  EXPECT_NEAR(summary.quality.log_evidence, 0, 1e-3);
  EXPECT_EQ(summary.fit.engine, "natural_gradient");
  EXPECT_EQ(summary.model.formula, "exact");
  EXPECT_EQ(summary.model.n_latents, 3);
  EXPECT_GT(summary.fit.gradient_evaluations, 1000);
  ASSERT_EQ(summary.parameters.size(), 3U);
  EXPECT_EQ(summary.parameters[0].name, "z[1]");
  EXPECT_NEAR(summary.parameters[0].mean, 1, 1e-3);
  EXPECT_NEAR(summary.parameters[0].sd, 2, 2e-3);
  EXPECT_NEAR(summary.parameters[1].mean, 0.5, 1e-3);
  EXPECT_NEAR(summary.parameters[1].sd, std::numbers::sqrt2, 2e-3);
  EXPECT_EQ(summary.parameters[2].name, "s");
  EXPECT_NEAR(summary.parameters[2].mean, std::exp(-1 + 0.125), 1e-3);
  EXPECT_NEAR(summary.parameters[2].q50, std::exp(-1), 1e-3);
  EXPECT_NEAR(summary.parameters[2].corrected_mean, std::exp(-0.875), 0.01);
}

// Half the log 2 of the half-Cauchy prior included; the optimum of posteriordb is -32.2325 without it.
TEST(ModelFit, SaysThatAGaussianIsNotQuiteThePosterior) {
  const Fit fit = velbo::fit(funnel());
  EXPECT_EQ(fit.summary.fit.status, Status::converged);
  EXPECT_NEAR(fit.summary.quality.elbo, -32.2325 + std::log(2), 0.03);
  EXPECT_GT(fit.summary.quality.elbo_se, 1e-3);
  EXPECT_EQ(fit.summary.quality.verdict, Verdict::usable);
  EXPECT_GT(fit.summary.quality.log_evidence, fit.summary.quality.elbo + 0.1);
  // The report and the JSON are of the same summary.
  const std::string report = fit.summary.full_report();
  EXPECT_NE(report.find("model       eight schools"), std::string::npos) << report;
  EXPECT_NE(report.find(" gradients, in "), std::string::npos) << report;
  const Summary read = Summary::from_json(fit.summary.to_json());
  EXPECT_EQ(read.full_report(), report);
}

// Of condition number 1e6, axes log-uniform, from z = 0: 0.15 sd and 13 % within 150 steps, and exact in the end.
struct IllConditioned {
  std::int64_t d;
  [[nodiscard]] double sd(std::int64_t i) const {
    return std::pow(10.0, -3 + 3 * static_cast<double>(i) / static_cast<double>(d - 1));
  }
  [[nodiscard]] double mean(std::int64_t i) const { return 5 * sd(i) * static_cast<double>(i * 7 % 5 - 2); }
  void operator()(std::int64_t n_draws, const double* z, double* value, double* gradient) const {
    for (std::int64_t s = 0; s < n_draws; ++s) {
      value[s] = -0.5 * static_cast<double>(d) * std::log(2 * std::numbers::pi);
      for (std::int64_t i = 0; i < d; ++i) {
        const double x = (z[s * d + i] - mean(i)) / sd(i);
        value[s] -= 0.5 * x * x + std::log(sd(i));
        if (gradient != nullptr) gradient[s * d + i] = -x / sd(i);
      }
    }
  }
};

TEST(ModelFit, ReachesAnIllConditionedGaussian) {
  const IllConditioned target{50};
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    FitOptions options;
    options.seed = seed;
    const Fit fit = velbo::fit(Model::with_gradient({real("x", {target.d})}, target), options);
    EXPECT_EQ(fit.summary.fit.status, Status::converged);
    EXPECT_LT(fit.summary.fit.steps, 150);
    EXPECT_NEAR(fit.summary.quality.elbo, 0, 0.01);
    for (std::int64_t i = 0; i < target.d; ++i) {
      const ParameterSummary& p = fit.summary.parameters[static_cast<std::size_t>(i)];
      EXPECT_NEAR(p.mean, target.mean(i), 0.01 * target.sd(i)) << i;
      EXPECT_NEAR(p.sd, target.sd(i), 0.01 * target.sd(i)) << i;
    }
  }
}

// Covariance diag(own)^2 + b b', which low_rank:1 holds and mean field does not.
TEST(ModelFit, FitsSmallerFamiliesToo) {
  Eigen::VectorXd own(4), b(4), mean(4);
  own << 0.5, 1, 0.3, 2;
  b << 1, -0.5, 0.8, 0.3;
  mean << 1, 2, 3, 4;
  Eigen::MatrixXd covariance = b * b.transpose();
  covariance.diagonal() += own.cwiseAbs2();
  const internal::GaussianTarget target{mean, covariance.inverse()};
  const Model model = Model::with_gradient({real("x", {4})}, target.log_density());
  FitOptions options{.family = FamilyKind::low_rank, .rank = 1};
  const Fit low_rank = velbo::fit(model, options);
  EXPECT_EQ(low_rank.summary.fit.engine, "saa");
  EXPECT_EQ(low_rank.summary.fit.family, "low_rank:1");
  EXPECT_EQ(low_rank.summary.fit.status, Status::converged) << low_rank.summary.fit.message;
  EXPECT_NEAR(low_rank.summary.quality.elbo, 0, 1e-3);
  EXPECT_EQ(low_rank.summary.quality.verdict, Verdict::good);
  const std::vector<double> found = low_rank.posterior.unconstrained_covariance();
  for (Eigen::Index i = 0; i < 4; ++i)
    for (Eigen::Index j = 0; j < 4; ++j)
      EXPECT_NEAR(found[static_cast<std::size_t>(4 * i + j)], covariance(i, j), 0.01) << i << j;
  options = {.engine = EngineKind::saa};
  const Fit mean_field = velbo::fit(model, options);
  EXPECT_EQ(mean_field.summary.fit.family, "mean_field");
  EXPECT_EQ(mean_field.summary.fit.status, Status::converged);
  // By the law of mean field KL = (sum log P_ii - log |P|) / 2.
  const double kl = 0.5 * (target.precision.diagonal().array().log().sum() - std::log(target.precision.determinant()));
  EXPECT_NEAR(mean_field.summary.quality.elbo, -kl, 4 * mean_field.summary.quality.elbo_se + 1e-6);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(mean_field.summary.parameters[i].sd,
                1 / std::sqrt(target.precision(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(i))), 1e-3);
  EXPECT_NE(mean_field.summary.quality.advice.find("mean-field"), std::string::npos)
      << mean_field.summary.quality.advice;
}

// A direction with density proportional to e^(20 m'x), m = (0.6, 0.8, 0): von Mises and Fisher's.
struct Direction {
  template <class T>
  T operator()(const T* x) const {
    return 20 * (0.6 * x[0] + 0.8 * x[1]);
  }
};

TEST(ModelFit, FindsADirection) {
  const Fit fit = velbo::fit(Model({unit_vector("x", 3)}, Direction{}));
  EXPECT_EQ(fit.summary.fit.status, Status::converged) << fit.summary.fit.message;
  // E[x] = m (coth 20 - 1/20); a Gaussian of z is near to it.
  const double length = 1 / std::tanh(20.0) - 1 / 20.0;
  EXPECT_NEAR(fit.summary.parameters[0].mean, 0.6 * length, 0.02);
  EXPECT_NEAR(fit.summary.parameters[1].mean, 0.8 * length, 0.02);
  EXPECT_NEAR(fit.summary.parameters[2].mean, 0, 0.02);
}

// Finite in a corner of what q reaches at first.
struct Corner {
  template <class T>
  T operator()(const T* theta) const {
    T sum = 0;
    for (int i = 0; i < 3; ++i) sum += normal_lpdf(theta[i], 0.001, 0.002);
    return abs(theta[0]) < 0.02 && abs(theta[1]) < 0.02 && abs(theta[2]) < 0.02 ? sum : T(std::nan(""));
  }
};

TEST(ModelFit, FindsAModelThatHardlyADrawReachesAtFirst) {
  const Fit fit = velbo::fit(Model({real("x", {3})}, Corner{}));
  EXPECT_EQ(fit.summary.fit.status, Status::converged) << fit.summary.fit.message;
  EXPECT_GT(fit.summary.fit.rejected_steps, 2);
  EXPECT_NEAR(fit.summary.parameters[1].mean, 0.001, 1e-4);
  EXPECT_NEAR(fit.summary.parameters[1].sd, 0.002, 1e-4);
  ASSERT_EQ(fit.summary.warnings.size(), 1U);
  EXPECT_NE(fit.summary.warnings[0].find("draws had a log density or gradient that is not finite and were left out"),
            std::string::npos);
}

}  // namespace
}  // namespace velbo
