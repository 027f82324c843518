// math/sobol.h - Owen-scrambled Sobol points and normals made of them: the same bits on every processor.
//
// Point i of 2^k has, in every coordinate, exactly one point of its set in each of 2^k equal strata, and a scramble's points
// are uniform each, so that means over them are unbiased (Owen 1995).  The nested uniform scramble is by hashing (Burley 2020,
// "Practical Hash-based Owen Scrambling"; the hash is Laine and Karras's as improved by Vegdahl).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "math/normal.h"
#include "math/philox.h"
#include "velbo/math/hd.h"
#include "velbo/random.h"

namespace velbo::internal {

VELBO_HD std::uint32_t reversed_bits(std::uint32_t x) {
  x = (x >> 16U) | (x << 16U);
  x = ((x & 0x00ff00ffU) << 8U) | ((x & 0xff00ff00U) >> 8U);
  x = ((x & 0x0f0f0f0fU) << 4U) | ((x & 0xf0f0f0f0U) >> 4U);
  x = ((x & 0x33333333U) << 2U) | ((x & 0xccccccccU) >> 2U);
  return ((x & 0x55555555U) << 1U) | ((x & 0xaaaaaaaaU) >> 1U);
}

// A bijection under which bit b of the result depends on bits b and above of x only: a random flip of each bit, chosen by the
// bits above it and the seed.
VELBO_HD std::uint32_t owen_scrambled(std::uint32_t x, std::uint32_t seed) {
  x = reversed_bits(x);
  x ^= x * 0x3d20adeaU;
  x += seed;
  x *= (seed >> 16U) | 1U;
  x ^= x * 0x05526c56U;
  x ^= x * 0x53a22864U;
  return reversed_bits(x);
}

// Point `index` in a coordinate with direction numbers v[0 .. 31], as a 32-bit fraction.
VELBO_HD std::uint32_t sobol_word(const std::uint32_t* v, std::uint32_t index) {
  std::uint32_t word = 0;
  for (int bit = 0; bit < 32; ++bit) word ^= (index >> static_cast<unsigned>(bit)) & 1U ? v[bit] : 0U;
  return word;
}

// The standard normal's quantile at u = (word + 1/2) / 2^32, in float: PPND7 of Wichura's AS 241 (1988), of correctly rounded
// operations only.  Absolute error below 2e-6.
VELBO_HD float normal_of_word(std::uint32_t word) {
  const float q = fused(static_cast<float>(static_cast<std::int32_t>(word ^ 0x80000000U)), 2.3283064365386963e-10F,
                        1.1641532182693481e-10F);
  if (q > -0.425F && q < 0.425F) {
    const float r = fused(-q, q, 0.180625F);
    const float top = fused(fused(fused(5.9109374720e1F, r, 1.5929113202e2F), r, 5.0434271938e1F), r, 3.3871327179F);
    const float bottom = fused(fused(fused(6.7187563600e1F, r, 7.8757757664e1F), r, 1.7895169469e1F), r, 1.0F);
    return times(q, top / bottom);
  }
  const bool upper = q > 0;
  const float r = square_root(times(0.5F, minus_two_log_uniform(upper ? ~word : word)));  // sqrt(-log of the tail)
  float size = 0;
  if (r <= 5.0F) {
    const float x = r - 1.6F;
    const float top = fused(fused(fused(1.7023821103e-1F, x, 1.3067284816F), x, 2.7568153900F), x, 1.4234372777F);
    size = top / fused(fused(1.2021132975e-1F, x, 7.3700164250e-1F), x, 1.0F);
  } else {
    const float x = r - 5.0F;
    const float top = fused(fused(fused(1.7337203997e-2F, x, 4.2868294337e-1F), x, 3.0812263860F), x, 6.6579051150F);
    size = top / fused(fused(1.2258202635e-2F, x, 2.4197894225e-1F), x, 1.0F);
  }
  return upper ? size : -size;
}

// The seed of coordinate j's scramble, at a step of a key; "owen" keeps it apart from the counters of draws.
VELBO_HD std::uint32_t sobol_seed(std::uint64_t key, std::uint32_t step, std::int64_t j) {
  constexpr std::uint64_t kScramble = std::uint64_t{0x6f77656e} << 32U;
  return philox(key, static_cast<std::uint64_t>(j), kScramble | step).word[0];
}

// Direction numbers of the first coordinates, [dimensions][32].
inline constexpr std::int64_t kSobolDimensions = 1024;
std::vector<std::uint32_t> sobol_directions(std::int64_t dimensions);

// n_points normals in each of `dimension` coordinates, [n_points, dimension], of one scramble: a function of key and step.
// Coordinates beyond kSobolDimensions are independent draws, standard_normals(key, step, point).
class SobolNormals {
 public:
  explicit SobolNormals(std::int64_t dimension);
  void fill(Key key, std::uint32_t step, std::int64_t n_points, std::span<double> out) const;

 private:
  std::int64_t dimension_;
  std::vector<std::uint32_t> directions_;
};

}  // namespace velbo::internal
