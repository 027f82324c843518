// engines/model_findings.h - where fits of models in code start, and what is wrong with a model that cannot be fitted.
#pragma once
#include <string>
#include <vector>

#include "models/expected_log_joint.h"
#include "models/model_density.h"

namespace velbo::internal {

// Share of q's draws that may be left out of a check: Stein's identity does not hold where q goes on and the model ends.
constexpr double kMostMasked = 0.01;

// 0, but for unit vectors, which z = 0 does not have a direction for.
Eigen::VectorXd standard_mean(const Parameters& parameters);
// Of full rank, with sds of 1.
GaussianPoint standard_start(const Parameters& parameters);

// "mu = 0, log(tau) = 0.3, ...": the first latents.
std::string place_of(const Model& model, const Eigen::VectorXd& z);

// Why the log joint or its gradient is not finite at z, with a latent that makes it so when it is moved; empty where they are.  Throws
// OutOfTime.
std::string why_not_finite(ModelDensity& density, const Eigen::VectorXd& z);

// Names the latent whose sd has grown by 1e10 since the start; empty where none has.
std::string runaway_sd(const Model& model, const GaussianPoint& point, const Eigen::VectorXd& start_sd);

// What a fit ends with whose q has this share of its draws outside of the model.
std::string model_ends_within(double masked_share);

// A warning, or none.
std::vector<std::string> draws_left_out(std::int64_t count);

}  // namespace velbo::internal
