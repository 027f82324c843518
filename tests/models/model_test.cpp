// Models in code: their log joint with Jacobians, gradients by differentiation, and gradients that are wrong.
#include "velbo/model.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "support/errors.h"
#include "velbo/distributions.h"
#include "velbo/functions.h"

namespace velbo {
namespace {

// Eight schools with three: more parameters than one chunk of derivatives when repeated.
struct Schools {
  template <class T>
  T operator()(const T* theta) const {
    const T &mu = theta[0], &tau = theta[1];
    T sum = normal_lpdf(mu, 0, 5) + half_cauchy_lpdf(tau, 5);
    for (int j = 0; j < 3; ++j) sum += normal_lpdf(theta[2 + j], mu, tau) + normal_lpdf(4 * j, theta[2 + j], 10);
    return sum;
  }
};

Model schools() { return {{real("mu"), positive("tau"), real("theta", {3})}, Schools{}, "schools"}; }

TEST(Model, AddsTheLogJacobian) {
  const Model model = schools();
  const std::array z = {1.0, -0.5, 0.3, 2.0, -1.0};
  std::array theta = z;
  theta[1] = std::exp(z[1]);
  EXPECT_NEAR(model.log_joint(z), Schools{}(theta.data()) + z[1], 1e-13);
  EXPECT_EQ(model.n_latents(), 5);
  EXPECT_EQ(model.name(), "schools");
  EXPECT_TRUE(model.is_differentiated());
}

TEST(Model, DifferentiatesInZ) {
  const Model model = schools();
  const std::array z = {1.0, -0.5, 0.3, 2.0, -1.0};
  std::array<double, 5> gradient{};
  EXPECT_NEAR(model.log_joint(z, gradient), model.log_joint(z), 1e-13);
  for (std::size_t i = 0; i < 5; ++i) {
    std::array up = z, down = z;
    up[i] += 1e-5;
    down[i] -= 1e-5;
    EXPECT_NEAR(gradient[i], (model.log_joint(up) - model.log_joint(down)) / 2e-5, 1e-8) << i;
  }
}

// 1, 4, 5, 8, 9 and 17 parameters: at the edges of the chunks of 4 and 8.
struct Product {
  std::int64_t n;
  template <class T>
  T operator()(const T* x) const {
    T sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(i + 1) * sin(x[i]) * x[(i + 1) % n];
    return sum;
  }
};

TEST(Model, DifferentiatesInChunksOfAnyNumber) {
  for (const std::int64_t n : {1, 4, 5, 8, 9, 17}) {
    const Model model({real("x", {n})}, Product{n});
    const GradientCheck check = check_gradient(model);
    EXPECT_TRUE(check.passed) << n << ": " << check.message;
    EXPECT_EQ(check.gradient.size(), static_cast<std::size_t>(n));
  }
}

BatchLogDensity normal_with(double factor_of_second) {
  return [factor_of_second](std::int64_t n_draws, const double* theta, double* value, double* gradient) {
    for (std::int64_t s = 0; s < n_draws; ++s) {
      const double a = theta[2 * s], b = theta[2 * s + 1];
      value[s] = -0.5 * a * a - b;  // b: exponential(1)
      if (gradient == nullptr) continue;
      gradient[2 * s] = -a;
      gradient[2 * s + 1] = -factor_of_second;
    }
  };
}

TEST(CheckGradient, PassesWhatIsRightAndNamesWhatIsNot) {
  const Parameters parameters{real("a"), positive("b")};
  const GradientCheck right = check_gradient(Model::with_gradient(parameters, normal_with(1)));
  EXPECT_TRUE(right.passed);
  EXPECT_EQ(right.message, "2 derivatives agree with central differences to 1e-05");
  EXPECT_NEAR(right.gradient[0], -0.1, 1e-12);
  EXPECT_NEAR(right.differences[0], -0.1, 1e-9);
  const GradientCheck wrong = check_gradient(Model::with_gradient(parameters, normal_with(1.001)));
  EXPECT_FALSE(wrong.passed);
  EXPECT_EQ(wrong.message,
            "d log joint / d log(b) is 0.0942577 by the model and 0.0951626 by central differences, at log(b) = -0.1");
  // An error below what was asked for is none.
  EXPECT_TRUE(check_gradient(Model::with_gradient(parameters, normal_with(1.001)), {}, 0.02).passed);
  // Elsewhere, where it would not show.
  const std::array far = {0.0, -30.0};
  EXPECT_TRUE(check_gradient(Model::with_gradient(parameters, normal_with(1.001)), far).passed);
}

TEST(Model, RefusesWhatCannotBeOne) {
  EXPECT_EQ(test::error_of([] { Model(Parameters{}, Product{1}, "nothing"); }),
            "argument| the model \"nothing\" has no parameters, expected at least one");
  EXPECT_EQ(test::error_of([] { static_cast<void>(Model::with_gradient({real("a")}, {}, "empty")); }),
            "argument| the model \"empty\" has no log density");
  const std::array z = {1.0, 2.0};
  EXPECT_EQ(test::error_of([&] { static_cast<void>(schools().log_joint(z)); }),
            "shape| z has 2 elements, expected one a latent: 5");
  std::array<double, 5> five{};
  std::array<double, 2> two{};
  EXPECT_EQ(test::error_of([&] { schools().log_joint(five, two); }),
            "shape| the gradient has 2 elements, expected one a latent: 5");
  EXPECT_EQ(test::error_of([&] { static_cast<void>(check_gradient(schools(), z)); }),
            "shape| z has 2 elements, expected one a latent: 5");
  const Model infinite = Model::with_gradient(
      {real("a")},
      [](std::int64_t n, const double*, double* v, double* g) {
        for (std::int64_t s = 0; s < n; ++s) v[s] = -INFINITY, g != nullptr ? static_cast<void>(g[s] = 0) : void();
      },
      "nowhere");
  EXPECT_EQ(test::error_of([&] { static_cast<void>(check_gradient(infinite)); }),
            "argument| the log joint of \"nowhere\" is -inf where its gradient is to be checked");
}

}  // namespace
}  // namespace velbo
