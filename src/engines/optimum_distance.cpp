// engines/optimum_distance.cpp
#include "engines/optimum_distance.h"

#include <cmath>
#include <limits>

#include "objectives/elbo_gradient.h"

namespace velbo::internal {
namespace {

Distance low_rank_distance(const GaussianPoint& point, const ExpectedLogJoint& expected, const Eigen::VectorXd& step) {
  const Eigen::VectorXd sd = point.sd();
  const ElboGradient gradient = elbo_gradient(point, expected);
  // The gradient in latent i's own coordinates, its log sd and its loadings in sds.
  const Eigen::ArrayXd along_sd = gradient.factor.col(0).cwiseProduct(point.factor.col(0));
  const Eigen::ArrayXd along_loadings = gradient.factor.rightCols(point.rank()).rowwise().norm().cwiseProduct(sd);
  const auto finite = [](double v) { return std::isfinite(v) ? v : std::numeric_limits<double>::infinity(); };
  return {finite((step.array() / sd.array()).abs().maxCoeff()), finite((along_sd.abs() + along_loadings).maxCoeff())};
}

}  // namespace

Distance distance_to_optimum(const GaussianPoint& point, const ExpectedLogJoint& expected,
                             ExpectedLogJointOracle& oracle, double relative_tolerance) {
  std::unique_ptr<GaussianUpdate> update;
  if (point.family == FamilyKind::full_rank) {
    update = full_rank_update(point, expected);
  } else {
    const Eigen::VectorXd step = oracle.solve_curvature(point, expected.gradient, relative_tolerance);
    if (point.family == FamilyKind::low_rank) return low_rank_distance(point, expected, step);
    update = mean_field_update(point, expected, step);
  }
  const std::optional<GaussianPoint> optimum = update->at(1);
  const double unknown = std::numeric_limits<double>::infinity();
  return optimum ? distance_in_sds(point, *optimum) : Distance{unknown, unknown};
}

}  // namespace velbo::internal
