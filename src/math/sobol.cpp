// math/sobol.cpp
#include "math/sobol.h"

#include <algorithm>
#include <bit>
#include <cstddef>

namespace velbo::internal {
namespace {

constexpr std::uint16_t kJoeKuo[] = {
#include "math/sobol_directions.inc"
};

}  // namespace

std::vector<std::uint32_t> sobol_directions(std::int64_t dimensions) {
  std::vector<std::uint32_t> out(static_cast<std::size_t>(dimensions) * 32);
  std::size_t next = 0;
  for (std::int64_t d = 0; d < dimensions; ++d) {
    std::uint32_t* v = out.data() + static_cast<std::size_t>(d) * 32;
    if (d == 0) {
      for (unsigned k = 0; k < 32; ++k) v[k] = 0x80000000U >> k;
      continue;
    }
    // v_k = 2^-k m_k; the recurrence is equation (2) of Joe and Kuo (2008).
    const std::uint32_t polynomial = kJoeKuo[next++];
    const unsigned degree = static_cast<unsigned>(std::bit_width(polynomial)) - 1;
    for (unsigned k = 0; k < degree; ++k) v[k] = std::uint32_t{kJoeKuo[next++]} << (31U - k);
    for (unsigned k = degree; k < 32; ++k) {
      v[k] = v[k - degree] ^ (v[k - degree] >> degree);
      for (unsigned i = 1; i < degree; ++i)
        if (((polynomial >> (degree - i)) & 1U) != 0) v[k] ^= v[k - i];
    }
  }
  return out;
}

SobolNormals::SobolNormals(std::int64_t dimension)
    : dimension_(dimension), directions_(sobol_directions(std::min(dimension, kSobolDimensions))) {}

void SobolNormals::fill(Key key, std::uint32_t step, std::int64_t n_points, std::span<double> out) const {
  const std::int64_t d = dimension_, covered = std::min(d, kSobolDimensions);
  for (std::int64_t j = 0; j < covered; ++j) {
    const std::uint32_t seed = sobol_seed(key.value, step, j);
    const std::uint32_t* v = directions_.data() + static_cast<std::size_t>(j) * 32;
    for (std::int64_t s = 0; s < n_points; ++s)
      out[static_cast<std::size_t>(s * d + j)] =
          static_cast<double>(normal_of_word(owen_scrambled(sobol_word(v, static_cast<std::uint32_t>(s)), seed)));
  }
  if (covered == d) return;
  for (std::int64_t s = 0; s < n_points; ++s)
    standard_normals(key, step, static_cast<std::uint32_t>(s), static_cast<std::uint64_t>(covered),
                     out.subspan(static_cast<std::size_t>(s * d + covered), static_cast<std::size_t>(d - covered)));
}

}  // namespace velbo::internal
