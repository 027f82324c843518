// The functions of elementary.h against libm in long double.
#include "velbo/math/elementary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace velbo::internal {
namespace {

template <class T>
class Elementary : public ::testing::Test {
 protected:
  static constexpr long double ulp = std::numeric_limits<T>::epsilon();
};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Elementary, Scalars);

template <class T>
long double relative_error(T got, long double truth) {
  return std::fabs((static_cast<long double>(got) - truth) / truth);
}

TYPED_TEST(Elementary, ExpNonpositiveIsAccurateToAFewUlp) {
  using T = TypeParam;
  const T lowest = sizeof(T) == 4 ? T(-86.9) : T(-707.9);
  long double worst = 0;
  for (int i = 0; i <= 200000; ++i) {
    const T x = lowest * static_cast<T>(i) / T(200000);
    worst = std::max(worst, relative_error(exp_nonpositive(x), std::exp(static_cast<long double>(x))));
  }
  EXPECT_LT(worst, 2 * this->ulp);
  EXPECT_EQ(exp_nonpositive(T(0)), T(1));
  EXPECT_LT(exp_nonpositive(-std::numeric_limits<T>::infinity()), T(2e-38));
  EXPECT_TRUE(std::isnan(exp_nonpositive(std::numeric_limits<T>::quiet_NaN())));
}

TYPED_TEST(Elementary, ExpAnyCoversTheWholeRange) {
  using T = TypeParam;
  const T low = sizeof(T) == 4 ? T(-87) : T(-708);
  const T high = sizeof(T) == 4 ? T(88.72) : T(709.78);
  long double worst = 0;
  for (int i = 0; i <= 200000; ++i) {
    const T x = low + (high - low) * static_cast<T>(i) / T(200000);
    worst = std::max(worst, relative_error(exp_any(x), std::exp(static_cast<long double>(x))));
  }
  EXPECT_LT(worst, 2 * this->ulp);
  EXPECT_TRUE(std::isinf(exp_any(T(1000))));
  EXPECT_TRUE(std::isinf(exp_any(std::numeric_limits<T>::infinity())));
  EXPECT_EQ(exp_any(T(-1000)), T(0));
  EXPECT_EQ(exp_any(-std::numeric_limits<T>::infinity()), T(0));
  EXPECT_TRUE(std::isnan(exp_any(std::numeric_limits<T>::quiet_NaN())));
  const T denormal = sizeof(T) == 4 ? T(-95) : T(-730);
  EXPECT_NEAR(static_cast<double>(std::log(exp_any(denormal)) / denormal), 1.0, 1e-4);
}

// Over all binades, subnormal ones too, and densely around 1, where the logarithm itself is small.
TYPED_TEST(Elementary, LogarithmIsAccurateEverywhere) {
  using T = TypeParam;
  using Limits = std::numeric_limits<T>;
  long double worst = 0, worst_log1p = 0;
  for (int e = Limits::min_exponent - Limits::digits + 1; e < Limits::max_exponent; ++e)
    for (const double m : {1.0, 1.1, 1.37, 1.41421, 1.42, 1.7, 1.99}) {
      const T x = std::ldexp(static_cast<T>(m), e);
      worst = std::max(worst, relative_error(log_any(x), std::log(static_cast<long double>(x))));
      for (const T y : {x, -x})
        if (y > T(-1))
          worst_log1p = std::max(worst_log1p, relative_error(log1p_any(y), std::log1p(static_cast<long double>(y))));
    }
  for (int i = -4000; i <= 4000; ++i) {
    const T x = T(1) + static_cast<T>(i) / T(10007);
    if (i != 0) worst = std::max(worst, relative_error(log_any(x), std::log(static_cast<long double>(x))));
    worst_log1p =
        std::max(worst_log1p, relative_error(log1p_any(x - T(1)), std::log1p(static_cast<long double>(x - T(1)))));
  }
  EXPECT_LT(worst, 3 * this->ulp);
  EXPECT_LT(worst_log1p, 4 * this->ulp);
  EXPECT_EQ(log_any(T(1)), T(0));
  EXPECT_EQ(log_any(T(0)), -Limits::infinity());
  EXPECT_EQ(log_any(Limits::infinity()), Limits::infinity());
  EXPECT_TRUE(std::isnan(log_any(T(-1))));
  EXPECT_TRUE(std::isnan(log_any(Limits::quiet_NaN())));
  EXPECT_EQ(log1p_any(T(-1)), -Limits::infinity());
  EXPECT_EQ(log1p_any(Limits::infinity()), Limits::infinity());
  EXPECT_TRUE(std::isnan(log1p_any(T(-2))));
}

TYPED_TEST(Elementary, LogisticKeepsRelativeAccuracyInBothTails) {
  using T = TypeParam;
  long double softplus = 0, sigmoid = 0, slope = 0;
  for (int i = -40000; i <= 40000; ++i) {
    const T x = static_cast<T>(i) / T(500);
    const long double e = std::exp(-std::fabs(static_cast<long double>(x)));
    const long double above = 1 / (1 + e), below = e / (1 + e);
    const auto got = logistic(x);
    softplus = std::max(softplus, relative_error(got.softplus, std::max<long double>(x, 0) + std::log1p(e)));
    sigmoid = std::max(sigmoid, relative_error(got.sigmoid, x > 0 ? above : below));
    slope = std::max(slope, relative_error(got.slope, above * below));
  }
  EXPECT_LT(softplus, 4 * this->ulp);
  EXPECT_LT(sigmoid, 4 * this->ulp);
  EXPECT_LT(slope, 6 * this->ulp);
  EXPECT_EQ(logistic(T(1e4)).softplus, T(1e4));
  EXPECT_EQ(logistic(T(1e4)).sigmoid, T(1));
  EXPECT_LT(logistic(T(-1e4)).softplus, T(2e-38));
  EXPECT_TRUE(std::isnan(logistic(std::numeric_limits<T>::quiet_NaN()).softplus));
}

TYPED_TEST(Elementary, NormalDistribution) {
  using T = TypeParam;
  const T lowest = sizeof(T) == 4 ? T(-13) : T(-37);
  long double worst = 0, density = 0;
  for (int i = 0; i <= 100000; ++i) {
    const T x = lowest + (T(9) - lowest) * static_cast<T>(i) / T(100000);
    const long double wide = x;
    const auto got = normal_cdf(x);
    // Rounding x^2 / 2 before the exponential costs x^2 / 2 roundings.
    const long double allowed = 8 + wide * wide;
    worst = std::max(worst, relative_error(got.cdf, std::erfc(-wide / std::sqrt(2.0L)) / 2) / allowed);
    density =
        std::max(density, relative_error(got.pdf, std::exp(-wide * wide / 2) * 0.39894228040143267794L) / allowed);
  }
  EXPECT_LT(worst, this->ulp);
  EXPECT_LT(density, this->ulp);
  EXPECT_EQ(normal_cdf(T(40)).cdf, T(1));
  EXPECT_LT(normal_cdf(T(-1e6)).cdf, T(2e-38));
  EXPECT_NEAR(static_cast<double>(normal_cdf(T(0)).cdf), 0.5, static_cast<double>(this->ulp));
}

}  // namespace
}  // namespace velbo::internal
