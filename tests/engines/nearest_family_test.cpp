// Members of smaller families near a full-rank Gaussian.
#include "engines/nearest_family.h"

#include <gtest/gtest.h>

#include "support/gaussian_target.h"

namespace velbo::internal {
namespace {

TEST(NearestMeanField, HasTheConditionalSds) {
  const GaussianTarget target = small_target();
  const GaussianPoint q = nearest_mean_field(exact_posterior(target));
  EXPECT_EQ(q.family, FamilyKind::mean_field);
  EXPECT_EQ(q.mean, target.mean);
  EXPECT_TRUE(q.factor.col(0).isApprox(target.precision.diagonal().cwiseSqrt().cwiseInverse(), 1e-12));
  // No other mean-field Gaussian has a higher ELBO.
  const double best = exact_gradient(q, target).value;
  for (Eigen::Index i = 0; i < 3; ++i)
    for (const double factor : {0.98, 1.02}) {
      GaussianPoint other = q;
      other.factor(i, 0) *= factor;
      EXPECT_LT(exact_gradient(other, target).value, best);
    }
}

TEST(NearLowRank, KeepsTheDiagonalAndTheLeadingCorrelations) {
  const GaussianPoint full = exact_posterior(small_target());
  const Eigen::MatrixXd covariance = full.factor * full.factor.transpose();
  double off_before = 1e300;
  for (const std::int64_t rank : {1, 2, 3}) {
    const GaussianPoint q = near_low_rank(full, rank);
    ASSERT_EQ(q.rank(), rank);
    EXPECT_TRUE(q.sd().isApprox(full.sd(), 1e-12)) << rank;
    EXPECT_GT(q.factor.col(0).minCoeff(), 0) << rank;
    Eigen::MatrixXd off = q.factor.rightCols(rank) * q.factor.rightCols(rank).transpose() - covariance;
    off.diagonal().setZero();
    EXPECT_LT(off.norm(), off_before) << rank;
    off_before = off.norm();
  }
  EXPECT_LT(off_before, 0.02 * covariance.norm());  // all but the one percent that is left to own noise
}

}  // namespace
}  // namespace velbo::internal
