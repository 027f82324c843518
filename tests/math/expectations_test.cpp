// Expected log likelihoods against trapezoid sums in long double.
#include "math/expectations.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace velbo::internal {
namespace {

struct Exact {
  long double softplus = 0, sigmoid = 0, slope = 0;
};

// n points over +-12 standard deviations; the error of the sum is that of exp(-2 pi^2 n / (24 s)).
Exact exact_logistic(double m, double s, int n) {
  Exact sum;
  long double total = 0;
  for (int i = 0; i < n; ++i) {
    const long double z = -12 + 24.0L * i / (n - 1);
    const long double weight = std::exp(-z * z / 2);
    const long double x = m + s * z;
    const long double e = std::exp(-std::fabs(x));
    const long double above = 1 / (1 + e), below = e / (1 + e);
    total += weight;
    sum.softplus += weight * (std::max(x, 0.0L) + std::log1p(e));
    sum.sigmoid += weight * (x > 0 ? above : below);
    sum.slope += weight * above * below;
  }
  return {sum.softplus / total, sum.sigmoid / total, sum.slope / total};
}

Exact exact_logistic(double m, double s) { return exact_logistic(m, s, 300 + static_cast<int>(80 * s)); }

// Means on both sides, dense where the functions bend.
std::vector<double> means() {
  std::vector<double> m;
  for (int i = -12; i <= 12; ++i) m.push_back(0.5 * i);
  for (double v : {7.3, 8.9, 11.0, 14.5, 20.0, 30.0, 40.0}) {
    m.push_back(v);
    m.push_back(-v);
  }
  return m;
}

struct Worst {
  double softplus = 0, sigmoid = 0, slope = 0;  // relative to 1 + |value|, and absolute
};

// Rules behind pointers: each is compiled once, however many tests call it.
template <class T>
using RulePointer = Logistic<T> (*)(T, T);

template <class T>
Logistic<T> any(T m, T s) {
  return logistic_expectation(m, s);
}
template <class T, LogisticRule R>
Logistic<T> named(T m, T s) {
  return logistic_expectation_by<R>(m, s);
}
template <class T>
Logistic<T> gh32(T m, T s) {
  return logistic_expectation_gh<32>(m, s);
}

template <class T>
Worst worst_error(RulePointer<T> rule, const std::vector<double>& sds) {
  Worst worst;
  for (double s : sds) {
    for (double m : means()) {
      // The arguments as the rule sees them, so that their rounding is not counted.
      const Exact truth = exact_logistic(static_cast<T>(m), static_cast<T>(s));
      const Logistic<T> got = rule(static_cast<T>(m), static_cast<T>(s));
      const long double scale = sizeof(T) == sizeof(float) ? 1 + std::fabs(truth.softplus) : 1;
      const auto keep = [](double& w, long double error) { w = std::max(w, static_cast<double>(std::fabs(error))); };
      keep(worst.softplus, (got.softplus - truth.softplus) / scale);
      keep(worst.sigmoid, got.sigmoid - truth.sigmoid);
      keep(worst.slope, got.slope - truth.slope);
    }
  }
  return worst;
}

template <class T>
class LogisticExpectation : public ::testing::Test {
 protected:
  static constexpr bool is_float = sizeof(T) == sizeof(float);
  // Promised: 1e-6.  Held: the rules' own error (2.5e-7 and 1e-10, quadrature_nodes.h) and rounding.
  static constexpr double tolerance = is_float ? 5e-7 : 2e-10;

  static void expect_accurate(const Worst& worst) {
    EXPECT_LT(worst.softplus, tolerance);
    EXPECT_LT(worst.sigmoid, tolerance);
    EXPECT_LT(worst.slope, tolerance);
  }
};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(LogisticExpectation, Scalars);

TYPED_TEST(LogisticExpectation, ReferenceIsConvergedAtTwoHundredThousandPoints) {
  for (double s : {0.01, 1.0, 7.0, 50.0}) {
    for (double m : {-40.0, -1.3, 0.0, 40.0}) {
      const Exact coarse = exact_logistic(m, s), fine = exact_logistic(m, s, 200001);
      EXPECT_NEAR(static_cast<double>(coarse.softplus - fine.softplus), 0, 1e-15);
      EXPECT_NEAR(static_cast<double>(coarse.sigmoid - fine.sigmoid), 0, 1e-16);
      EXPECT_NEAR(static_cast<double>(coarse.slope - fine.slope), 0, 1e-16);
    }
  }
}

TYPED_TEST(LogisticExpectation, IsAccurateEverywhere) {
  using T = TypeParam;
  using gauss_hermite::Rule;
  std::vector<double> sds = {0.01, 0.05, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0};
  for (T limit : {Rule<T, 4>::limit, Rule<T, 6>::limit, Rule<T, 8>::limit, Rule<T, 12>::limit, Rule<T, 16>::limit,
                  Rule<T, 20>::limit, Rule<T, 24>::limit, wide_limit<T>}) {
    sds.push_back(static_cast<double>(limit));
    sds.push_back(static_cast<double>(limit) * 1.0001);
  }
  this->expect_accurate(worst_error<T>(any<T>, sds));
}

// Each rule at the end of the range that is promised for it.
TYPED_TEST(LogisticExpectation, EveryRuleHoldsToItsLimit) {
  using T = TypeParam;
  using gauss_hermite::Rule;
  const auto limit_of = [](T limit) { return std::vector<double>{static_cast<double>(limit)}; };
  this->expect_accurate(worst_error<T>(named<T, LogisticRule::taylor>, limit_of(taylor_limit<T>)));
  this->expect_accurate(worst_error<T>(named<T, LogisticRule::gh4>, limit_of(Rule<T, 4>::limit)));
  this->expect_accurate(worst_error<T>(named<T, LogisticRule::gh6>, limit_of(Rule<T, 6>::limit)));
  this->expect_accurate(worst_error<T>(named<T, LogisticRule::gh8>, limit_of(Rule<T, 8>::limit)));
  this->expect_accurate(worst_error<T>(named<T, LogisticRule::gh12>, limit_of(Rule<T, 12>::limit)));
  this->expect_accurate(worst_error<T>(named<T, LogisticRule::gh16>, limit_of(Rule<T, 16>::limit)));
  this->expect_accurate(worst_error<T>(named<T, LogisticRule::gh20>, limit_of(Rule<T, 20>::limit)));
  this->expect_accurate(worst_error<T>(named<T, LogisticRule::gh24>, limit_of(Rule<T, 24>::limit)));
  this->expect_accurate(worst_error<T>(gh32<T>, limit_of(Rule<T, 32>::limit)));
  const double first = static_cast<double>(wide_limit<T>);
  this->expect_accurate(worst_error<T>(named<T, LogisticRule::wide>, {first, 1.3, 2.0, 50.0}));
}

// A tile of rows gets one rule, chosen from its smallest and largest s.
TYPED_TEST(LogisticExpectation, TheChosenRuleServesTheWholeRange) {
  using T = TypeParam;
  for (const auto& [low, high] : {std::pair{0.0, 0.2}, {0.01, 0.9}, {0.2, 3.0}, {0.0, 50.0}, {1.5, 8.0}}) {
    const LogisticRule rule = logistic_rule_for(static_cast<T>(low), static_cast<T>(high));
    with_logistic_rule(rule, [&]<LogisticRule R>() {
      this->expect_accurate(worst_error<T>(named<T, R>, {low, 0.6 * low + 0.4 * high, high}));
    });
  }
  EXPECT_EQ(logistic_rule_for(T(0.01), T(50)), LogisticRule::mixed);
  EXPECT_EQ(logistic_rule_for(T(1.5), T(50)), LogisticRule::wide);
  EXPECT_EQ(logistic_rule_for(T(0), T(0.03)), LogisticRule::taylor);
  EXPECT_EQ(gh_nodes_for(T(10)), 0);
  EXPECT_EQ(gh_nodes_for(T(0)), 4);
}

TYPED_TEST(LogisticExpectation, ZeroSpreadIsTheFunctionItself) {
  using T = TypeParam;
  for (double m : means()) {
    const auto got = any(static_cast<T>(m), T(0));
    const auto truth = logistic(static_cast<T>(m));
    const double ulp = static_cast<double>(std::numeric_limits<T>::epsilon());
    EXPECT_NEAR(static_cast<double>(got.softplus), static_cast<double>(truth.softplus), 4 * ulp * (1 + std::fabs(m)));
    EXPECT_NEAR(static_cast<double>(got.sigmoid), static_cast<double>(truth.sigmoid), 4 * ulp);
    EXPECT_NEAR(static_cast<double>(got.slope), static_cast<double>(truth.slope), 4 * ulp);
  }
}

// softplus(x) - softplus(-x) = x, so E is known in m once it is known in -m.
TYPED_TEST(LogisticExpectation, IsSymmetric) {
  using T = TypeParam;
  for (double s : {0.1, 0.9, 1.1, 3.0, 40.0}) {
    for (double m : {0.0, 0.3, 2.0, 9.0, 35.0}) {
      const auto a = any(static_cast<T>(m), static_cast<T>(s));
      const auto b = any(static_cast<T>(-m), static_cast<T>(s));
      const double allowed = this->is_float ? 4e-7 * (1 + m + s) : 1e-13 * (1 + m + s);
      EXPECT_NEAR(static_cast<double>(a.softplus - b.softplus), m, allowed);
      EXPECT_NEAR(static_cast<double>(a.sigmoid + b.sigmoid), 1, allowed);
      EXPECT_NEAR(static_cast<double>(a.slope), static_cast<double>(b.slope), allowed);
    }
  }
}

TYPED_TEST(LogisticExpectation, ExtremesAreFiniteAndTendToTheHinge) {
  using T = TypeParam;
  for (double s : {0.0, 1e-6, 1.0, 100.0, 1000.0}) {
    for (double m : {-1e4, -1e3, -100.0, 0.0, 100.0, 1e3, 1e4}) {
      const auto got = any(static_cast<T>(m), static_cast<T>(s));
      ASSERT_TRUE(std::isfinite(got.softplus) && std::isfinite(got.sigmoid) && std::isfinite(got.slope));
      EXPECT_GE(got.softplus, T(0));
      EXPECT_GE(got.slope, T(0));
      EXPECT_GE(got.sigmoid, T(0));
      EXPECT_LE(got.sigmoid, T(1));
      if (s < 100) continue;
      // E max(eta, 0) plus pi^2 / 6 times the density at 0, to leading order in 1/s.
      const double t = m / s, pdf = std::exp(-t * t / 2) / std::sqrt(2 * M_PI);
      const double hinge = m * std::erfc(-t / std::sqrt(2.0)) / 2 + s * pdf + M_PI * M_PI / 6 * pdf / s;
      EXPECT_NEAR(static_cast<double>(got.softplus), hinge, 3e-5 + 1e-6 * std::fabs(m));
      EXPECT_NEAR(static_cast<double>(got.slope), pdf / s, 1e-3 / s);
    }
  }
}

// The three numbers belong together: dE/dm, and -2 dE/d(s^2), by central differences of the first.
TEST(LogisticExpectationDouble, DerivativesMatchDifferences) {
  const auto value = [](double m, double variance) { return any(m, std::sqrt(variance)).softplus; };
  for (double s : {0.2, 0.7, 0.95, 1.3, 4.0, 25.0}) {
    for (double m : {-6.0, -1.0, 0.2, 3.0}) {
      const auto got = any(m, s);
      const double h = 1e-3, v = s * s, dv = 1e-3 * v;
      const double d_mean =
          (8 * (value(m + h, v) - value(m - h, v)) - (value(m + 2 * h, v) - value(m - 2 * h, v))) / (12 * h);
      const double d_variance = (value(m, v + dv) - value(m, v - dv)) / (2 * dv);
      EXPECT_NEAR(got.sigmoid, d_mean, 2e-7);
      // E softplus'' = 2 dE/d(s^2)
      EXPECT_NEAR(got.slope, 2 * d_variance, 1e-6);
    }
  }
}

TEST(Likelihoods, BinomialIsTheSumOfItsTrials) {
  const double m = 0.4, s = 0.8;
  const auto e = any(m, s);
  const auto one = bernoulli_expectation(1.0, m, e), zero = bernoulli_expectation(0.0, m, e);
  const auto five = binomial_expectation(2.0, 5.0, std::log(10.0), m, e);
  EXPECT_NEAR(five.value, 2 * one.value + 3 * zero.value + std::log(10.0), 1e-14);
  EXPECT_NEAR(five.d_mean, 2 * one.d_mean + 3 * zero.d_mean, 1e-14);
  EXPECT_NEAR(five.curvature, 5 * one.curvature, 1e-14);
  EXPECT_LT(one.value, 0);
  EXPECT_GT(one.d_mean, 0);
  EXPECT_LT(zero.d_mean, 0);
}

TEST(Likelihoods, PoissonIsClosedForm) {
  const double y = 3, m = 0.7, v = 0.5, rate = std::exp(m + v / 2);
  const auto got = poisson_expectation(y, std::lgamma(y + 1), m, v);
  EXPECT_NEAR(got.value, y * m - rate - std::log(6.0), 1e-13);
  EXPECT_NEAR(got.d_mean, y - rate, 1e-13);
  EXPECT_NEAR(got.curvature, rate, 1e-13);
  const double h = 1e-5;
  const auto value = [&](double mean, double variance) { return poisson_expectation(y, 0.0, mean, variance).value; };
  EXPECT_NEAR(got.d_mean, (value(m + h, v) - value(m - h, v)) / (2 * h), 1e-8);
  EXPECT_NEAR(got.curvature, -(value(m, v + h) - value(m, v - h)) / h, 1e-8);
  EXPECT_TRUE(std::isfinite(poisson_expectation(y, 0.0, 1e6, 1.0).value));
  EXPECT_TRUE(std::isfinite(poisson_expectation(3.0F, 0.0F, 1e6F, 1.0F).value));
}

TEST(Likelihoods, GaussianIsClosedForm) {
  const double y = 1.5, m = 0.2, v = 0.3, scale = 1.7;
  const auto got = gaussian_expectation(y, 1 / (scale * scale), std::log(scale), m, v);
  long double value = 0, total = 0;
  for (int i = -3000; i <= 3000; ++i) {
    const long double z = i / 250.0L, weight = std::exp(-z * z / 2);
    const long double r = (y - (m + std::sqrt(v) * z)) / scale;
    total += weight;
    value += weight * (-r * r / 2 - std::log(scale * std::sqrt(2 * M_PIl)));
  }
  EXPECT_NEAR(got.value, static_cast<double>(value / total), 1e-13);
  EXPECT_NEAR(got.d_mean, (y - m) / (scale * scale), 1e-14);
  EXPECT_NEAR(got.curvature, 1 / (scale * scale), 1e-14);
}

}  // namespace
}  // namespace velbo::internal
