// posterior/posterior_state.h - what a Posterior shares between its copies.
#pragma once
#include <vector>

#include "models/glm_data.h"
#include "velbo/family.h"

namespace velbo {

struct PosteriorState {
  internal::GlmRecipe recipe;
  GaussianFamily family;
  std::vector<double> mean;   // [D] unconstrained
  std::vector<double> scale;  // as GaussianFamily::pack takes it
};

}  // namespace velbo
