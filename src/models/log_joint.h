// models/log_joint.h - log p(y, z) of a generalised linear model in plain double: the definition that fast paths are
// tested against.
#pragma once
#include <span>

#include "models/glm_data.h"

namespace velbo::internal {

// With all constants and the log Jacobian of sigma = exp(u); z = (beta [, u]).
double log_joint(const GlmData& data, std::span<const double> z);

// The priors' part of it: sum over latents of the log prior density and the log Jacobian.
double log_prior(const GlmData& data, std::span<const double> z);

}  // namespace velbo::internal
