// posterior/count_search.h - quantiles of counts by their distribution function.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>

#include "posterior/normal_quantile.h"

namespace velbo::internal {

// The smallest whole k in [0, most] with cdf(k) >= probability, from a guess and the width of the distribution there.
template <class Cdf>
double search_count(double probability, double guess, double width, double most, const Cdf& cdf) noexcept {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const double z = normal_quantile(probability);
  double low = -1, high = most;  // cdf(low) < probability <= cdf(high)
  double k = std::clamp(std::floor(guess), 0.0, most);
  if (!(width >= 1)) width = 1;
  for (int i = 0; high - low > 1; ++i) {
    if (high != infinity && (k >= high || k <= low || i > 8)) k = std::floor(0.5 * (low + high));
    if (k <= low) k = low + 1;
    // As if the probits of the distribution function were a straight line.
    const double distance = z - std::clamp(normal_quantile(cdf(k)), -8.0, 8.0);
    const double jump = i > 8 ? width * (i - 8) : std::fabs(distance) * width;
    if (distance > 0) {
      low = k;
      k += std::max(1.0, std::ceil(jump));
    } else {
      high = k;
      k -= std::max(1.0, std::floor(jump));
    }
  }
  return high;
}

}  // namespace velbo::internal
