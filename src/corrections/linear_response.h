// corrections/linear_response.h - linear response on the threads and within the time of a fit.
#pragma once
#include <cstdint>

#include "models/expected_log_joint.h"
#include "models/model_density.h"
#include "velbo/linear_response.h"
#include "velbo/random.h"

namespace velbo::internal {

std::int64_t default_response_draws(std::int64_t dimension);

// [H^-1]_mm of the ELBO over `draws` matched draws at a mean-field point; empty, with the reason in `problem`, where the log density
// is not finite at one of them or the ELBO is not concave.  Throws OutOfTime.
Eigen::MatrixXd response_covariance(ModelDensity& density, const GaussianPoint& mean_field, std::int64_t draws, Key key,
                                    std::string& problem);

// linear_response() for a posterior that is the mean-field point.  Throws OutOfTime.
LinearResponse linear_response(ModelDensity& density, const Posterior& posterior, std::int64_t draws,
                               std::int64_t check_draws, Key key, const Context& context);

}  // namespace velbo::internal
