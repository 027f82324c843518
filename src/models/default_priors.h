// models/default_priors.h - weakly informative priors, scaled to the data as GlmOptions describes.
#pragma once
#include <vector>

#include "models/glm_data.h"

namespace velbo::internal {

// One prior for each latent: those given in `options`, else the defaults.  Needs data.column_mean and column_sd.
// Throws Error(argument) when a prior that lives on (0, inf) is given for a coefficient.
std::vector<NamedPrior> choose_priors(const GlmData& data, const GlmOptions& options);

}  // namespace velbo::internal
