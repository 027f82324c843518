// models/expected_prior.h - the priors' part of an expected log joint: one-dimensional, one latent at a time.
#pragma once
#include "models/expected_log_joint.h"

namespace velbo::internal {

// Adds E_q[log prior] (and for log sigma the log Jacobian), its gradient and its curvature to `sum`, whose curvature is a
// matrix (full rank), a column (mean field) or (low rank) its diagonal and its product with the loadings.  derivatives = false: the value only.
void add_expected_prior(const GlmData& data, const GaussianPoint& point, bool derivatives, ExpectedLogJoint& sum);

// [n_latents] their curvatures alone.
Eigen::VectorXd expected_prior_curvature(const GlmData& data, const GaussianPoint& point);

// [n_latents] location and a typical precision of each prior, for starts; 0 and 0 where flat.
Eigen::VectorXd prior_locations(const GlmData& data);
Eigen::VectorXd prior_precisions(const GlmData& data);

}  // namespace velbo::internal
