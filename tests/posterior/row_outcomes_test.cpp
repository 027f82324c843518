// Predictions of likelihoods known by their log density: new outcomes against draws, closed forms, and limits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "math/special.h"
#include "posterior/make_posterior.h"
#include "posterior/outcome_law.h"
#include "support/row_likelihoods.h"
#include "velbo/distributions.h"

namespace velbo {
namespace {

using test::matrix;

struct Row {
  double mean, sd, lower, upper;
};
Row predict(const Posterior& q, PredictionKind kind, double interval, double offset = 0) {
  const std::vector<double> x = {0.7}, o = {offset};
  const Predictions p = q.predict(matrix(x, 1), o, {}, {.kind = kind, .interval = interval});
  return {p.mean[0], p.sd[0], p.lower[0], p.upper[0]};
}

// Intercept, x and the auxiliary parameters, all correlated, the sds of the latents some tenths.
Posterior some_posterior(const test::RowCase& c) {
  std::vector<double> mean = {0.4, 0.8}, factor;
  for (const double a : c.auxiliary) mean.push_back(std::log(a));
  const std::vector<double> noise = test::normals(16, 3);
  for (std::size_t i = 0; i < mean.size(); ++i)
    for (std::size_t j = 0; j < mean.size(); ++j) factor.push_back(j > i ? 0 : i == j ? 0.15 : 0.15 * noise[4 * i + j]);
  return test::make_posterior(c.likelihood, FamilyKind::full_rank, mean, factor);
}

// 4 z-scores of each case and interval, |z| < 5.
TEST(RowOutcomesStatistical, AgreeWithDraws) {
  for (test::RowCase c : test::row_cases()) {
    if (c.likelihood == Likelihood::student_t) c.auxiliary[1] = 30;  // draws have a fourth moment
    const Posterior q = some_posterior(c);
    const std::size_t d = 2 + c.auxiliary.size();
    constexpr int kDraws = 200'000;
    const std::vector<double> theta = q.sample(kDraws, 7);
    std::mt19937_64 words(5);
    std::vector<double> outcome;
    for (std::size_t s = 0; s < kDraws; ++s)
      outcome.push_back(test::simulate_outcome(c.likelihood, theta[s * d] + 0.7 * theta[s * d + 1] + 0.2,
                                               theta.data() + s * d + 2, words));
    for (const double interval : {0.5, 0.95}) {
      SCOPED_TRACE(text_of(c));
      const Row p = predict(q, PredictionKind::outcome, interval, 0.2);
      double sum = 0, square = 0, fourth = 0, below[4] = {};
      for (const double y : outcome) {
        const double off = y - p.mean;
        sum += off / kDraws;
        square += off * off / kDraws;
        fourth += off * off * off * off / kDraws;
        below[0] += y < p.lower ? 1.0 / kDraws : 0;
        below[1] += y <= p.lower ? 1.0 / kDraws : 0;
        below[2] += y < p.upper ? 1.0 / kDraws : 0;
        below[3] += y <= p.upper ? 1.0 / kDraws : 0;
      }
      EXPECT_LT(std::abs(sum), 5 * p.sd / std::sqrt(kDraws));
      EXPECT_LT(std::abs(square - p.sd * p.sd), 5 * std::sqrt((fourth - square * square) / kDraws));
      const double tail = (1 - interval) / 2, noise = 5 * std::sqrt(tail * (1 - tail) / kDraws);
      EXPECT_LT(below[0], tail + noise);
      EXPECT_GT(below[1], tail - noise);
      EXPECT_LT(below[2], 1 - tail + noise);
      EXPECT_GT(below[3], 1 - tail - noise);
    }
  }
}

TEST(RowOutcomes, ResponseAndPredictorAreThoseOfTheLink) {
  for (const test::RowCase& c : test::row_cases()) {
    const Posterior q = some_posterior(c);
    const Row linear = predict(q, PredictionKind::linear, 0.9), response = predict(q, PredictionKind::response, 0.9);
    EXPECT_NEAR(linear.mean, 0.4 + 0.7 * 0.8, 1e-14);
    if (c.likelihood == Likelihood::student_t) {
      EXPECT_EQ(response.mean, linear.mean);
      EXPECT_EQ(response.upper, linear.upper);
    } else if (c.likelihood == Likelihood::beta) {
      EXPECT_NEAR(response.upper, 1 / (1 + std::exp(-linear.upper)), 1e-12);
      EXPECT_GT(response.mean, 0.5);
    } else {
      EXPECT_NEAR(response.mean, std::exp(linear.mean + 0.5 * linear.sd * linear.sd), 1e-12);
      EXPECT_NEAR(response.upper, std::exp(linear.upper), 1e-12);
    }
  }
}

// R: qt(0.95, 4), qnbinom(c(0.05, 0.95), size = 1.8, mu = 10).
TEST(RowOutcomes, AnAlmostCertainPosteriorGivesTheLawsOwnQuantiles) {
  const std::vector<double> tiny = {1e-9, 0, 0, 0, 1e-9, 0, 0, 0, 1e-9};
  const Posterior counts = test::make_posterior(Likelihood::negative_binomial, FamilyKind::full_rank,
                                                {std::log(10.0), 0, std::log(1.8)}, tiny);
  const Row n = predict(counts, PredictionKind::outcome, 0.9);
  EXPECT_NEAR(n.mean, 10, 1e-7);
  EXPECT_NEAR(n.sd, std::sqrt(10 + 100 / 1.8), 1e-7);
  // P(Y <= k) of the sum of probabilities, and the quantiles it gives.
  const internal::OutcomeLaw& law = *internal::outcome_law(Likelihood::negative_binomial);
  double sum = 0, lower = -1, upper = -1;
  const double phi = 1.8;
  for (int k = 0; k < 200; ++k) {
    sum += std::exp(std::lgamma(k + phi) - std::lgamma(phi) - std::lgamma(k + 1.0) + phi * std::log(phi / (phi + 10)) +
                    k * std::log(10 / (phi + 10)));
    EXPECT_NEAR(law.cdf(k, std::log(10.0), &phi), sum, 1e-12);
    if (lower < 0 && sum >= 0.05) lower = k;
    if (upper < 0 && sum >= 0.95) upper = k;
  }
  EXPECT_EQ(n.lower, lower);
  EXPECT_EQ(n.upper, upper);
  const Posterior t = test::make_posterior(Likelihood::student_t, FamilyKind::mean_field,
                                           {1, 0, std::log(0.5), std::log(4.0)}, {1e-9, 1e-9, 1e-9, 1e-9});
  const Row s = predict(t, PredictionKind::outcome, 0.9);
  EXPECT_NEAR(s.sd, 0.5 * std::sqrt(2.0), 1e-7);
  EXPECT_NEAR(s.upper, 1 + 0.5 * 2.131846786, 1e-7);
  EXPECT_NEAR(s.lower, 1 - 0.5 * 2.131846786, 1e-7);
}

// Sums of their densities by Simpson's rule.
TEST(RowOutcomes, DistributionFunctionsAreIntegralsOfDensities) {
  const internal::OutcomeLaw &gamma = *internal::outcome_law(Likelihood::gamma),
                             &beta = *internal::outcome_law(Likelihood::beta);
  for (const double shape : {2.5, 4.0, 60.0})
    for (const double eta : {-1.2, 0.3, 1.5}) {
      const auto g = [&](double y) { return std::exp(gamma_lpdf(y, shape, shape * std::exp(-eta))); };
      const double phi = 2 * shape / std::min(1 / (1 + std::exp(-eta)), 1 / (1 + std::exp(eta))),
                   mu = 1 / (1 + std::exp(-eta));
      const auto b = [&](double y) { return std::exp(beta_lpdf(y, mu * phi, (1 - mu) * phi)); };
      for (const double share : {0.3, 1.0, 2.5}) {
        const double to_gamma = share * std::exp(eta), to_beta = std::min(0.97, share * mu);
        double sum_gamma = 0, sum_beta = 0;
        constexpr int kSteps = 20000;
        for (int i = 0; i <= kSteps; ++i) {
          const double w = (i == 0 || i == kSteps ? 1 : i % 2 == 1 ? 4 : 2) / (3.0 * kSteps);
          sum_gamma += w * to_gamma * g(to_gamma * i / kSteps);
          sum_beta += w * to_beta * b(to_beta * i / kSteps);
        }
        EXPECT_NEAR(gamma.cdf(to_gamma, eta, &shape), sum_gamma, 2e-7) << shape << " " << eta << " " << share;
        EXPECT_NEAR(beta.cdf(to_beta, eta, &phi), sum_beta, 2e-7) << phi << " " << eta << " " << share;
      }
    }
}

// Also where eta is far less certain than the outcome itself is spread.
TEST(RowOutcomes, StudentTOfManyDegreesIsGaussian) {
  for (const double sd : {0.02, 0.5, 5.0}) {
    const Posterior gaussian =
        test::make_posterior(Likelihood::gaussian, FamilyKind::mean_field, {0.3, 0.8, -0.5}, {sd, 0.1, 0.3});
    const Posterior t = test::make_posterior(Likelihood::student_t, FamilyKind::mean_field,
                                             {0.3, 0.8, -0.5, std::log(1e7)}, {sd, 0.1, 0.3, 0.1});
    const Row a = predict(gaussian, PredictionKind::outcome, 0.9), b = predict(t, PredictionKind::outcome, 0.9);
    EXPECT_NEAR(b.sd, a.sd, 1e-4 * a.sd) << sd;
    EXPECT_NEAR(b.lower, a.lower, 2e-4 * a.sd) << sd;
    EXPECT_NEAR(b.upper, a.upper, 2e-4 * a.sd) << sd;
  }
}

TEST(RowOutcomes, AVarianceThatIsNotThereIsInfinite) {
  const auto sd = [](double nu) {
    return predict(test::make_posterior(Likelihood::student_t, FamilyKind::mean_field, {0, 0, 0, std::log(nu)},
                                        {0.1, 0.1, 0.1, 0.3}),
                   PredictionKind::outcome, 0.9)
        .sd;
  };
  EXPECT_TRUE(std::isinf(sd(3)));
  EXPECT_TRUE(std::isfinite(sd(10)));
}

}  // namespace
}  // namespace velbo
