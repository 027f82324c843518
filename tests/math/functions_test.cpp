// The functions that log densities are written with: values and derivatives against mpmath's, edges, small matrices.
#include "velbo/functions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "support/scalar_cases.h"
#include "velbo/matrix_functions.h"

namespace velbo {
namespace {

using Data = std::vector<double>;
using One = Dual<double, 1>;
using test::check_cases;
using test::Tolerance;

constexpr double infinity = std::numeric_limits<double>::infinity();

#define VELBO_EXPECT_OF_ONE(NAME, ...) \
  check_cases<1>(                      \
      #NAME, [](const Data&, const auto& x) { return velbo::NAME(x); }, Tolerance{__VA_ARGS__})
#define VELBO_EXPECT_OF_TWO(NAME, ...) \
  check_cases<2>(                      \
      #NAME, [](const Data&, const auto& x, const auto& y) { return velbo::NAME(x, y); }, Tolerance{__VA_ARGS__})

// Relative errors alone: what is small here is not the difference of large terms.
TEST(Functions, OfOneArgument) {
  VELBO_EXPECT_OF_ONE(exp, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(expm1, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(log, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(log1p, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(sqrt, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(square, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(sin, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(cos, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(tan, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(atan, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(sinh, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(cosh, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(tanh, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(erf, 4e-15, 0, 4e-6, 0);
  VELBO_EXPECT_OF_ONE(erfc, 1e-14, 0, 4e-6, 0);
}

TEST(Functions, GammaFunctions) {
  VELBO_EXPECT_OF_ONE(lgamma, 2e-15, 4e-15, 1e-6, 1e-6);
  VELBO_EXPECT_OF_ONE(digamma, 2e-15, 2e-15, 1e-6, 1e-6);
  VELBO_EXPECT_OF_TWO(lbeta, 2e-15, 2e-14, 2e-6, 1e-5);  // differences of terms like 1 / 0.02
  EXPECT_DOUBLE_EQ(trigamma(1), 1.6449340668482264365);  // pi^2 / 6
  EXPECT_DOUBLE_EQ(trigamma(0.5), 4.9348022005446793094);
  EXPECT_EQ(lgamma(1.0), 0);
  EXPECT_EQ(lgamma(2.0F), 0);
  EXPECT_EQ(lgamma(0.0), infinity);
  EXPECT_EQ(lgamma(infinity), infinity);
  EXPECT_TRUE(std::isnan(lgamma(-1.5)) && std::isnan(digamma(-1.5)) && std::isnan(trigamma(-1.5)));
  EXPECT_TRUE(std::isnan(lgamma(std::nan(""))));
}

TEST(Functions, LogisticFunctions) {
  VELBO_EXPECT_OF_ONE(softplus, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(sigmoid, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(log_sigmoid, 1e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(log1m_exp, 2e-15, 0, 1e-6, 0);
  VELBO_EXPECT_OF_ONE(logit, 1e-15, 0, 1e-6, 0);
}

TEST(Functions, LogNormalCdf) { VELBO_EXPECT_OF_ONE(log_normal_cdf, 4e-14, 0, 1e-5, 0); }

TEST(Functions, OfSeveralArguments) {
  VELBO_EXPECT_OF_TWO(pow, 2e-15, 0, 2e-6, 0);
  VELBO_EXPECT_OF_TWO(log_sum_exp, 1e-15, 1e-16, 1e-6, 1e-7);
  VELBO_EXPECT_OF_TWO(log_diff_exp, 1e-12, 0, 1e-3, 0);  // of arguments as near as 1e-4
  check_cases<3>(
      "log_mix", [](const Data&, const auto& p, const auto& a, const auto& b) { return velbo::log_mix(p, a, b); },
      Tolerance{2e-13, 1e-15, 1e-4, 1e-7});
}

// ---- edges -----------------------------------------------------------------------------------------------------------

void expect_dual(const One& got, double value, double derivative) {
  EXPECT_EQ(got.value, value);
  EXPECT_EQ(got.derivative[0], derivative);
}
One at(double x) { return One::variable(x, 0); }

TEST(Functions, IntegersCountAsDouble) {
  static_assert(std::is_same_v<decltype(velbo::exp(1)), double>);
  static_assert(std::is_same_v<decltype(velbo::exp(1.0F)), float>);
  static_assert(std::is_same_v<decltype(velbo::pow(2.0F, 3)), float>);
  EXPECT_DOUBLE_EQ(velbo::exp(1), std::exp(1.0));
  EXPECT_EQ(velbo::pow(2, -1), 0.5);
  EXPECT_EQ(velbo::abs(-3), 3.0);
}

TEST(Functions, SaturateWithFiniteDerivatives) {
  expect_dual(softplus(at(800)), 800, 1);
  expect_dual(softplus(at(-800)), 0, 0);
  expect_dual(sigmoid(at(800)), 1, 0);
  expect_dual(sigmoid(at(-800)), 0, 0);
  expect_dual(log_sigmoid(at(-800)), -800, 1);
  expect_dual(log_sigmoid(at(800)), 0, 0);
  expect_dual(log1m_exp(at(-800)), 0, 0);
  expect_dual(log1m_exp(at(-infinity)), 0, 0);
  expect_dual(tanh(at(800)), 1, 0);
  expect_dual(erf(at(800)), 1, 0);
  expect_dual(log_normal_cdf(at(800)), 0, 0);
  expect_dual(exp(at(-infinity)), 0, 0);
}

TEST(Functions, Kinks) {
  expect_dual(abs(at(0)), 0, 0);
  expect_dual(abs(at(-2)), 2, -1);
  expect_dual(pow(at(0), 1), 0, 1);
  expect_dual(pow(at(0), 2), 0, 0);
  expect_dual(pow(at(0), 0), 1, 0);
  expect_dual(pow(at(-3), 2), 9, -6);
  expect_dual(pow(0.0, at(2)), 0, 0);
  expect_dual(fmin(at(1), 2), 1, 1);
  expect_dual(fmin(at(3), 2), 2, 0);
  expect_dual(fmax(at(1), 2), 2, 0);
  expect_dual(fmax(3, at(2)), 3, 0);
  expect_dual(fmax(1, at(2)), 2, 1);
  const double nan = std::nan("");
  EXPECT_EQ(velbo::fmin(nan, 1.0), 1);
  EXPECT_EQ(velbo::fmin(1.0, nan), 1);
  EXPECT_EQ(velbo::fmax(nan, 1.0), 1);
  EXPECT_EQ(velbo::fmax(1.0, nan), 1);
  expect_dual(select(true, at(2), 5), 2, 1);
  expect_dual(select(false, at(2), 5), 5, 0);
}

TEST(Functions, LogSumExpOfInfinities) {
  expect_dual(log_sum_exp(at(2), -infinity), 2, 1);
  expect_dual(log_sum_exp(-infinity, at(2)), 2, 1);
  // log(0) carries an infinite derivative.
  expect_dual(log_sum_exp(log(at(0)), 2.0), 2, 0);
  expect_dual(log_sum_exp(at(2), infinity), infinity, 0);
  expect_dual(log_sum_exp(at(800), -800), 800, 1);
  EXPECT_EQ(log_sum_exp(-infinity, -infinity), -infinity);
  EXPECT_EQ(log_sum_exp(infinity, infinity), infinity);
  EXPECT_TRUE(std::isnan(log_sum_exp(std::nan(""), 1.0)));
  EXPECT_TRUE(std::isnan(log_sum_exp(1.0, std::nan(""))));
  EXPECT_EQ(log_diff_exp(1.0, 1.0), -infinity);
  EXPECT_TRUE(std::isnan(log_diff_exp(1.0, 2.0)));
  expect_dual(log_diff_exp(at(1), -infinity), 1, 1);
  expect_dual(log_diff_exp(at(800), -800), 800, 1);
  // A mixture of one.
  EXPECT_EQ(log_mix(0, 5.0, 2.0), 2);
  EXPECT_EQ(log_mix(1, 5.0, 2.0), 5);
  expect_dual(log_mix(0, at(5), 2.0), 2, 0);
  EXPECT_TRUE(std::isnan(log_mix(1.5, 5.0, 2.0)));
}

TEST(Functions, LogSumExpOfAnArray) {
  using Three = Dual<double, 3>;
  const Three x[] = {Three::variable(700, 0), Three::variable(701, 1), Three::variable(-infinity, 2)};
  const Three sum = log_sum_exp(x, 3), two = log_sum_exp(x[0], x[1]);
  EXPECT_DOUBLE_EQ(sum.value, two.value);
  EXPECT_DOUBLE_EQ(sum.derivative[0], two.derivative[0]);
  EXPECT_DOUBLE_EQ(sum.derivative[1], two.derivative[1]);
  EXPECT_EQ(sum.derivative[2], 0);
  EXPECT_EQ(log_sum_exp(x, 0).value, -infinity);
  EXPECT_EQ(log_sum_exp(x + 2, 1).value, -infinity);
  const double with_nan[] = {1, std::nan(""), 3};
  EXPECT_TRUE(std::isnan(log_sum_exp(with_nan, 3)));
  const float numbers[] = {1, 2};
  EXPECT_FLOAT_EQ(log_sum_exp(numbers, 2), 2.3132617F);
}

// ---- matrices --------------------------------------------------------------------------------------------------------

// Directions are the six elements of a lower triangular L; what comes back from L L' must be L, with the same derivatives.
TEST(MatrixFunctions, CholeskyUndoesTheProduct) {
  using Six = Dual<double, 6>;
  const double start[] = {1.5, 0, 0, -0.4, 0.3, 0, 2, -1, 0.01};
  Six lower[9], product[9];
  for (int i = 0, direction = 0; i < 3; ++i)
    for (int j = 0; j <= i; ++j) lower[3 * i + j] = Six::variable(start[3 * i + j], direction++);
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) product[3 * i + j] = dot(lower + 3 * i, lower + 3 * j, 3);
  product[1] = product[2] = product[5] = std::nan("");  // never read
  cholesky(product, 3);
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j <= i; ++j) {
      EXPECT_NEAR(product[3 * i + j].value, lower[3 * i + j].value, 1e-11);
      for (int k = 0; k < 6; ++k)
        EXPECT_NEAR(product[3 * i + j].derivative[k], lower[3 * i + j].derivative[k], 1e-9) << i << j << k;
    }
  }
  EXPECT_TRUE(std::isnan(product[1].value));
}

TEST(MatrixFunctions, CholeskyOfAnIndefiniteMatrixIsNaN) {
  double indefinite[] = {1, 0, 2, 1}, singular[] = {0};
  cholesky(indefinite, 2);
  EXPECT_EQ(indefinite[0], 1);
  EXPECT_TRUE(std::isnan(indefinite[3]));
  cholesky(singular, 1);
  EXPECT_TRUE(std::isnan(singular[0]));
}

TEST(MatrixFunctions, SolveUndoesTheProduct) {
  using Two = Dual<double, 2>;
  const double nan = std::nan("");
  const float lower[] = {2, static_cast<float>(nan), 0.5F, -4};  // of another type, which double holds exactly
  const Two x[] = {Two::variable(3, 0), Two::variable(-1, 1)};
  Two y[2];
  lower_times_vector(lower, x, 2, y);
  EXPECT_DOUBLE_EQ(y[0].value, 6);
  EXPECT_DOUBLE_EQ(y[1].value, 5.5);
  EXPECT_DOUBLE_EQ(y[1].derivative[0], 0.5);
  EXPECT_DOUBLE_EQ(y[1].derivative[1], -4);
  lower_solve(lower, y, 2, y);
  for (int i = 0; i < 2; ++i) {
    EXPECT_DOUBLE_EQ(y[i].value, x[i].value);
    for (int k = 0; k < 2; ++k) EXPECT_DOUBLE_EQ(y[i].derivative[k], i == k ? 1 : 0);
  }
  Two in_place[] = {x[0], x[1]};
  lower_times_vector(lower, in_place, 2, in_place);
  EXPECT_DOUBLE_EQ(in_place[1].value, 5.5);
  // Derivatives by the matrix: x = b / l.
  const Two one[] = {Two::variable(4, 0)};
  const double b[] = {2};
  Two solution[1];
  lower_solve(one, b, 1, solution);
  EXPECT_DOUBLE_EQ(solution[0].value, 0.5);
  EXPECT_DOUBLE_EQ(solution[0].derivative[0], -0.125);
}

}  // namespace
}  // namespace velbo
