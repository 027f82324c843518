// models/default_priors.h - weakly informative priors, scaled to the data as GlmOptions describes.
#pragma once
#include <vector>

#include "models/glm_data.h"

namespace velbo::internal {

// Of the outcome on the link's scale, offsets taken off.
struct OutcomeScale {
  double centre = 0;
  double sd = 1;  // s_y of GlmOptions
};
OutcomeScale describe_outcome(const GlmData& data);

// One prior for each latent: those given in `options`, else the defaults.  Needs data.column_mean and column_sd.
// Throws Error(argument) when a prior that lives on (0, inf) is given for a coefficient, and when one is given for what the likelihood
// does not have.
std::vector<NamedPrior> choose_priors(const GlmData& data, const GlmOptions& options);

}  // namespace velbo::internal
