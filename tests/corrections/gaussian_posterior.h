// corrections/gaussian_posterior.h - a posterior of a model made by hand, not by a fit.
#pragma once
#include <memory>
#include <utility>
#include <vector>

#include "posterior/posterior_state.h"
#include "velbo/model.h"
#include "velbo/posterior.h"

namespace velbo::test {

// scale as GaussianFamily::pack takes it: sds of a mean-field q, a factor [D, D] of a full-rank one.
inline Posterior gaussian_posterior(const Model& model, FamilyKind family, std::vector<double> mean,
                                    std::vector<double> scale) {
  internal::GlmRecipe recipe;
  recipe.names = model.parameters().names();
  return Posterior(std::make_shared<const PosteriorState>(
      PosteriorState{std::move(recipe), GaussianFamily(family, model.n_latents()), std::move(mean), std::move(scale),
                     internal::ModelRecipe{model.name(), model.parameters()}}));
}

}  // namespace velbo::test
