// fit/fit_model.h - fits of what is known by its log density: models in code, and formulas of the likelihoods of models/row_law.h.
#pragma once
#include "velbo/fit.h"
#include "velbo/glm.h"
#include "velbo/model.h"

namespace velbo::internal {

// glm: the formula that `model` was made of (models/row_model.h); null of a model in code.
Fit fit_by_density(const Model& model, const Glm* glm, const FitOptions& options);

}  // namespace velbo::internal
