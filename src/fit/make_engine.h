// fit/make_engine.h - from a model, choices and options to an engine ready for its first step.
#pragma once
#include <memory>

#include "engines/engine.h"
#include "fit/choices.h"
#include "velbo/random.h"

namespace velbo::internal {

// Gives a low-rank point without loadings small random ones; nothing to other points.
void add_loadings(GaussianPoint& point, std::int64_t rank, Key key);

// The data, shuffled where the choices say so, must outlive the engine.  Throws Error(argument) where options.init is of another
// model.
std::unique_ptr<GaussianEngine> make_engine(const GlmData& data, const Context& context, const Choices& choices,
                                            const FitOptions& options);

}  // namespace velbo::internal
