// Distances of mean-field and low-rank Gaussians to their optima, against a Gaussian target's closed forms.
#include "objectives/family_errors.h"

#include <gtest/gtest.h>

#include "support/gaussian_target.h"
#include "support/small_glm.h"

namespace velbo::internal {
namespace {

class FamilyErrors : public testing::TestWithParam<FamilyKind> {
 protected:
  GaussianTarget target_ = small_target();
  GaussianPoint point_ = small_point(target_.mean.size(), GetParam());
  ModelDensity density_{Model::with_gradient({real("x", {3})}, target_.log_density()), Context()};

  [[nodiscard]] EvaluatedDraws draws(std::int64_t count, std::uint32_t step) {
    const RowMajorMatrix eps = DrawNoise(Context(), point_, count, DrawKind::iid, make_key(8, Purpose::test)).at(step);
    const RowMajorMatrix z = draws_of(point_, eps);
    Eigen::VectorXd value(count);
    RowMajorMatrix gradient(count, 3);
    density_.evaluate(count, z.data(), value.data(), gradient.data());
    return finite_draws(eps, gradient, value);
  }
  // In log sds: of mean field a Newton step, of low rank the gradient's length.
  [[nodiscard]] Eigen::ArrayXd exact_log_sd() const {
    const ElboGradient exact = exact_gradient(point_, target_);
    const Eigen::ArrayXd own = exact.factor.col(0).cwiseProduct(point_.factor.col(0)).array();
    if (point_.rank() == 0) return 0.5 * own;
    return own.abs() + exact.factor.rightCols(point_.rank()).rowwise().norm().cwiseProduct(point_.sd()).array();
  }
};

TEST_P(FamilyErrors, CurvatureIsThatOfTheModel) {
  const RowMajorMatrix z = draws_of(point_, DrawNoise(Context(), point_, 4, DrawKind::iid, Key{1}).at(0));
  EXPECT_TRUE(curvature_at(density_, point_, z)->isApprox(target_.precision, 1e-9));
  EXPECT_EQ(density_.gradients(), 2 * 3 * 4);
}

// With the target's own curvature the means' part has no noise, nor has the sds' part of mean field.
TEST_P(FamilyErrors, AreExactForAQuadraticLogJoint) {
  const MarginalErrors errors = family_errors(point_, draws(16, 0), target_.precision);
  const Eigen::VectorXd unit = point_.sd().cwiseMax(target_.precision.inverse().diagonal().cwiseSqrt());
  const Eigen::ArrayXd off = (target_.mean - point_.mean).cwiseQuotient(unit).array();
  EXPECT_TRUE(errors.mean.isApprox(off, 1e-10)) << errors.mean.transpose() << "\n" << off.transpose();
  EXPECT_LT(errors.mean_se.maxCoeff(), 1e-7);  // a difference of squares
  // What is left of the residuals is the constant C (target mean - mean), times eps.
  const MarginalErrors many = family_errors(point_, draws(40000, 1), target_.precision);
  EXPECT_LT(((many.log_sd - exact_log_sd()).abs() / (many.log_sd_se + 1e-12)).maxCoeff(), 5);
  EXPECT_LT(many.log_sd_se.maxCoeff(), 0.02);
}

// With another curvature they are unbiased for that one's Newton step.  6 z-tests a family at 5 standard errors: false alarms below 8e-6.
TEST_P(FamilyErrors, AreUnbiasedWhateverTheCurvature) {
  Eigen::MatrixXd other = target_.precision;
  other.diagonal() *= 1.7;
  other(0, 1) = other(1, 0) = -0.4;
  const MarginalErrors errors = family_errors(point_, draws(60000, 2), other);
  const Eigen::VectorXd step = other.llt().solve(target_.precision * (target_.mean - point_.mean));
  const Eigen::VectorXd unit = point_.sd().cwiseMax(other.inverse().diagonal().cwiseSqrt());
  const Eigen::ArrayXd off = step.cwiseQuotient(unit).array();
  EXPECT_LT(((errors.mean - off).abs() / errors.mean_se).maxCoeff(), 5);
  EXPECT_LT(((errors.log_sd - exact_log_sd()).abs() / errors.log_sd_se).maxCoeff(), 5);
  EXPECT_LT(errors.largest_se(), 0.05);
}

INSTANTIATE_TEST_SUITE_P(All, FamilyErrors, testing::Values(FamilyKind::mean_field, FamilyKind::low_rank),
                         [](const auto& each) { return std::string(name(each.param)); });

// A saddle: sizes of the curvature's eigenvalues in q's sds.
TEST(CurvatureAt, IsPositiveDefiniteWhereTheModelsIsNot) {
  GaussianTarget target{Eigen::Vector2d::Zero(), Eigen::Matrix2d::Zero()};
  target.precision << 0, 2, 2, 0;
  const auto saddle = [&](std::int64_t n, const double* z, double* value, double* gradient) {
    for (std::int64_t s = 0; s < n; ++s) {
      value[s] = -2 * z[2 * s] * z[2 * s + 1];
      if (gradient == nullptr) continue;
      gradient[2 * s] = -2 * z[2 * s + 1];
      gradient[2 * s + 1] = -2 * z[2 * s];
    }
  };
  ModelDensity density(Model::with_gradient({real("x", {2})}, saddle), Context());
  const GaussianPoint point{FamilyKind::mean_field, Eigen::Vector2d::Zero(), Eigen::Vector2d(1, 3)};
  const std::optional<Eigen::MatrixXd> found = curvature_at(density, point, RowMajorMatrix::Zero(2, 2));
  ASSERT_TRUE(found);
  // S C S = [0 6; 6 0], of eigenvalues 6 and -6: 6 I.
  EXPECT_TRUE(found->isApprox(Eigen::MatrixXd(Eigen::Vector2d(6, 6.0 / 9).asDiagonal()), 1e-8)) << *found;
}

}  // namespace
}  // namespace velbo::internal
