// posterior/normal_quantile.h - the inverse of the normal distribution function.
#pragma once

namespace velbo::internal {

// The z with Phi(z) = p, for p in [0, 1] (-inf and inf at the ends); relative error below 1e-15 (Wichura 1988, AS 241).
[[nodiscard]] double normal_quantile(double p) noexcept;

}  // namespace velbo::internal
