#include "diagnostics/uniformity.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "math/special.h"

namespace velbo::internal {

// Probabilities of the walk's places, those at +-reach taken out as they come.
double walk_reaches(std::int64_t n, std::int64_t reach) {
  if (reach <= 0) return 1;
  if (reach > n) return 0;
  const auto width = static_cast<std::size_t>(2 * reach + 1);
  std::vector<double> here(width, 0.0), next(width);
  here[static_cast<std::size_t>(reach)] = 1;
  double reached = 0;
  for (std::int64_t step = 0; step < n; ++step) {
    std::fill(next.begin(), next.end(), 0.0);
    for (std::size_t i = 1; i + 1 < width; ++i) {
      next[i - 1] += 0.5 * here[i];
      next[i + 1] += 0.5 * here[i];
    }
    reached += next.front() + next.back();
    next.front() = next.back() = 0;
    std::swap(here, next);
  }
  return reached;
}

SymmetryTest test_symmetry(std::span<const double> p) {
  std::vector<double> sides;  // p - 1/2
  for (const double v : p) sides.push_back(v - 0.5);
  std::stable_sort(sides.begin(), sides.end(), [](double a, double b) { return std::abs(a) > std::abs(b); });
  std::int64_t sum = 0, farthest = 0;
  for (const double side : sides) {
    sum += side > 0 ? 1 : -1;
    if (std::abs(sum) > std::abs(farthest)) farthest = sum;
  }
  return {walk_reaches(static_cast<std::int64_t>(p.size()), std::abs(farthest)), farthest > 0};
}

// d sum_j C(n, j) (1 - d - j/n)^(n - j) (d + j/n)^(j - 1): all terms are positive.
double one_sided_kolmogorov(std::int64_t n, double d) {
  if (d <= 0) return 1;
  if (d >= 1) return 0;
  const auto size = static_cast<double>(n);
  double sum = 0;
  for (std::int64_t j = 0; j <= static_cast<std::int64_t>(size * (1 - d)); ++j) {
    const double k = static_cast<double>(j), above = 1 - d - k / size;
    if (above <= 0) break;
    sum += std::exp(log_choose(size, k) + (size - k) * std::log(above) + (k - 1) * std::log(d + k / size));
  }
  return std::min(1.0, d * sum);
}

UniformityTest test_uniformity(std::span<const double> u) {
  std::vector<double> sorted(u.begin(), u.end());
  std::sort(sorted.begin(), sorted.end());
  const auto n = static_cast<double>(sorted.size());
  double above = 0, below = 0;  // of the empirical distribution function over and under the diagonal
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    above = std::max(above, static_cast<double>(i + 1) / n - sorted[i]);
    below = std::max(below, sorted[i] - static_cast<double>(i) / n);
  }
  const auto count = static_cast<std::int64_t>(sorted.size());
  return {std::min(1.0, 2 * one_sided_kolmogorov(count, std::max(above, below))), below > above};
}

}  // namespace velbo::internal
