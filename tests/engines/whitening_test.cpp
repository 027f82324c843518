// Coordinates of gradient steps: zero is the reference, pullbacks are derivatives, and at a Gaussian optimum the Hessian is -I.
#include "engines/whitening.h"

#include <gtest/gtest.h>

#include <Eigen/LU>
#include <cmath>

#include "support/small_glm.h"

namespace velbo::internal {
namespace {

class Coordinates : public testing::TestWithParam<FamilyKind> {};

// ELBO of a Gaussian target N(m, P^-1), as a function of a point.
ElboGradient gaussian_elbo(const GaussianPoint& point, const Eigen::VectorXd& mean, const Eigen::MatrixXd& precision) {
  const Eigen::VectorXd r = mean - point.mean;
  Eigen::MatrixXd covariance = point.factor * point.factor.transpose();
  if (point.family != FamilyKind::full_rank) {
    covariance = point.factor.rightCols(point.rank()) * point.factor.rightCols(point.rank()).transpose();
    covariance.diagonal() += point.factor.col(0).cwiseAbs2();
  }
  const ExpectedLogJoint expected{-0.5 * r.dot(precision * r) - 0.5 * (precision * covariance).trace(), 0,
                                  precision * r, in_layout_of(point, precision)};
  ElboGradient out = elbo_gradient(point, expected);
  return out;
}

TEST_P(Coordinates, PullbackEqualsFiniteDifferences) {
  const Eigen::Index d = 4;
  const GaussianPoint reference = small_point(d, GetParam());
  const Eigen::MatrixXd factor = small_point(d, FamilyKind::full_rank).factor;
  const Eigen::VectorXd mean = Eigen::VectorXd::Constant(d, 0.7);
  const Eigen::MatrixXd precision = 3 * Eigen::MatrixXd::Identity(d, d) + Eigen::MatrixXd::Constant(d, d, 0.5);
  for (const bool dense : {true, false}) {
    const Whitening whitening(reference, dense ? factor : Eigen::MatrixXd(factor.rowwise().norm()));
    EXPECT_TRUE(whitening.at(Eigen::VectorXd::Zero(whitening.size())).factor.isApprox(reference.factor, 1e-15));
    Eigen::VectorXd w(whitening.size());
    for (Eigen::Index i = 0; i < w.size(); ++i) w[i] = 0.3 * std::sin(1.0 + static_cast<double>(3 * i));
    const Eigen::VectorXd g = whitening.pull_back(w, gaussian_elbo(whitening.at(w), mean, precision));
    for (Eigen::Index i = 0; i < w.size(); ++i) {
      Eigen::VectorXd above = w, below = w;
      above[i] += 1e-6;
      below[i] -= 1e-6;
      const double slope = (gaussian_elbo(whitening.at(above), mean, precision).value -
                            gaussian_elbo(whitening.at(below), mean, precision).value) /
                           2e-6;
      EXPECT_NEAR(g[i], slope, 1e-6 * (1 + std::abs(g[i]))) << i;
    }
  }
}

// In other units of the latents the coordinates, and so the steps, are the same.
TEST_P(Coordinates, DoNotDependOnUnits) {
  const Eigen::Index d = 4;
  const Eigen::VectorXd units = Eigen::Vector4d(1, 1e-3, 50, 7);
  const GaussianPoint point = small_point(d, GetParam());
  const Eigen::MatrixXd factor = small_point(d, FamilyKind::full_rank).factor;
  GaussianPoint scaled = point;
  scaled.mean.array() *= units.array();
  scaled.factor = units.asDiagonal() * point.factor;
  const Whitening whitening(point, factor), other(scaled, units.asDiagonal() * factor);
  Eigen::VectorXd w(whitening.size());
  for (Eigen::Index i = 0; i < w.size(); ++i) w[i] = 0.3 * std::sin(1.0 + static_cast<double>(3 * i));
  const GaussianPoint there = whitening.at(w), scaled_there = other.at(w);
  EXPECT_TRUE(scaled_there.mean.isApprox(units.cwiseProduct(there.mean), 1e-14));
  EXPECT_TRUE(scaled_there.factor.isApprox(units.asDiagonal() * there.factor, 1e-14));
  const Eigen::VectorXd mean = Eigen::VectorXd::Constant(d, 0.7);
  const Eigen::MatrixXd precision = 3 * Eigen::MatrixXd::Identity(d, d) + Eigen::MatrixXd::Constant(d, d, 0.5);
  const Eigen::VectorXd per_unit = units.cwiseInverse();
  const Eigen::VectorXd g = whitening.pull_back(w, gaussian_elbo(there, mean, precision));
  const Eigen::VectorXd scaled_g = other.pull_back(
      w,
      gaussian_elbo(scaled_there, units.cwiseProduct(mean), per_unit.asDiagonal() * precision * per_unit.asDiagonal()));
  EXPECT_TRUE(scaled_g.isApprox(g, 1e-10));
}

INSTANTIATE_TEST_SUITE_P(Families, Coordinates,
                         testing::Values(FamilyKind::mean_field, FamilyKind::full_rank, FamilyKind::low_rank),
                         [](const auto& p) { return std::string(name(p.param)); });

// Whitened by the target itself, a gradient step of length 1 from nearby lands on the optimum up to second order: the rule for
// step sizes rests on that.
TEST(Coordinates, MakeTheHessianMinusTheIdentity) {
  const Eigen::Index d = 4;
  const GaussianPoint q = small_point(d, FamilyKind::full_rank);
  const Eigen::MatrixXd covariance = q.factor * q.factor.transpose();
  const Eigen::MatrixXd precision = covariance.inverse();
  const Whitening whitening(q, q.factor);
  for (Eigen::Index i = 0; i < whitening.size(); ++i) {
    const double h = 1e-5;
    const Eigen::VectorXd w = h * Eigen::VectorXd::Unit(whitening.size(), i);
    const Eigen::VectorXd g = whitening.pull_back(w, gaussian_elbo(whitening.at(w), q.mean, precision)) / h;
    EXPECT_LT((g + Eigen::VectorXd::Unit(whitening.size(), i)).cwiseAbs().maxCoeff(), 1e-3) << i;
  }
}

}  // namespace
}  // namespace velbo::internal
