// fit/names.h - the names of enumerators that only files hold; the public headers declare the others.
#pragma once
#include <string_view>

#include "velbo/fit.h"

namespace velbo::internal {

// Throw Error(argument) listing the names there are.
Status parse_status(std::string_view text);
Verdict parse_verdict(std::string_view text);
WeightsKind parse_weights_kind(std::string_view text);
std::string_view name(WeightsKind kind) noexcept;

}  // namespace velbo::internal
