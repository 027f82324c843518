// corrections/importance.h - when importance weights can be trusted.
#pragma once
#include <cstdint>

#include "velbo/diagnostics.h"

namespace velbo::internal {

bool weights_are_even(double ess, std::int64_t n_draws);
bool weights_are_reliable(const PsisResult& psis, std::int64_t n_draws);

}  // namespace velbo::internal
