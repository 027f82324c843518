// What every fit promises: determinism, limits, interruption, warm starts, invariances, and accuracy on large data.
#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "support/simulate.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

Glm small_model() { return Glm("y ~ x1 + x2", Likelihood::bernoulli, test::logistic_table(500, 2, 1)); }

void expect_same_bits(const Fit& a, const Fit& b) {
  EXPECT_EQ(a.posterior.unconstrained_mean(), b.posterior.unconstrained_mean());
  EXPECT_EQ(a.posterior.unconstrained_covariance(), b.posterior.unconstrained_covariance());
  EXPECT_EQ(a.summary.quality.elbo, b.summary.quality.elbo);
  EXPECT_EQ(a.summary.quality.k_hat, b.summary.quality.k_hat);
  EXPECT_EQ(a.summary.parameters[0].corrected_sd, b.summary.parameters[0].corrected_sd);
}

TEST(Fit, SameSeedSameBitsWithAnyThreads) {
  // Enough rows for subsamples, several chunks and threads that share them.
  const Glm model("y ~ x1 + x2 + x3 + x4 + x5", Likelihood::bernoulli, test::logistic_table(60000, 5, 2));
  const Fit one = velbo::fit(model, {.threads = 1});
  for (const int threads : {1, 2, 5}) expect_same_bits(one, velbo::fit(model, {.threads = threads}));
  // Another seed draws other rows and other diagnostic draws: the answer agrees, the bits do not.
  const Fit other = velbo::fit(model, {.seed = 2});
  EXPECT_NE(one.posterior.unconstrained_mean(), other.posterior.unconstrained_mean());
  for (std::size_t i = 0; i < one.summary.parameters.size(); ++i)
    EXPECT_NEAR(one.summary.parameters[i].mean, other.summary.parameters[i].mean, 0.02 * one.summary.parameters[i].sd);
}

TEST(Fit, StopsAtMaxSteps) {
  const Fit fit = velbo::fit(small_model(), {.tolerance = 1e-300, .max_steps = 4});
  EXPECT_EQ(fit.summary.fit.status, Status::max_steps);
  EXPECT_EQ(fit.summary.fit.steps, 4);
  EXPECT_FALSE(fit.summary.converged());
  EXPECT_TRUE(std::isfinite(fit.summary.quality.elbo));
}

TEST(Fit, StopsAtMaxSeconds) {
  const Fit fit = velbo::fit(small_model(), {.tolerance = 1e-300, .max_steps = 1000000000, .max_seconds = 0.05});
  EXPECT_EQ(fit.summary.fit.status, Status::max_seconds);
}

TEST(Fit, ACallbackSeesStepsAndCanCancel) {
  std::vector<std::int64_t> steps;
  FitOptions options{.tolerance = 1e-300, .max_steps = 1000};
  options.progress = [&](const StepReport& report) {
    steps.push_back(report.step);
    EXPECT_GE(report.progress, 0);
    EXPECT_LE(report.progress, 1);
    return report.step < 7;
  };
  const Fit fit = velbo::fit(small_model(), options);
  EXPECT_EQ(fit.summary.fit.status, Status::interrupted);
  EXPECT_EQ(steps, (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7}));
  EXPECT_GT(fit.summary.parameters[1].sd, 0);  // what has been fitted is returned
}

TEST(Fit, CancelledInTheFirstSubsampleStillAnswersForAllRows) {
  const Glm model("y ~ x1", Likelihood::bernoulli, test::logistic_table(40000, 1, 3));
  FitOptions options;
  options.progress = [](const StepReport&) { return false; };
  const Fit fit = velbo::fit(model, options);
  EXPECT_EQ(fit.summary.fit.status, Status::interrupted);
  EXPECT_EQ(fit.summary.quality.verdict, Verdict::unreliable);
  EXPECT_NEAR(fit.summary.quality.elbo, velbo::fit(model).summary.quality.elbo, 0.1 * 40000);
}

TEST(Fit, AnEarlierFitIsAShortcut) {
  const Glm model = small_model();
  const Fit cold = velbo::fit(model);
  const Fit warm = velbo::fit(model, {.init = cold.posterior});
  EXPECT_EQ(warm.summary.fit.status, Status::converged);
  EXPECT_EQ(warm.summary.fit.steps, 3);  // the fewest from which the remaining error can be told
  EXPECT_LE(warm.summary.fit.steps, cold.summary.fit.steps);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_NEAR(warm.summary.parameters[i].mean, cold.summary.parameters[i].mean, 0.02 * cold.summary.parameters[i].sd);
  const Fit from_other_family = velbo::fit(model, {.family = FamilyKind::mean_field, .init = cold.posterior});
  EXPECT_EQ(from_other_family.summary.fit.status, Status::converged);
  const Glm another("y ~ x1", Likelihood::bernoulli, test::logistic_table(500, 2, 1));
  EXPECT_EQ(test::error_of([&] { static_cast<void>(velbo::fit(another, {.init = cold.posterior})); }),
            "argument| the fit to start from has the parameters Intercept, x1, x2, expected Intercept, x1");
}

TEST(Fit, AFrequencyWeightIsThatManyRows) {
  const Table once = test::logistic_table(60, 2, 4);
  Table thrice;
  for (const char* column : {"x1", "x2", "y"}) {
    std::vector<double> values;
    for (int k = 0; k < 3; ++k)
      values.insert(values.end(), once.at(column).numbers.begin(), once.at(column).numbers.end());
    thrice.add_numbers(column, values);
  }
  Table weighted = once;
  weighted.add_numbers("w", std::vector<double>(60, 3.0));
  for (const Likelihood likelihood : {Likelihood::bernoulli, Likelihood::gaussian}) {
    GlmOptions options;
    const Fit repeated =
        velbo::fit(Glm("y ~ x1 + x2", likelihood, thrice, options), {.tolerance = 1e-5, .scalar = Scalar::float64});
    options.weights = "w";
    const Fit counted =
        velbo::fit(Glm("y ~ x1 + x2", likelihood, weighted, options), {.tolerance = 1e-5, .scalar = Scalar::float64});
    EXPECT_NEAR(repeated.summary.quality.elbo, counted.summary.quality.elbo, 1e-6);
    for (std::size_t i = 0; i < repeated.summary.parameters.size(); ++i) {
      EXPECT_NEAR(repeated.summary.parameters[i].mean, counted.summary.parameters[i].mean, 1e-6);
      EXPECT_NEAR(repeated.summary.parameters[i].sd, counted.summary.parameters[i].sd, 1e-6);
    }
    EXPECT_NEAR(repeated.summary.model.priors[1].prior.scale, counted.summary.model.priors[1].prior.scale, 1e-12);
  }
}

// The ELBO of a full-rank fit of a nearly Gaussian posterior is the log evidence, from below.
TEST(Fit, ElboIsBelowTheLogEvidence) {
  const Fit fit = velbo::fit(small_model());
  EXPECT_LT(fit.summary.quality.elbo, fit.summary.quality.log_evidence + 0.002);
  EXPECT_GT(fit.summary.quality.elbo, fit.summary.quality.log_evidence - 0.05);
  EXPECT_EQ(fit.summary.quality.verdict, Verdict::good);
}

TEST(FitOptions, AreChecked) {
  const Glm model = small_model();
  const auto error = [&](const FitOptions& options) {
    return test::error_of([&] { static_cast<void>(velbo::fit(model, options)); });
  };
  EXPECT_EQ(error({.tolerance = 0}),
            "argument| tolerance is 0, expected a positive number of posterior standard deviations");
  EXPECT_EQ(error({.max_steps = -1}), "argument| max_steps is -1, expected 1 or more (0: chosen)");
  EXPECT_EQ(error({.max_seconds = -1}), "argument| max_seconds is -1, expected a positive number");
  EXPECT_EQ(error({.threads = -2}), "argument| threads is -2, expected 0 (all) or a positive number");
  EXPECT_EQ(error({.device = Device{DeviceKind::cuda, 7}}).substr(0, 7), "device|");
}

}  // namespace
}  // namespace velbo
