// objectives/elbo_gradient.cpp - the parts of the ELBO that need no rows.
#include "objectives/elbo_gradient.h"

#include <cmath>

#include "families/low_rank.h"
#include "models/expected_prior.h"

namespace velbo::internal {

bool ElboGradient::is_finite() const { return std::isfinite(value) && mean.allFinite() && factor.allFinite(); }

// H = log |Sigma| / 2 + constants; d/dSigma = Sigma^-1 / 2.
void add_entropy(const GaussianPoint& point, ElboGradient& sum) {
  sum.value += point.entropy();
  switch (point.family) {
    case FamilyKind::mean_field: sum.factor.col(0) += point.factor.col(0).cwiseInverse(); return;
    case FamilyKind::low_rank: {
      const LowRankInverse inverse(point.factor.col(0), point.factor.rightCols(point.rank()));
      sum.factor.col(0) += inverse.diagonal().cwiseProduct(point.factor.col(0));
      sum.factor.rightCols(point.rank()) += inverse.times(point.factor.rightCols(point.rank()));
      return;
    }
    default: sum.factor.diagonal() += point.factor.diagonal().cwiseInverse();
  }
}

// With one-dimensional priors E[log p_i] depends on mean_i and Sigma_ii = |factor_i|^2 alone: d/dSigma_ii = -curvature_i / 2.
void add_prior(const GlmData& data, const GaussianPoint& point, ElboGradient& sum) {
  ExpectedLogJoint prior;
  prior.gradient = Eigen::VectorXd::Zero(point.dimension());
  prior.curvature = Eigen::MatrixXd::Zero(point.dimension(), 1);
  add_expected_prior(data, point, true, prior);
  sum.value += prior.value;
  sum.mean += prior.gradient;
  sum.factor -= prior.curvature.col(0).asDiagonal() * point.factor;
}

ElboGradient elbo_gradient(const GaussianPoint& point, const ExpectedLogJoint& expected) {
  ElboGradient out{expected.value, expected.gradient, {}};
  switch (point.family) {
    case FamilyKind::mean_field: out.factor = -expected.curvature.cwiseProduct(point.factor); break;
    case FamilyKind::low_rank:
      out.factor = -expected.curvature;
      out.factor.col(0).array() *= point.factor.col(0).array();
      break;
    default: out.factor = (-expected.curvature * point.factor).triangularView<Eigen::Lower>();
  }
  add_entropy(point, out);
  return out;
}

}  // namespace velbo::internal
