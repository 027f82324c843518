// formula/functions.h - the functions that a formula may call.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace velbo::internal {

using RealFunction = double (*)(double);

// nullptr for a name that is not a real function (I, scale and factor are not).
RealFunction find_function(std::string_view name);

// All that may be called, I, scale and factor included.
const std::vector<std::string>& function_names();

}  // namespace velbo::internal
