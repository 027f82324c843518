// models/unconstrain.h - the inverses of velbo/transform.h, and what they ask of a constrained value.
#pragma once
#include "velbo/parameters.h"

namespace velbo::internal {

// z of all of one parameter, from its part of theta.  Throws Error(argument) naming the element and the value that break the
// constraint.
void unconstrain(const Parameter& parameter, const ParameterBlock& block, const double* theta, double* z);

}  // namespace velbo::internal
