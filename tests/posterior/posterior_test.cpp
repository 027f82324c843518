// Moments, quantiles and draws of a posterior.
#include "velbo/posterior.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "posterior/make_posterior.h"
#include "posterior/normal_quantile.h"
#include "support/errors.h"

namespace velbo {
namespace {

using test::error_of;

constexpr double rounding = 1e-13;  // relative

TEST(Posterior, CoefficientsAreGaussianAndSigmaIsLogNormal) {
  const Posterior q = test::correlated(Likelihood::gaussian);
  const double sd1 = std::hypot(0.3, 0.4), sd2 = std::sqrt(0.04 + 0.01 + 0.09);
  EXPECT_EQ(q.mean()[0], 0.3);
  EXPECT_NEAR(q.mean()[2], std::exp(0.2 + sd2 * sd2 / 2), rounding);
  EXPECT_NEAR(q.sd()[0], 0.5, rounding);
  EXPECT_NEAR(q.sd()[1], sd1, rounding);
  EXPECT_NEAR(q.sd()[2], std::exp(0.2 + sd2 * sd2 / 2) * std::sqrt(std::exp(sd2 * sd2) - 1), rounding);
  EXPECT_NEAR(q.quantile(0.5)[2], std::exp(0.2), rounding);
  EXPECT_NEAR(q.quantile(0.95)[1], -0.8 + 1.6448536269514722 * sd1, rounding);
  EXPECT_NEAR(q.quantile(0.05)[2], std::exp(0.2 - 1.6448536269514722 * sd2), rounding);
  EXPECT_NEAR(q.unconstrained_covariance()[1], -0.15, rounding);
  EXPECT_NEAR(q.unconstrained_covariance()[8], sd2 * sd2, rounding);
}

TEST(Posterior, WithoutSigmaNothingIsTransformed) {
  const Posterior q = test::correlated(Likelihood::bernoulli);
  EXPECT_EQ(q.mean()[2], 0.2);
  EXPECT_NEAR(q.quantile(0.95)[2], 0.2 + 1.6448536269514722 * std::sqrt(0.14), rounding);
}

TEST(Posterior, LogProbIsTheGaussianDensity) {
  const Posterior q = test::make_posterior(Likelihood::poisson, FamilyKind::mean_field, {1, 2}, {0.5, 2});
  const std::vector<double> z = {1.5, 0};
  EXPECT_NEAR(q.log_prob(z), -std::log(2 * std::numbers::pi) - std::log(0.5 * 2) - 0.5 - 0.5, rounding);
  EXPECT_EQ(error_of([&] { (void)q.log_prob(std::vector<double>{1}); }),
            "shape| z has 1 elements, expected one a latent: 2");
}

TEST(Posterior, RefusesImpossibleProbabilities) {
  const Posterior q = test::correlated(Likelihood::bernoulli);
  for (const double p : {0.0, 1.0, -0.5, std::nan("")}) {
    EXPECT_NE(error_of([&] { (void)q.quantile(p); }), "nothing");
  }
  EXPECT_NE(error_of([&] { (void)q.sample(-1); }), "nothing");
}

TEST(Posterior, DrawIDependsOnSeedAndIAlone) {
  const Posterior q = test::correlated(Likelihood::gaussian);
  const std::vector<double> all = q.sample(100, 7);
  EXPECT_EQ(q.sample(100, 7), all);
  EXPECT_NE(q.sample(100, 8), all);
  const std::vector<double> few = q.sample(10, 7);
  EXPECT_TRUE(std::equal(few.begin(), few.end(), all.begin()));
  const std::vector<double> later = q.sample(40, 7, 60);
  EXPECT_TRUE(std::equal(later.begin(), later.end(), all.begin() + 180));
  EXPECT_TRUE(q.sample(0).empty());
  // Beyond 2^32 draws the numbers do not begin again.
  EXPECT_NE(q.sample(1, 7, std::int64_t{1} << 32), q.sample(1, 7, 0));
}

TEST(Posterior, NormalQuantileInvertsTheDistributionFunction) {
  for (double log_p = -700; log_p < -0.001; log_p += 0.173) {
    const double p = std::exp(log_p), z = internal::normal_quantile(p);
    EXPECT_NEAR(0.5 * std::erfc(-z * std::numbers::sqrt2 / 2) / p, 1, 2e-15 * (1 + z * z)) << p;
  }
  EXPECT_EQ(internal::normal_quantile(0.5), 0);
  EXPECT_EQ(internal::normal_quantile(0), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(internal::normal_quantile(1), std::numeric_limits<double>::infinity());
}

// 9 z-scores, |z| < 5 each: a false alarm once in 200,000 choices of the seed (the seed is fixed).
TEST(PosteriorStatistical, DrawsHaveTheMomentsThatAreReported) {
  for (const auto likelihood : {Likelihood::gaussian, Likelihood::bernoulli}) {
    const Posterior q = test::correlated(likelihood);
    constexpr std::int64_t n = 200'000;
    const std::vector<double> draws = q.sample(n, 3);
    const std::vector<double> mean = q.mean(), sd = q.sd(), q95 = q.quantile(0.95);
    for (std::size_t j = 0; j < 3; ++j) {
      double sum = 0, above = 0;
      for (std::size_t i = j; i < draws.size(); i += 3) {
        sum += draws[i];
        above += draws[i] > q95[j] ? 1 : 0;
      }
      const double root = std::sqrt(static_cast<double>(n));
      EXPECT_LT(std::fabs(sum / static_cast<double>(n) - mean[j]), 5 * sd[j] / root);
      EXPECT_LT(std::fabs(above / static_cast<double>(n) - 0.05), 5 * std::sqrt(0.05 * 0.95) / root);
    }
    double product = 0;
    for (std::size_t i = 0; i < draws.size(); i += 3) product += (draws[i] - 0.3) * (draws[i + 1] + 0.8);
    EXPECT_NEAR(product / static_cast<double>(n), -0.15, 5 * 0.3 / std::sqrt(static_cast<double>(n)));
  }
}

}  // namespace
}  // namespace velbo
