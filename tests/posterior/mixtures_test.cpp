// The integrals behind predictions, against fine sums.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "math/expectations.h"
#include "posterior/count_mixture.h"
#include "posterior/logistic_moments.h"
#include "posterior/scale_mixture.h"

namespace velbo::internal {
namespace {

// E f(m + s u), u standard normal, by the trapezoid rule with 20,000 nodes.
template <class F>
double average(double m, double s, const F& f) {
  constexpr int n = 10'000;
  long double sum = 0, total = 0;
  for (int i = -n; i <= n; ++i) {
    const double u = 12.0 * i / n;
    const long double weight = std::exp(-0.5L * u * u);
    total += weight;
    sum += weight * static_cast<long double>(f(m + s * u));
  }
  return static_cast<double>(sum / total);
}

TEST(LogisticMoments, AgreeWithFineSums) {
  for (const double s : {1e-8, 1e-4, 0.05, 0.3, 0.69, 0.71, 1.0, 1.5, 3.0, 8.0})
    for (double m = -30; m <= 30; m += 1.7) {
      const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
      const double mean = average(m, s, sigmoid);
      const double variance = average(m, s, [&](double x) { return (sigmoid(x) - mean) * (sigmoid(x) - mean); });
      const Moments found = logistic_moments(m, s);
      EXPECT_NEAR(found.mean, mean, 1e-13 + 1e-9 * mean) << m << " " << s;
      EXPECT_NEAR(found.mean, mean, 1e-14) << m << " " << s;
      if (m < 15 && s > 1e-7) {
        EXPECT_NEAR(found.sd / std::sqrt(variance), 1, 1e-7) << m << " " << s;
      }
      EXPECT_NEAR(found.mean, logistic_expectation(m, s).sigmoid, 1e-6) << "the fit's own rule";
    }
  EXPECT_EQ(logistic_moments(0, 0).mean, 0.5);
  EXPECT_EQ(logistic_moments(0, 0).sd, 0);
  EXPECT_NEAR(logistic_moments(0, 1e6).sd, 0.5, 1e-6);
}

double poisson_cdf(double k, double rate) {
  double term = std::exp(-rate), sum = 0;
  for (int j = 0; j <= k; ++j, term *= rate / j) sum += term;
  return sum;
}

double binomial_cdf(double k, double n, double p) {
  double sum = 0;
  for (int j = 0; j <= k; ++j)
    sum += std::exp(std::lgamma(n + 1) - std::lgamma(j + 1.0) - std::lgamma(n - j + 1) + j * std::log(p) +
                    (n - j) * std::log1p(-p));
  return sum;
}

constexpr double cdf_error = 2e-8;

TEST(CountMixtures, AgreeWithFineSums) {
  for (const double s : {0.01, 0.2, 1.0, 2.0})
    for (const double m : {-3.0, 0.0, 2.0})
      for (const double k : {0.0, 1.0, 4.0, 19.0}) {
        const double poisson =
            average(m, s, [&](double eta) { return std::exp(eta) < 600 ? poisson_cdf(k, std::exp(eta)) : 0; });
        EXPECT_NEAR(poisson_mixture_cdf(k, m, s), poisson, cdf_error) << m << " " << s << " " << k;
      }
  for (const double s : {0.01, 1.0})
    for (const double m : {-3.0, 0.5})
      for (const double k : {0.0, 3.0, 11.0}) {
        const double binomial =
            average(m, s, [&](double eta) { return binomial_cdf(k, 12, 1 / (1 + std::exp(-eta))); });
        if (k < 12) {
          EXPECT_NEAR(binomial_mixture_cdf(k, 12, m, s), binomial, cdf_error) << m << " " << s << " " << k;
        }
      }
}

TEST(CountMixtures, AreExactWithoutSpread) {
  for (const double k : {0.0, 1.0, 5.0, 30.0, 1000.0}) {
    EXPECT_NEAR(poisson_mixture_cdf(k, std::log(5.0), 0), poisson_cdf(k, 5), cdf_error);
    EXPECT_NEAR(binomial_mixture_cdf(k, 2000, std::log(0.25), 0), binomial_cdf(k, 2000, 0.2), cdf_error);
  }
  // A large count is nearly normal: the median of Poisson(mu) is about mu - 1/3.
  EXPECT_NEAR(poisson_mixture_quantile(0.5, std::log(1e8), 0), 1e8, 1);
}

TEST(CountMixtures, QuantilesAreTheSmallestThatReachTheProbability) {
  for (const double s : {0.0, 0.1, 1.0, 3.0})
    for (const double m : {-6.0, -1.0, 2.0, 7.0})
      for (const double p : {1e-6, 0.05, 0.5, 0.95, 1 - 1e-6}) {
        const double k = poisson_mixture_quantile(p, m, s);
        EXPECT_EQ(k, std::floor(k));
        EXPECT_GE(poisson_mixture_cdf(k, m, s), p) << m << " " << s << " " << p;
        if (k > 0) {
          EXPECT_LT(poisson_mixture_cdf(k - 1, m, s), p) << m << " " << s << " " << p;
        }
        const double n = 57, j = binomial_mixture_quantile(p, n, m, s);
        EXPECT_TRUE(j >= 0 && j <= n && j == std::floor(j));
        if (j < n) {
          EXPECT_GE(binomial_mixture_cdf(j, n, m, s), p) << m << " " << s << " " << p;
        }
        if (j > 0) {
          EXPECT_LT(binomial_mixture_cdf(j - 1, n, m, s), p) << m << " " << s << " " << p;
        }
      }
  EXPECT_EQ(binomial_mixture_quantile(0.5, 0, 1, 1), 0);
  EXPECT_TRUE(std::isnan(poisson_mixture_quantile(0.5, HUGE_VAL, 1)));
  const double huge = poisson_mixture_quantile(0.9, 60, 0.5);
  EXPECT_NEAR(huge / std::exp(60 + 0.5 * 1.2815515655446004), 1, 1e-12);
}

TEST(ScaleMixtures, AgreeWithFineSums) {
  for (const double sd : {0.01, 0.3, 1.0})
    for (const double y : {-8.0, -1.0, 0.2, 3.0}) {
      const double s = 0.7, covariance = -0.5 * s * sd, m = 0.2;
      const double exact = average(0, 1, [&](double u) {
        const double scale = std::exp(0.3 + sd * u);
        const double spread = std::sqrt(0.75 * s * s + scale * scale);
        return 0.5 * std::erfc(-(y - m - covariance / sd * u) / (spread * std::numbers::sqrt2));
      });
      const ScaleMixture mixture(0.3, sd);
      EXPECT_NEAR(mixture.cdf(y, m, s, covariance), exact, 1e-10) << sd << " " << y;
      EXPECT_NEAR(mixture.cdf(mixture.quantile(0.03, m, s, covariance), m, s, covariance), 0.03, 1e-10);
      EXPECT_NEAR(mixture.cdf(mixture.quantile(0.9999, m, s, covariance), m, s, covariance), 0.9999, 1e-10);
    }
  const ScaleMixture fixed(std::log(2.0), 0);
  EXPECT_NEAR(fixed.quantile(0.95, 1e6, 0, 0), 1e6 + 2 * 1.6448536269514722, 1e-9);
}

}  // namespace
}  // namespace velbo::internal
