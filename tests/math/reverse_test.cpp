// Reverse mode beside forward mode, whose derivatives have tests of their own (dual_test.cpp, functions_test.cpp), and its tape.
#include "velbo/reverse.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <stdexcept>
#include <thread>
#include <vector>

#include "velbo/distributions.h"
#include "velbo/functions.h"
#include "velbo/matrix_functions.h"
#include "velbo/model.h"

namespace velbo {
namespace {

static_assert(Differentiable<Reverse> && ModelScalar<Reverse>);
static_assert(std::is_same_v<promoted_t<double, Reverse, int>, Reverse> && std::is_same_v<real_t<Reverse>, double>);

// Value and gradient of f at x by both modes, compared to a few roundings of the largest element.
template <class F>
void expect_as_forward(const F& f, const std::vector<double>& x, double rounding = 1e-14) {
  const auto n = static_cast<std::int64_t>(x.size());
  std::vector<double> forward(x.size()), reverse(x.size(), -1);
  const double value = internal::differentiate<8>(f, n, x.data(), forward.data());
  EXPECT_EQ(internal::gradient_by_reverse(f, n, x.data(), reverse.data()), value);
  double largest = 0;
  for (const double g : forward) largest = std::max(largest, std::abs(g));
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(reverse[i], forward[i], rounding * largest) << i;
}

TEST(Reverse, OperatorsOfScalarsAndNumbers) {
  const auto f = [](const auto* x) {
    using T = std::remove_cvref_t<decltype(*x)>;
    T sum = 3;                      // a constant that becomes a variable
    sum += x[0];                    // shares x[0]'s node
    sum += 2;                       // a shift
    sum *= x[1] - 1.5;              // both kinds
    sum -= 4 / x[2] + x[0] / x[2];  // x[0] once more
    sum /= 0.5 * x[1];
    T other = -x[2] * 2;
    other -= 1;
    other *= other;  // of itself
    other -= sum - x[3];
    other /= x[3];
    return (1 - other) + (+x[4]) * (x[4] - x[4]) + T(7) * x[5] / T(2) + T(1) / T(4);
  };
  expect_as_forward(f, {0.7, 1.9, -1.3, 2.2, 0.4, 5});
}

TEST(Reverse, WhatDoesNotDependHasNoDerivative) {
  std::vector<double> gradient(2, 9);
  const std::vector<double> x = {1, 2};
  EXPECT_EQ(internal::gradient_by_reverse([](const auto*) { return Reverse(5); }, 2, x.data(), gradient.data()), 5);
  EXPECT_EQ(gradient, (std::vector<double>{0, 0}));
  EXPECT_EQ(internal::gradient_by_reverse([](const Reverse* t) { return t[1]; }, 2, x.data(), gradient.data()), 2);
  EXPECT_EQ(gradient, (std::vector<double>{0, 1}));
}

TEST(Reverse, ComparesByValue) {
  internal::Tape tape;
  const Reverse a = 3, b = 2;
  EXPECT_TRUE(a > b && a >= b && b < a && b <= a && a != b && a == 3 && 2 < a && a <= 3);
}

// One argument, two, and densities of three whose partial derivatives are written out.
TEST(Reverse, FunctionsAndDensities) {
  const auto f = [](const auto* x) {
    using T = std::remove_cvref_t<decltype(*x)>;
    T sum = velbo::exp(x[0]) + velbo::log(x[1]) + velbo::lgamma(x[2]) + velbo::tanh(x[0]) + velbo::sigmoid(x[3]);
    sum += velbo::log_sum_exp(x[0], x[3]) + velbo::pow(x[1], x[2]) + velbo::softplus(x[3]);
    sum += student_t_lpdf(x[0], x[1], x[3], x[2]) + student_t_lpdf(1.3, x[1], x[3], 2.0) +
           student_t_lpdf(x[0], 4, 0, x[2]);
    sum += normal_lpdf(x[0], x[3], x[1]) + gamma_lpdf(x[1], x[2], x[4]) + neg_binomial_2_log_lpmf(3, x[0], x[2]);
    sum += beta_lpdf(velbo::sigmoid(x[3]), x[1], x[2]) + poisson_log_lpmf(4, x[0]) + bernoulli_logit_lpmf(1, x[3]);
    return sum;
  };
  expect_as_forward(f, {0.4, 1.7, 2.6, -0.8, 0.9}, 1e-13);
}

// A Gaussian process of eight points: a Cholesky factorisation and a solve, thousands of nodes.
TEST(Reverse, Matrices) {
  const auto f = [](const auto* x) {
    using T = std::remove_cvref_t<decltype(*x)>;
    constexpr int n = 8;
    T covariance[n * n], mean[n];
    for (int i = 0; i < n; ++i) {
      mean[i] = x[3 + i];
      for (int j = 0; j < n; ++j)
        covariance[i * n + j] =
            x[0] * x[0] * velbo::exp(-0.5 * (i - j) * (i - j) / (x[1] * x[1])) + (i == j ? 1.0 : 0.0) * x[2];
    }
    cholesky(covariance, n);
    double y[n];
    for (int i = 0; i < n; ++i) y[i] = std::sin(i);
    return multi_normal_cholesky_lpdf<n>(y, mean, covariance);
  };
  expect_as_forward(f, {1.2, 1.9, 0.3, 0.1, 0.2, -0.4, 0.6, 0.2, -0.1, 0.9, 0.5}, 1e-12);
}

// An f that differentiates inside itself, and one that throws in the middle, leave the tape as it was.
TEST(Reverse, WithinItselfAndAfterAnException) {
  const auto inner = [](const Reverse* x) { return x[0] * x[0] * x[1]; };
  std::uint32_t first_node = 0;
  const auto outer = [&](const Reverse* x) {
    const Reverse before = x[0] * x[1];
    first_node = x[0].node();
    const std::array at = {value_of(x[0]), value_of(x[1])};
    std::array<double, 2> slope{};
    const double value = internal::gradient_by_reverse(inner, 2, at.data(), slope.data());
    return chain(x[0], slope[0], x[1], slope[1], value) + before * before;
  };
  const std::array x = {1.5, -2.0};
  std::array<double, 2> gradient{};
  const auto check = [&] {
    EXPECT_EQ(internal::gradient_by_reverse(outer, 2, x.data(), gradient.data()), 1.5 * 1.5 * -2 + 9);
    EXPECT_EQ(gradient[0], 2 * 1.5 * -2 + 2 * -3.0 * -2);
    EXPECT_EQ(gradient[1], 1.5 * 1.5 + 2 * -3.0 * 1.5);
    EXPECT_EQ(first_node, 1U);  // of a tape that holds nothing of what went before
  };
  check();
  const auto broken = [](const Reverse* t) -> Reverse {
    if (value_of(t[0] * t[1]) < 0) throw std::runtime_error("broken");
    return t[0];
  };
  EXPECT_THROW(internal::gradient_by_reverse(broken, 2, x.data(), gradient.data()), std::runtime_error);
  EXPECT_EQ(internal::tape_of_thread, nullptr);
  check();
}

struct CountingChain {
  static inline std::atomic<int> calls = 0;
  std::int64_t n;
  template <class T>
  T operator()(const T* x) const {
    ++calls;
    T sum = normal_lpdf(x[0], 0, 1);
    for (std::int64_t i = 1; i < n; ++i) sum += normal_lpdf(x[i], x[i - 1], 0.5);
    return sum;
  }
};
struct ForwardChain : CountingChain {
  static constexpr bool forward_only = true;
};

int calls_of_a_gradient(const Model& model, std::int64_t n) {
  std::vector<double> z(static_cast<std::size_t>(n), 0.1), gradient(z.size());
  CountingChain::calls = 0;
  model.log_joint(z, gradient);
  return CountingChain::calls;
}

// A gradient of many parameters costs one call, unless the functor asks for forward mode, 8 at a time.
TEST(Reverse, ModelsOfMoreThanEightParametersUseIt) {
  const auto model = [](std::int64_t n, bool forward) {
    Parameters parameters({real("x", {n})});
    return forward ? Model(std::move(parameters), ForwardChain{{n}}) : Model(std::move(parameters), CountingChain{n});
  };
  EXPECT_EQ(calls_of_a_gradient(model(8, false), 8), 1);
  EXPECT_EQ(calls_of_a_gradient(model(9, false), 9), 1);
  EXPECT_EQ(calls_of_a_gradient(model(9, true), 9), 2);
  EXPECT_EQ(calls_of_a_gradient(model(400, false), 400), 1);
  EXPECT_EQ(calls_of_a_gradient(model(400, true), 400), 50);
}

TEST(Reverse, ThreadsHaveTapesOfTheirOwn) {
  const CountingChain chain_of{300};
  std::vector<std::vector<double>> gradients(8, std::vector<double>(300));
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < gradients.size(); ++t)
    threads.emplace_back([&, t] {
      std::vector<double> x(300);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<double>(i));
      for (int repeat = 0; repeat < 20; ++repeat)
        internal::gradient_by_reverse(chain_of, 300, x.data(), gradients[t].data());
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& gradient : gradients) EXPECT_EQ(gradient, gradients[0]);
  EXPECT_NE(gradients[0][5], 0);
}

}  // namespace
}  // namespace velbo
