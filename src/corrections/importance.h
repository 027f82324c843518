// corrections/importance.h - when importance weights can be trusted.
#pragma once
#include <cstdint>

#include "velbo/diagnostics.h"

namespace velbo::internal {

// ess > 0.995 S: why that is enough stands at the definition.
bool weights_are_even(double ess, std::int64_t n_draws);
// Even, or k_hat below khat_threshold(S).
bool weights_are_reliable(const PsisResult& psis, std::int64_t n_draws);

}  // namespace velbo::internal
