// posterior/posterior_state.h - what a Posterior shares between its copies.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "models/glm_data.h"
#include "velbo/family.h"
#include "velbo/parameters.h"

namespace velbo {

namespace internal {
// What a posterior of a Model keeps of it.
struct ModelRecipe {
  std::string name;
  Parameters parameters;
};
}  // namespace internal

struct PosteriorState {
  internal::GlmRecipe recipe;  // of a Model: the names alone
  GaussianFamily family;
  std::vector<double> mean;   // [D] unconstrained
  std::vector<double> scale;  // as GaussianFamily::pack takes it
  std::optional<internal::ModelRecipe> model = {};
  std::optional<Parameters> of_formula =
      {};  // of the likelihoods of models/row_law.h: z to theta; names are the recipe's

  // Null where a formula's latents are coefficients and, of the Gaussian, log sigma.
  [[nodiscard]] const Parameters* parameters() const {
    return model ? &model->parameters : of_formula ? &*of_formula : nullptr;
  }
};

}  // namespace velbo
