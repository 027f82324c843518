// L-BFGS on functions whose minima are known.
#include "optimizers/lbfgs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace velbo::internal {
namespace {

constexpr double kFar = 1e9;  // no limit on a step

Lbfgs::Value quadratic(const Eigen::VectorXd& x) {
  // Curvatures 1, 3, 9 .. 2187; minimum at 1, 2, 3 ..
  Lbfgs::Value out{0, Eigen::VectorXd(x.size())};
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    const double curvature = std::pow(3, static_cast<double>(i)), distance = x[i] - static_cast<double>(i + 1);
    out.value += 0.5 * curvature * distance * distance;
    out.gradient[i] = curvature * distance;
  }
  return out;
}

// Rosenbrock 1960: a curved valley with the minimum 0 at (1, 1).
Lbfgs::Value rosenbrock(const Eigen::VectorXd& x) {
  const double a = 1 - x[0], b = x[1] - x[0] * x[0];
  Eigen::VectorXd gradient(2);
  gradient << -2 * a - 400 * x[0] * b, 200 * b;
  return {a * a + 100 * b * b, gradient};
}

TEST(Lbfgs, FindsTheMinimumOfAQuadratic) {
  Lbfgs lbfgs;
  Eigen::VectorXd x = Eigen::VectorXd::Zero(8);
  Lbfgs::Value at = quadratic(x);
  int steps = 0;
  for (; steps < 60 && at.gradient.norm() > 1e-8; ++steps) {
    const double before = at.value;
    ASSERT_TRUE(lbfgs.step(quadratic, x, at, kFar));
    ASSERT_LT(at.value, before);
    ASSERT_EQ(at.gradient, quadratic(x).gradient);  // both moved together
  }
  EXPECT_LT(steps, 60);  // steepest descent takes thousands
  for (Eigen::Index i = 0; i < 8; ++i) EXPECT_NEAR(x[i], static_cast<double>(i + 1), 1e-7);
}

TEST(Lbfgs, FollowsACurvedValley) {
  Lbfgs lbfgs;
  Eigen::VectorXd x(2);
  x << -1.2, 1;
  Lbfgs::Value at = rosenbrock(x);
  int steps = 0;
  while (steps < 100 && at.gradient.norm() > 1e-8 && lbfgs.step(rosenbrock, x, at, kFar)) ++steps;
  EXPECT_LT(steps, 100);
  EXPECT_NEAR(x[0], 1, 1e-7);
  EXPECT_NEAR(x[1], 1, 1e-7);
}

TEST(Lbfgs, NoElementMovesFurtherThanAllowed) {
  Lbfgs lbfgs;
  Eigen::VectorXd x = Eigen::VectorXd::Constant(8, -50);
  Lbfgs::Value at = quadratic(x);
  for (int i = 0; i < 20; ++i) {
    const Eigen::VectorXd before = x;
    ASSERT_TRUE(lbfgs.step(quadratic, x, at, 0.5));
    EXPECT_LE((x - before).cwiseAbs().maxCoeff(), 0.5 * (1 + 1e-12));
  }
}

TEST(Lbfgs, StaysWhereTheFunctionIsFinite) {
  // x - log x, infinite at x <= 0; minimum at 1.  From 0.01 the full gradient step lands at 99, from 99 beyond zero.
  const auto barrier = [](const Eigen::VectorXd& x) -> Lbfgs::Value {
    if (x[0] <= 0) return {std::numeric_limits<double>::infinity(), Eigen::VectorXd::Zero(1)};
    return {x[0] - std::log(x[0]), Eigen::VectorXd::Constant(1, 1 - 1 / x[0])};
  };
  Lbfgs lbfgs;
  Eigen::VectorXd x = Eigen::VectorXd::Constant(1, 0.01);
  Lbfgs::Value at = barrier(x);
  for (int i = 0; i < 50 && std::abs(at.gradient[0]) > 1e-9; ++i) {
    ASSERT_TRUE(lbfgs.step(barrier, x, at, kFar));
    ASSERT_GT(x[0], 0);
  }
  EXPECT_NEAR(x[0], 1, 1e-8);
}

TEST(Lbfgs, SaysThatAWrongGradientLeadsNowhere) {
  const auto wrong = [](const Eigen::VectorXd& x) {
    Lbfgs::Value out = quadratic(x);
    out.gradient = -out.gradient;
    return out;
  };
  Lbfgs lbfgs;
  Eigen::VectorXd x = Eigen::VectorXd::Zero(3);
  const Eigen::VectorXd before = x;
  Lbfgs::Value at = wrong(x);
  EXPECT_FALSE(lbfgs.step(wrong, x, at, kFar));
  EXPECT_EQ(x, before);
}

TEST(Lbfgs, GoesOnWithTheSameBitsFromWhatItRemembers) {
  Lbfgs lbfgs(4);
  Eigen::VectorXd x(2);
  x << -1.2, 1;
  Lbfgs::Value at = rosenbrock(x);
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(lbfgs.step(rosenbrock, x, at, kFar));
  const auto [changes, gradients] = lbfgs.pairs();
  EXPECT_EQ(changes.cols(), 4);
  Lbfgs other(4);
  other.set_pairs(changes, gradients);
  Eigen::VectorXd y = x;
  Lbfgs::Value there = at;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(lbfgs.step(rosenbrock, x, at, kFar));
    ASSERT_TRUE(other.step(rosenbrock, y, there, kFar));
    ASSERT_EQ(x, y);
  }
}

}  // namespace
}  // namespace velbo::internal
