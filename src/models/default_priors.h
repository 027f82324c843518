// models/default_priors.h - weakly informative priors, scaled to the data as GlmOptions describes.
#pragma once
#include <cstddef>
#include <vector>

#include "models/glm_data.h"

namespace velbo::internal {

// Of the outcome on the link's scale, offsets taken off.
struct OutcomeScale {
  double centre = 0;
  double sd = 1;  // s_y of GlmOptions
  // Of an outcome of C levels, else empty: categorical's log ratios to level 1, ordinal's cumulative logits, [C - 1].
  std::vector<double> centres = {};

  // Of linear predictor k, or of cutpoint k.
  [[nodiscard]] double centre_of(std::ptrdiff_t k) const {
    return centres.empty() ? centre : centres[static_cast<std::size_t>(k)];
  }
};
OutcomeScale describe_outcome(const GlmData& data);

// One prior for each latent: those given in `options`, else the defaults.  Needs data.column_mean and column_sd.
// Throws Error(argument) when a prior that lives on (0, inf) is given for a coefficient, and when one is given for what the likelihood
// does not have.
std::vector<NamedPrior> choose_priors(const GlmData& data, const GlmOptions& options);

}  // namespace velbo::internal
