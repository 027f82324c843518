// diagnostics/uniformity.h - exact tests that numbers in [0, 1] are symmetric about 1/2, and that numbers are uniform.
#pragma once
#include <cstdint>
#include <span>

namespace velbo::internal {

// P(largest |sum of the first k| over k = 1 .. n of independent signs >= reach).
double walk_reaches(std::int64_t n, std::int64_t reach);

struct SymmetryTest {
  double p_value = 1;
  bool mostly_large = false;  // where the distance is largest, the mirrored numbers are below
};
// sup_x |F(x) - (1 - F(1 - x))| of the empirical distribution function F.  Sorted by distance from 1/2, largest first, the sides are
// independent signs under symmetry, and n times the statistic is the largest |partial sum|.
SymmetryTest test_symmetry(std::span<const double> p);

// P(D+ >= d) for D+ = sup_x (F(x) - x) of n uniform numbers, which is that of D- too (Birnbaum and Tingey 1951, equation 3).
double one_sided_kolmogorov(std::int64_t n, double d);

struct UniformityTest {
  double p_value = 1;  // twice the smaller one-sided one, at most 1
  bool mostly_large = false;
};
UniformityTest test_uniformity(std::span<const double> u);

}  // namespace velbo::internal
