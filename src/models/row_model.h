// models/row_model.h - a formula's model whose likelihood is known by its log density (models/row_law.h), as a Model: what fits
// models in code fits it.
#pragma once
#include "models/glm_data.h"
#include "velbo/family.h"
#include "velbo/model.h"

namespace velbo::internal {

struct GaussianPoint;

// How z becomes theta: coefficients as they are, then the auxiliary parameters, positive.  Their names are placeholders; what they
// are called is recipe.names.
Parameters row_model_parameters(const GlmRecipe& recipe);

// Priors and rows; `data` must outlive it.  The rows are gone through as they lie, dense or sparse, and not copied.
Model make_row_model(const GlmData& data);

// Where a fit begins: predictors whose sd is half of the outcome's on the link's scale, around its centre, independent of each
// other once columns are centred.
GaussianPoint row_model_start(const GlmData& data);

}  // namespace velbo::internal
