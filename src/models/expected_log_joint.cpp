// models/expected_log_joint.cpp
#include "models/expected_log_joint.h"

#include <cmath>
#include <numbers>

#include "families/low_rank.h"
#include "models/gaussian_oracle.h"
#include "models/row_oracle.h"

namespace velbo::internal {

Eigen::VectorXd GaussianPoint::sd() const {
  return family == FamilyKind::mean_field ? Eigen::VectorXd(factor.col(0)) : Eigen::VectorXd(factor.rowwise().norm());
}

double GaussianPoint::entropy() const {
  const double constant = 0.5 * static_cast<double>(dimension()) * (1 + std::log(2 * std::numbers::pi));
  switch (family) {
    case FamilyKind::mean_field: return constant + factor.col(0).array().log().sum();
    case FamilyKind::low_rank:
      return constant + LowRankInverse(factor.col(0), factor.rightCols(rank())).half_log_determinant();
    default: return constant + factor.diagonal().array().log().sum();
  }
}

std::vector<double> row_major(const Eigen::MatrixXd& matrix) {
  std::vector<double> out;
  out.reserve(static_cast<std::size_t>(matrix.size()));
  for (Eigen::Index i = 0; i < matrix.rows(); ++i)
    for (Eigen::Index j = 0; j < matrix.cols(); ++j) out.push_back(matrix(i, j));
  return out;
}

bool ExpectedLogJoint::is_finite() const {
  return std::isfinite(value) && gradient.allFinite() && curvature.allFinite();
}

Eigen::MatrixXd in_layout_of(const GaussianPoint& point, const Eigen::MatrixXd& curvature) {
  if (point.family == FamilyKind::full_rank) return curvature;
  Eigen::MatrixXd out(curvature.rows(), 1 + point.rank());
  out.col(0) = curvature.diagonal();
  if (point.rank() > 0) out.rightCols(point.rank()) = curvature * point.factor.rightCols(point.rank());
  return out;
}

template <class T>
std::unique_ptr<ExpectedLogJointOracle> make_oracle(const GlmData& data, const Context& context, FamilyKind family) {
  if (data.recipe.likelihood == Likelihood::gaussian) return std::make_unique<GaussianOracle>(data, context, family);
  return std::make_unique<RowOracle<T>>(data, context, family);
}

template std::unique_ptr<ExpectedLogJointOracle> make_oracle<float>(const GlmData&, const Context&, FamilyKind);
template std::unique_ptr<ExpectedLogJointOracle> make_oracle<double>(const GlmData&, const Context&, FamilyKind);

}  // namespace velbo::internal
