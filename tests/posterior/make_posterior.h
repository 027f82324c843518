// tests/posterior/make_posterior.h - posteriors to test with, made without a fit.
#pragma once
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/row_law.h"
#include "models/row_model.h"
#include "posterior/posterior_state.h"
#include "velbo/posterior.h"

namespace velbo::test {

// A model from arrays with an intercept, but for ordinal: names Intercept, x1, ... [, sigma, and what else the likelihood has].
// levels: of an outcome that has some, whose coefficients are named alike.  Of low rank there are two loadings.
inline Posterior make_posterior(Likelihood likelihood, FamilyKind family, std::vector<double> mean,
                                std::vector<double> scale, std::vector<std::string> levels = {}) {
  internal::GlmRecipe recipe;
  recipe.formula = "y ~ x";
  recipe.likelihood = likelihood;
  recipe.levels = std::move(levels);
  recipe.has_intercept = likelihood != Likelihood::ordinal;
  const std::vector<std::string> auxiliary = internal::auxiliary_names(likelihood, recipe.n_levels());
  const std::size_t coefficients = mean.size() - auxiliary.size();
  for (std::size_t i = 0; i < coefficients; ++i)
    recipe.names.push_back(i == 0 && recipe.has_intercept ? "Intercept" : "x" + std::to_string(i));
  recipe.names.insert(recipe.names.end(), auxiliary.begin(), auxiliary.end());
  std::optional<Parameters> of_formula;
  if (internal::row_law(likelihood) != nullptr) of_formula = internal::row_model_parameters(recipe);
  const auto d = static_cast<std::int64_t>(mean.size());
  return Posterior(std::make_shared<const PosteriorState>(
      PosteriorState{std::move(recipe),
                     GaussianFamily(family, d, family == FamilyKind::low_rank ? 2 : 0),
                     std::move(mean),
                     std::move(scale),
                     {},
                     std::move(of_formula)}));
}

// Three latents that are correlated, the last one (log sigma for the Gaussian likelihood) too.
inline Posterior correlated(Likelihood likelihood) {
  return make_posterior(likelihood, FamilyKind::full_rank, {0.3, -0.8, 0.2},
                        {0.5, 0, 0,     //
                         -0.3, 0.4, 0,  //
                         0.2, -0.1, 0.3});
}

inline MatrixView<const double> matrix(const std::vector<double>& values, std::int64_t n_columns) {
  return {values.data(), n_columns == 0 ? 0 : static_cast<std::int64_t>(values.size()) / n_columns, n_columns,
          n_columns};
}

}  // namespace velbo::test
