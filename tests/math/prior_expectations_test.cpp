// Expected log priors against sums in long double that share no formula with the library.
#include "math/prior_expectations.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "velbo/error.h"

namespace velbo::internal {
namespace {

using Real = long double;
constexpr Real pi = 3.14159265358979323846264338327950288L;

struct Exact {
  Real value, d_mean, curvature;
};

// E log(1 + x^2), x ~ N(a, r^2), from log(1 + x^2) = int 2 e^-t (1 - cos(x t)) / t dt over t > 0, taken under the
// expectation: E cos(x t) = e^(-r^2 t^2 / 2) cos(a t).  Trapezoid in log t.
Exact exact_log_one_plus_square(Real a, Real r) {
  Exact sum{0, 0, 0};
  // The integrand ends at t = 45, or where the expectation has damped it; a step must resolve cos(a t) there.
  const Real step = std::min(2e-3L, 0.7L / (1 + std::fabs(a) * std::min(45.0L, 9 / r)));
  for (Real x = -32; x < 4.2L; x += step) {
    const Real t = std::exp(x), damp = std::exp(-r * r * t * t / 2), e = std::exp(-t);
    const Real one_minus = -std::expm1(-r * r * t * t / 2) + damp * 2 * std::sin(a * t / 2) * std::sin(a * t / 2);
    sum.value += step * 2 * e * one_minus;
    sum.d_mean += step * t * 2 * e * damp * std::sin(a * t);
    sum.curvature -= step * t * 2 * t * e * damp * std::cos(a * t);
  }
  return sum;
}

// E f(u), u ~ N(mean, sd^2), and -E f'' = -E f (z^2 - 1) / sd^2 and E f' = E f z / sd (Stein's identities): only the
// density itself is evaluated.
Exact exact(const std::function<Real(Real)>& f, Real mean, Real sd, int n = 20001) {
  Exact sum{0, 0, 0};
  Real total = 0;
  const Real at_mean = f(mean);
  for (int i = 0; i < n; ++i) {
    const Real z = -13 + 26.0L * i / (n - 1), weight = std::exp(-z * z / 2), v = f(mean + sd * z) - at_mean;
    total += weight;
    sum.value += weight * v;
    sum.d_mean += weight * v * z / sd;
    sum.curvature -= weight * v * (z * z - 1) / (sd * sd);
  }
  return {at_mean + sum.value / total, sum.d_mean / total, sum.curvature / total};
}

// The integral over the line or the half-line of a density, by tanh-sinh-like substitution x = sinh(3 sinh y).
Real mass(const std::function<Real(Real)>& log_density, bool positive) {
  Real sum = 0;
  const Real step = positive ? 2e-4L : 1e-4L;
  for (Real y = -4; y < 4; y += step) {
    if (positive) {
      const Real x = std::exp(3 * std::sinh(y));
      sum += step * x * 3 * std::cosh(y) * std::exp(log_density(x));
    } else {
      const Real inner = 3 * std::sinh(y), x = std::sinh(inner);
      sum += step * std::cosh(inner) * 3 * std::cosh(y) * std::exp(log_density(x));
    }
  }
  return sum;
}

void expect_near(const Expectation<double>& got, const Exact& truth, double tolerance, double unit = 1) {
  EXPECT_NEAR(got.value, static_cast<double>(truth.value), tolerance * (1 + std::fabs(got.value)));
  EXPECT_NEAR(got.d_mean * unit, static_cast<double>(truth.d_mean) * unit, tolerance * (1 + std::fabs(got.d_mean)));
  EXPECT_NEAR(got.curvature * unit * unit, static_cast<double>(truth.curvature) * unit * unit,
              tolerance * (1 + std::fabs(got.curvature)));
}

// Both sides of every switch of the rule: sd / width around 1, |mean - location| / sd around 7.5.
TEST(CoefficientPrior, CauchyIsAccurateForAnyRatioOfScales) {
  double worst = 0;
  for (double sd : {1e-6, 1e-3, 0.1, 0.5, 0.99, 1.01, 2.0, 10.0, 1e2, 1e3, 1e4}) {
    for (double offset : {0.0, 0.3, 1.0, 3.0, 5.0, 7.4, 7.6, 20.0, 300.0}) {
      for (double mean : {offset, offset * sd, -offset * sd}) {
        if (std::fabs(mean) > 400 && sd > 100) continue;  // the reference oscillates too fast
        const auto got = expected_log_prior(Prior::cauchy(0, 1), mean, sd);
        const Exact e = exact_log_one_plus_square(mean, sd);
        const Exact truth{-e.value - std::log(pi), -e.d_mean, -e.curvature};
        worst = std::max(worst, std::fabs(got.value - static_cast<double>(truth.value)));
        expect_near(got, truth, 1e-9);
      }
    }
  }
  std::printf("worst absolute error of E log(1 + x^2): %.1e\n", worst);
}

TEST(CoefficientPrior, StudentTScalesAndShifts) {
  for (double df : {0.7, 3.0, 30.0, 5000.0}) {
    for (double scale : {0.01, 2.5}) {
      const double location = 1.5, width = scale * std::sqrt(df);
      for (double sd : {0.01, 0.7, 4.0}) {
        const double mean = -0.4;
        const Exact e = exact_log_one_plus_square((mean - location) / width, sd / width);
        const Real half = (df + 1) / 2;
        const Real constant = std::lgamma(half) - std::lgamma(static_cast<Real>(df) / 2) - std::log(df * pi) / 2 -
                              std::log(static_cast<Real>(scale));
        expect_near(expected_log_prior(Prior::student_t(df, location, scale), mean, sd),
                    {constant - half * e.value, -half * e.d_mean / width, -half * e.curvature / (width * width)},
                    1e-9 * (1 + df / 100));
      }
    }
  }
}

TEST(CoefficientPrior, NormalAndLaplaceMatchSums) {
  for (double sd : {0.05, 1.0, 20.0}) {
    for (double mean : {-3.0, 0.9, 1.0, 5.0}) {
      const auto normal = [](Real x) {
        return -(x - 1) * (x - 1) / (2 * 6.25L) - std::log(2.5L) - std::log(2 * pi) / 2;
      };
      expect_near(expected_log_prior(Prior::normal(1, 2.5), mean, sd), exact(normal, mean, sd), 1e-12);
      const auto laplace = [](Real x) { return -std::fabs(x - 1) / 0.8L - std::log(1.6L); };
      expect_near(expected_log_prior(Prior::laplace(1, 0.8), mean, sd), exact(laplace, mean, sd), 1e-5, sd);
    }
  }
  EXPECT_EQ(expected_log_prior(Prior::flat(), 3, 2).value, 0);
}

TEST(CoefficientPrior, LaplaceValueIsExact) {
  // E |x| = 2 phi(1) + erf(1 / sqrt 2) for m = s = 1.
  EXPECT_NEAR(expected_log_prior(Prior::laplace(0, 2), 1, 1).value, -std::log(4.0) - 0.5 * 1.1666309411753726, 1e-12);
}

// d_mean and curvature belong to value, for every prior.
void expect_consistent(const std::function<Expectation<double>(double, double)>& f, double mean, double variance) {
  const auto value = [&](double m, double v) { return f(m, std::sqrt(v)).value; };
  const auto got = f(mean, std::sqrt(variance));
  const double h = 1e-3, dv = 1e-3 * variance;
  const double d_mean = (8 * (value(mean + h, variance) - value(mean - h, variance)) -
                         (value(mean + 2 * h, variance) - value(mean - 2 * h, variance))) /
                        (12 * h);
  EXPECT_NEAR(got.d_mean, d_mean, 2e-8 * (1 + std::fabs(d_mean)));
  const double d_variance = (8 * (value(mean, variance + dv) - value(mean, variance - dv)) -
                             (value(mean, variance + 2 * dv) - value(mean, variance - 2 * dv))) /
                            (12 * dv);
  EXPECT_NEAR(got.curvature, -2 * d_variance, 2e-7 * (1 + std::fabs(d_variance)));
}

const std::vector<Prior>& line_priors() {
  static const std::vector<Prior> all = {Prior::flat(), Prior::normal(0.5, 2), Prior::student_t(3, -1, 2.5),
                                         Prior::cauchy(0, 0.3), Prior::laplace(0.2, 1)};
  return all;
}
const std::vector<Prior>& positive_priors() {
  static const std::vector<Prior> all = {
      Prior::exponential(0.7),   Prior::half_normal(2),     Prior::half_cauchy(2.5),     Prior::half_student_t(3, 2),
      Prior::normal(1, 2),       Prior::normal(-30, 2),     Prior::laplace(0, 1),        Prior::laplace(1.5, 0.7),
      Prior::laplace(-2, 0.7),   Prior::cauchy(0, 2.5),     Prior::cauchy(3, 0.5),       Prior::cauchy(-3, 0.5),
      Prior::student_t(3, 0, 2), Prior::student_t(4, 2, 1), Prior::student_t(3, -20, 1), Prior::gamma(2, 0.1),
      Prior::gamma(0.6, 2)};
  return all;
}

TEST(CoefficientPrior, DerivativesMatchDifferences) {
  for (const Prior& prior : line_priors()) {
    SCOPED_TRACE(prior.text());
    for (double mean : {-2.0, 0.1, 4.0})
      for (double sd : {0.3, 1.0, 6.0})
        expect_consistent([&](double m, double s) { return expected_log_prior(prior, m, s); }, mean, sd * sd);
  }
}

TEST(CoefficientPrior, DensitiesIntegrateToOne) {
  for (const Prior& prior : line_priors()) {
    if (prior.kind == Prior::Kind::flat) continue;
    SCOPED_TRACE(prior.text());
    const Real total = mass(
        [&](Real x) -> Real {
          return log_prior_constant(prior, false) + log_prior_kernel(prior, static_cast<double>(x));
        },
        false);
    EXPECT_NEAR(static_cast<double>(total), 1, 1e-7);
  }
}

TEST(PositivePrior, DensitiesIntegrateToOneOverTheHalfLine) {
  for (const Prior& prior : positive_priors()) {
    SCOPED_TRACE(prior.text());
    const Real total = mass(
        [&](Real x) -> Real {
          return log_prior_constant(prior, true) + log_prior_kernel(prior, static_cast<double>(x));
        },
        true);
    EXPECT_NEAR(static_cast<double>(total), 1, 1e-7);
  }
}

TEST(PositivePrior, SlopesMatchDifferences) {
  for (const std::vector<Prior>& priors : {line_priors(), positive_priors()})
    for (const Prior& prior : priors)
      for (const double x : {0.01, 0.7, 40.0}) {
        const double h = 1e-5 * x;
        const double difference = (log_prior_kernel(prior, x + h) - log_prior_kernel(prior, x - h)) / (2 * h);
        EXPECT_NEAR(log_prior_slope(prior, x), difference, 1e-6 * (1 + std::fabs(difference))) << prior.text() << x;
      }
}

TEST(PositivePrior, MatchesSumsOverTheLogarithm) {
  for (const Prior& prior : positive_priors()) {
    SCOPED_TRACE(prior.text());
    const Real df = prior.kind == Prior::Kind::cauchy || prior.kind == Prior::Kind::half_cauchy ? 1 : prior.df;
    const Real constant = log_prior_constant(prior, true);
    const auto f = [&](Real u) -> Real {
      const Real t = (std::exp(u) - prior.location) / prior.scale;
      switch (prior.kind) {
        case Prior::Kind::exponential: return constant - t;
        case Prior::Kind::gamma: return constant + (df - 1) * u - t;
        case Prior::Kind::laplace: return constant - std::fabs(t);
        case Prior::Kind::normal:
        case Prior::Kind::half_normal: return constant - t * t / 2;
        default: return constant - (df + 1) / 2 * std::log1p(t * t / df);
      }
    };
    const bool kink = prior.kind == Prior::Kind::laplace && prior.location > 0;
    for (double sd : {0.05, 0.4, 1.2})
      for (double mean : {-2.0, 0.3, std::log(3.0)})
        expect_near(expected_log_positive_prior(prior, mean, sd), exact(f, mean, sd), kink ? 1e-6 : 1e-9,
                    kink ? sd : 1);
  }
}

// A narrow prior far from zero, seen with a wide q: the singularity is 1000 times nearer than the spread.
TEST(PositivePrior, NarrowPriorAwayFromZero) {
  const Prior prior = Prior::student_t(4, 50, 0.025);
  const auto f = [&](Real u) -> Real {
    const Real t = (std::exp(u) - 50) / 0.025L;
    return log_prior_constant(prior, true) - 2.5L * std::log1p(t * t / 4);
  };
  for (double mean : {3.0, std::log(50.0), 9.0})
    expect_near(expected_log_positive_prior(prior, mean, 1.0), exact(f, mean, 1.0, 200001), 1e-9);
}

TEST(PositivePrior, DerivativesMatchDifferences) {
  for (const Prior& prior : positive_priors()) {
    SCOPED_TRACE(prior.text());
    for (double mean : {-1.0, 0.4, 2.0})
      for (double sd : {0.1, 0.8})
        expect_consistent([&](double m, double s) { return expected_log_positive_prior(prior, m, s); }, mean, sd * sd);
  }
}

TEST(PositivePrior, HalfPriorsAreTheFoldedOnes) {
  for (double mean : {-1.0, 2.0}) {
    const auto pairs = {std::pair{Prior::half_normal(2), Prior::normal(0, 2)},
                        std::pair{Prior::half_cauchy(1.5), Prior::cauchy(0, 1.5)},
                        std::pair{Prior::half_student_t(3, 0.7), Prior::student_t(3, 0, 0.7)},
                        std::pair{Prior::exponential(2), Prior::laplace(0, 0.5)}};
    for (const auto& [half, whole] : pairs) {
      const auto a = expected_log_positive_prior(half, mean, 0.6), b = expected_log_positive_prior(whole, mean, 0.6);
      EXPECT_NEAR(a.value, b.value, 1e-13);
      EXPECT_NEAR(a.d_mean, b.d_mean, 1e-13);
      EXPECT_NEAR(a.curvature, b.curvature, 1e-13);
      // + log 2 against the two-sided density.
      EXPECT_NEAR(log_prior_constant(half, true) - log_prior_constant(whole, false), std::log(2.0), 1e-13);
    }
  }
}

TEST(PositivePrior, ZeroSpreadIsTheDensity) {
  for (const Prior& prior : positive_priors()) {
    const double direct = log_prior_constant(prior, true) + log_prior_kernel(prior, 1.3);
    EXPECT_NEAR(expected_log_positive_prior(prior, std::log(1.3), 0).value, direct, 1e-12) << prior.text();
  }
  for (const Prior& prior : line_priors()) {
    const double direct = log_prior_constant(prior, false) + log_prior_kernel(prior, 1.3);
    EXPECT_NEAR(expected_log_prior(prior, 1.3, 0).value, direct, 1e-12) << prior.text();
  }
}

TEST(PositivePrior, ExtremesAreFinite) {
  for (const Prior& prior : positive_priors()) {
    for (double mean : {-700.0, -50.0, 50.0, 300.0}) {
      for (double sd : {1e-8, 1.0, 30.0}) {
        const auto got = expected_log_positive_prior(prior, mean, sd);
        EXPECT_TRUE(std::isfinite(got.value) && std::isfinite(got.d_mean) && std::isfinite(got.curvature))
            << prior.text() << " mean " << mean << " sd " << sd;
      }
    }
  }
}

// A cauchy has one degree of freedom whatever its df field holds.
TEST(CoefficientPrior, CauchyIgnoresDf) {
  const Prior named{Prior::Kind::cauchy, 0, 0.5, 2};
  EXPECT_EQ(expected_log_prior(named, 1, 2).value, expected_log_prior(Prior::student_t(1, 0.5, 2), 1, 2).value);
}

// A fit that has diverged asks for these; it must get an answer that it can reject.
TEST(PositivePrior, NonFiniteArgumentsGiveNoNumber) {
  const double nan = std::nan(""), infinity = HUGE_VAL;
  for (const auto& [mean, sd] : {std::pair{nan, 1.0}, {0.0, nan}, {0.0, infinity}, {infinity, 1.0}}) {
    EXPECT_FALSE(std::isfinite(expected_log_prior(Prior::cauchy(1, 2), mean, sd).value));
    EXPECT_FALSE(std::isfinite(expected_log_positive_prior(Prior::student_t(3, 1, 2), mean, sd).value));
  }
}

TEST(CoefficientPrior, PositivePriorIsAnError) {
  try {
    expected_log_prior(Prior::exponential(1), 0, 1);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::argument);
    EXPECT_NE(std::string(error.what()).find("exponential(1)"), std::string::npos);
  }
}

}  // namespace
}  // namespace velbo::internal
