// models/parameter_names.h - what elements of parameters and their unconstrained coordinates are called.
#pragma once
#include <cstdint>
#include <string>

#include "velbo/parameters.h"

namespace velbo::internal {

// "p[3,2]": element i, row-major, of an array of these sizes, counted from 1; "p" where there are no sizes.
std::string indexed(const std::string& name, const Shape& sizes, std::int64_t i);

// Element i of the parameter's part of theta: "tau", "theta[8]", "Omega[2,1]".
std::string element_name(const Parameter& parameter, std::int64_t i);

// Coordinate i of the parameter's part of z: "log(tau - 1)", "logit(p[2])", "z of Omega[2,1]".
std::string coordinate_name(const Parameter& parameter, std::int64_t i);

}  // namespace velbo::internal
