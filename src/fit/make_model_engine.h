// fit/make_model_engine.h - from a model in code, choices and options to an engine ready for its first step.
#pragma once
#include <memory>

#include "engines/engine.h"
#include "fit/model_choices.h"
#include "models/model_density.h"

namespace velbo::internal {

// Throws Error(argument) where options.init is of another model.
std::unique_ptr<Engine> make_engine(std::unique_ptr<ModelDensity> density, const Context& context,
                                    const ModelChoices& choices, const FitOptions& options);

}  // namespace velbo::internal
