// models/expected_prior.cpp
#include "models/expected_prior.h"

#include <cmath>

#include "math/prior_expectations.h"

namespace velbo::internal {

void add_expected_prior(const GlmData& data, const GaussianPoint& point, bool derivatives, ExpectedLogJoint& sum) {
  const Eigen::VectorXd sd = point.sd();
  const Eigen::Index n_coefficients = data.recipe.n_coefficients();
  for (Eigen::Index i = 0; i < point.dimension(); ++i) {
    const Prior& prior = data.priors[static_cast<std::size_t>(i)].prior;
    const bool is_scale = i >= n_coefficients;
    const Expectation<double> e = is_scale ? expected_log_positive_prior(prior, point.mean[i], sd[i])
                                           : expected_log_prior(prior, point.mean[i], sd[i]);
    sum.value += e.value + (is_scale ? point.mean[i] : 0.0);  // log |d sigma / d u| = u
    if (!derivatives) continue;
    sum.gradient[i] += e.d_mean + (is_scale ? 1.0 : 0.0);
    if (point.family == FamilyKind::full_rank && sum.curvature.cols() > 1) {
      sum.curvature(i, i) += e.curvature;
    } else {
      sum.curvature(i, 0) += e.curvature;
      if (sum.curvature.cols() > 1)
        sum.curvature.row(i).tail(point.rank()) += e.curvature * point.factor.row(i).tail(point.rank());
    }
  }
}

Eigen::VectorXd expected_prior_curvature(const GlmData& data, const GaussianPoint& point) {
  ExpectedLogJoint prior;
  prior.gradient = Eigen::VectorXd::Zero(point.dimension());
  prior.curvature = Eigen::MatrixXd::Zero(point.dimension(), 1);
  add_expected_prior(data, point, true, prior);
  return prior.curvature.col(0);
}

Eigen::VectorXd prior_locations(const GlmData& data) {
  Eigen::VectorXd location = Eigen::VectorXd::Zero(data.recipe.n_latents());
  for (Eigen::Index i = 0; i < data.recipe.n_coefficients(); ++i)
    location[i] = data.priors[static_cast<std::size_t>(i)].prior.location;
  return location;
}

Eigen::VectorXd prior_precisions(const GlmData& data) {
  Eigen::VectorXd precision = Eigen::VectorXd::Zero(data.recipe.n_latents());
  for (Eigen::Index i = 0; i < data.recipe.n_coefficients(); ++i) {
    const Prior& prior = data.priors[static_cast<std::size_t>(i)].prior;
    if (prior.kind != Prior::Kind::flat) precision[i] = 1 / (prior.scale * prior.scale);
  }
  return precision;
}

}  // namespace velbo::internal
