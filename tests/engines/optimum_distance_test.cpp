// The remaining error that the engine `gradient` stops by, against the distance to a Gaussian target's known optimum.
#include "engines/optimum_distance.h"

#include <gtest/gtest.h>

#include "support/small_glm.h"
#include "support/target_oracle.h"

namespace velbo::internal {
namespace {

Distance distance(const GaussianPoint& point, const GaussianTarget& target) {
  TargetOracle oracle(target);
  return distance_to_optimum(point, oracle.evaluate(point, true), oracle, 1e-10);
}

TEST(DistanceToOptimum, FullRankIsThatToTheTarget) {
  const GaussianTarget target = small_target();
  const GaussianPoint point = small_point(3, FamilyKind::full_rank), optimum = exact_posterior(target);
  const Distance found = distance(point, target), expected = distance_in_sds(point, optimum);
  EXPECT_NEAR(found.means, expected.means, 1e-10);
  EXPECT_NEAR(found.sds, expected.sds, 1e-10);
  EXPECT_LT(distance(optimum, target).largest(), 1e-10);
}

// The optimum's mean is the target's, however correlated latents are; its sds are those of the precision's diagonal.
TEST(DistanceToOptimum, MeanFieldIsThatToTheOptimumOfTheFamily) {
  const GaussianTarget target = small_target();
  const GaussianPoint optimum{FamilyKind::mean_field, target.mean,
                              target.precision.diagonal().cwiseSqrt().cwiseInverse()};
  GaussianPoint point = optimum;
  point.mean += Eigen::Vector3d(0.1, 0.2, -0.1);
  point.factor.col(0).array() *= Eigen::Array3d(1.1, 0.9, 1.05);
  const Distance found = distance(point, target), expected = distance_in_sds(point, optimum);
  EXPECT_NEAR(found.means, expected.means, 1e-10);
  EXPECT_NEAR(found.sds, expected.sds, 1e-10);
  EXPECT_LT(distance(optimum, target).largest(), 1e-10);
}

// Means by a Newton step; sds by the gradient in each latent's log sd and loadings, by dense matrices here.
TEST(DistanceToOptimum, LowRankCountsMeansSdsAndLoadings) {
  const Eigen::Index d = 3;
  const GaussianPoint optimum = small_point(d, FamilyKind::low_rank);
  Eigen::MatrixXd covariance = optimum.factor.rightCols(2) * optimum.factor.rightCols(2).transpose();
  covariance.diagonal() += optimum.factor.col(0).cwiseAbs2();
  const GaussianTarget target{optimum.mean, covariance.inverse()};
  EXPECT_LT(distance(optimum, target).largest(), 1e-10);

  GaussianPoint moved = optimum;
  moved.mean[1] += 0.3 * optimum.sd()[1];
  EXPECT_NEAR(distance(moved, target).means, 0.3, 1e-10);
  EXPECT_LT(distance(moved, target).sds, 1e-10);

  for (const Eigen::Index column : {0, 1, 2}) {
    GaussianPoint other = optimum;
    other.factor.col(column) *= 1.2;
    const ElboGradient gradient = exact_gradient(other, target);
    double expected = 0;
    for (Eigen::Index i = 0; i < d; ++i)
      expected = std::max(expected, std::abs(gradient.factor(i, 0) * other.factor(i, 0)) +
                                        gradient.factor.row(i).tail(2).norm() * other.sd()[i]);
    EXPECT_NEAR(distance(other, target).sds, expected, 1e-10) << column;
    EXPECT_GT(expected, 0.05) << column;
    EXPECT_LT(distance(other, target).means, 1e-10) << column;
  }
}

}  // namespace
}  // namespace velbo::internal
