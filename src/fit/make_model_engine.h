// fit/make_model_engine.h - from a model in code, choices and options to an engine ready for its first step.
#pragma once
#include <memory>

#include "engines/engine.h"
#include "fit/model_choices.h"
#include "models/model_density.h"
#include "velbo/glm.h"

namespace velbo::internal {

// glm: the formula's model where `density` is one's (models/row_model.h), else null.  Throws Error(argument) where options.init is of
// another model.
std::unique_ptr<GaussianEngine> make_engine(std::unique_ptr<ModelDensity> density, const Context& context,
                                            const ModelChoices& choices, const FitOptions& options, const Glm* glm);

}  // namespace velbo::internal
