// Special functions against libm and closed forms in long double.
#include "math/special.h"

#include <gtest/gtest.h>

#include <cmath>

namespace velbo::internal {
namespace {

using Real = long double;
constexpr Real pi = 3.14159265358979323846264338327950288L;

TEST(Special, LogGammaMatchesLibm) {
  for (double x = 1e-3; x < 1e6; x *= 1.037)
    EXPECT_NEAR(log_gamma(x), static_cast<double>(std::lgamma(static_cast<Real>(x))),
                4e-15 * (1 + std::fabs(log_gamma(x))))
        << x;
  EXPECT_EQ(log_gamma(1), 0);
  EXPECT_EQ(log_gamma(2), 0);
  EXPECT_NEAR(log_choose(5, 2), std::log(10.0), 1e-14);
  EXPECT_EQ(log_choose(7, 0), 0);
  EXPECT_EQ(log_choose(7, 7), 0);
}

TEST(Special, LogNormalCdfMatchesErfc) {
  for (Real x = -100; x < 9; x += 0.37L) {
    const Real truth = std::log(std::erfc(-x / std::sqrt(2.0L)) / 2);
    EXPECT_NEAR(log_normal_cdf(static_cast<double>(x)), static_cast<double>(truth),
                1e-14 * std::fabs(static_cast<double>(truth)) + 1e-17);
  }
}

TEST(Special, LogStudentTCdfMatchesClosedForms) {
  for (Real x = -1000; x < 1000; x += 0.731L) {
    const double d = static_cast<double>(x);
    const Real one = std::atan2(1.0L, -x) / pi;  // df = 1
    EXPECT_NEAR(log_student_t_cdf(d, 1), static_cast<double>(std::log(one)), 1e-13) << d;
    const Real root = std::sqrt(2 + x * x);  // df = 2: (1 + x / sqrt(2 + x^2)) / 2
    const Real two = x < 0 ? 1 / (root * (root - x)) : (1 + x / root) / 2;
    EXPECT_NEAR(log_student_t_cdf(d, 2), static_cast<double>(std::log(two)), 1e-13) << d;
  }
  EXPECT_NEAR(log_student_t_cdf(0, 3), std::log(0.5), 1e-15);
  EXPECT_NEAR(log_student_t_cdf(-2.5, 1e7), log_normal_cdf(-2.5), 1e-5);
  // df = 3: 1/2 + (t / (1 + t^2) + atan t) / pi with t = x / sqrt 3.
  const Real t = -1.7L / std::sqrt(3.0L);
  EXPECT_NEAR(log_student_t_cdf(-1.7, 3), static_cast<double>(std::log(0.5L + (t / (1 + t * t) + std::atan(t)) / pi)),
              1e-14);
}

// Cauchy and normal quantiles in closed form, two degrees of freedom too, and the distribution function's inverse elsewhere.
TEST(Special, StudentTQuantile) {
  for (const double p : {1e-9, 0.001, 0.2, 0.4999, 0.5, 0.7, 0.995}) {
    EXPECT_NEAR(student_t_quantile(p, 1), -1 / std::tan(3.14159265358979323846 * p), 1e-12 / std::min(p, 1 - p)) << p;
    const double two = (2 * p - 1) / std::sqrt(2 * p * (1 - p));
    EXPECT_NEAR(student_t_quantile(p, 2), two, 1e-12 * (1 + std::abs(two))) << p;
    for (const double df : {0.3, 3.7, 40.0})
      EXPECT_NEAR(std::exp(log_student_t_cdf(student_t_quantile(p, df), df)), p, 1e-13);
  }
  EXPECT_NEAR(student_t_quantile(0.975, INFINITY), 1.959963984540054, 1e-13);
  EXPECT_EQ(student_t_sd(2), INFINITY);
  EXPECT_EQ(student_t_sd(4), std::sqrt(2.0));
}

}  // namespace
}  // namespace velbo::internal
