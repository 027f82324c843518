// models/expected_log_joint.cpp
#include "models/expected_log_joint.h"

#include <cmath>
#include <numbers>

#include "models/gaussian_oracle.h"
#include "models/row_oracle.h"

namespace velbo::internal {

Eigen::VectorXd GaussianPoint::sd() const {
  return family == FamilyKind::mean_field ? Eigen::VectorXd(factor.col(0)) : Eigen::VectorXd(factor.rowwise().norm());
}

double GaussianPoint::entropy() const {
  const Eigen::ArrayXd diagonal = family == FamilyKind::mean_field ? Eigen::ArrayXd(factor.col(0).array())
                                                                   : Eigen::ArrayXd(factor.diagonal().array());
  return 0.5 * static_cast<double>(dimension()) * (1 + std::log(2 * std::numbers::pi)) + diagonal.log().sum();
}

bool ExpectedLogJoint::is_finite() const {
  return std::isfinite(value) && gradient.allFinite() && curvature.allFinite();
}

template <class T>
std::unique_ptr<ExpectedLogJointOracle> make_oracle(const GlmData& data, const Context& context, FamilyKind family) {
  if (data.recipe.likelihood == Likelihood::gaussian) return std::make_unique<GaussianOracle>(data, context, family);
  return std::make_unique<RowOracle<T>>(data, context, family);
}

template std::unique_ptr<ExpectedLogJointOracle> make_oracle<float>(const GlmData&, const Context&, FamilyKind);
template std::unique_ptr<ExpectedLogJointOracle> make_oracle<double>(const GlmData&, const Context&, FamilyKind);

}  // namespace velbo::internal
