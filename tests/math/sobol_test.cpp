// Sobol points: strata, known values, unbiasedness, bits; and the quantile that makes normals of them.
#include "math/sobol.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "posterior/normal_quantile.h"

namespace velbo::internal {
namespace {

// SciPy 1.15, scipy.stats.qmc.Sobol(d=5, scramble=False).random(8), points in Gray-code order: the same set.
TEST(Sobol, KnownPointsOfJoeAndKuo) {
  const std::vector<std::uint32_t> v = sobol_directions(5);
  const double expected[4][5] = {
      {0, 0, 0, 0, 0}, {0.5, 0.5, 0.5, 0.5, 0.5}, {0.25, 0.75, 0.75, 0.75, 0.25}, {0.75, 0.25, 0.25, 0.25, 0.75}};
  for (std::uint32_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < 5; ++j)
      EXPECT_EQ(sobol_word(v.data() + j * 32, i) * 0x1p-32, expected[i][j]) << i << ' ' << j;
}

// Every pair of the first coordinates fills elementary intervals of area 2^-k (base-2 nets of quality t; the first two
// have t = 0), and every coordinate one point a stratum, scrambled or not.
TEST(Sobol, OnePointInEachStratum) {
  const std::vector<std::uint32_t> v = sobol_directions(kSobolDimensions);
  for (const unsigned k : {0U, 1U, 5U, 8U, 12U}) {
    const std::uint32_t n = 1U << k;
    for (std::int64_t j = 0; j < kSobolDimensions; j += k < 8 ? 1 : 37) {
      std::vector<int> count(n, 0);
      for (std::uint32_t i = 0; i < n; ++i) {
        const std::uint32_t word =
            owen_scrambled(sobol_word(v.data() + j * 32, i), 0x9e3779b9U * static_cast<std::uint32_t>(j));
        ++count[k == 0 ? 0 : word >> (32U - k)];
      }
      for (std::uint32_t stratum = 0; stratum < n; ++stratum) ASSERT_EQ(count[stratum], 1) << j << ' ' << stratum;
    }
  }
  std::vector<int> cells(256, 0);
  for (std::uint32_t i = 0; i < 256; ++i)
    ++cells[(owen_scrambled(sobol_word(v.data(), i), 77) >> 28U) * 16 +
            (owen_scrambled(sobol_word(v.data() + 32, i), 78) >> 28U)];
  for (const int count : cells) EXPECT_EQ(count, 1);
}

// 400 scrambles of 64 points: means of z and z^2 - 1 within 5 standard errors in each of 20 coordinates (false alarms below
// 3e-5), and the scrambles differ.
TEST(Sobol, ScramblesAreUnbiased) {
  const std::int64_t d = 20, n = 64, scrambles = 400;
  const SobolNormals normals(d);
  std::vector<double> z(static_cast<std::size_t>(n * d));
  std::vector<double> sum(static_cast<std::size_t>(2 * d), 0), squares(static_cast<std::size_t>(2 * d), 0);
  for (std::uint32_t step = 0; step < scrambles; ++step) {
    normals.fill(make_key(1, Purpose::test), step, n, z);
    for (std::size_t j = 0; j < 2 * static_cast<std::size_t>(d); ++j) {
      double mean = 0;
      for (std::size_t s = 0; s < static_cast<std::size_t>(n); ++s) {
        const double value = z[s * static_cast<std::size_t>(d) + j % static_cast<std::size_t>(d)];
        mean += (j < static_cast<std::size_t>(d) ? value : value * value - 1) / static_cast<double>(n);
      }
      sum[j] += mean;
      squares[j] += mean * mean;
    }
  }
  for (std::size_t j = 0; j < sum.size(); ++j) {
    const double mean = sum[j] / scrambles, variance = squares[j] / scrambles - mean * mean;
    EXPECT_GT(variance, 0) << j;
    EXPECT_LT(std::abs(mean), 5 * std::sqrt(variance / scrambles) + 1e-7) << j;
    // Far below independent draws, whose variances are 1 / 64 and 2 / 64.
    EXPECT_LT(variance, (j < static_cast<std::size_t>(d) ? 1.0 : 2.0) / 64 / 4) << j;
  }
}

TEST(Sobol, CoordinatesBeyondTheTableAreIndependentDraws) {
  const std::int64_t d = kSobolDimensions + 5;
  const SobolNormals normals(d);
  std::vector<double> z(static_cast<std::size_t>(2 * d)), tail(5);
  const Key key = make_key(2, Purpose::test);
  normals.fill(key, 3, 2, z);
  standard_normals(key, 3, 1, kSobolDimensions, std::span<double>(tail));
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(z[static_cast<std::size_t>(d + kSobolDimensions) + i], tail[i]);
}

TEST(Sobol, QuantileEqualsTheDoubleOne) {
  double worst = 0;
  for (std::uint64_t word = 0; word < 0x100000000U; word += word < 100000 || word > 0xffff0000U ? 1 : 65537) {
    const double u = (static_cast<double>(word) + 0.5) * 0x1p-32;
    worst = std::max(
        worst, std::abs(static_cast<double>(normal_of_word(static_cast<std::uint32_t>(word))) - normal_quantile(u)));
  }
  EXPECT_LT(worst, 2e-6);
  EXPECT_EQ(normal_of_word(0x12345678U), -normal_of_word(~0x12345678U));
}

// Recorded bits: any processor, compiler and instruction set has to reproduce them.
TEST(Sobol, BitsAreTheSameEverywhere) {
  const SobolNormals normals(16);
  std::vector<double> z(1024 * 16);
  normals.fill(Key{42}, 7, 1024, z);
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const double value : z) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    hash = (hash ^ bits) * 0x100000001b3U;
  }
  EXPECT_EQ(hash, 16594986769838449445U);
}

}  // namespace
}  // namespace velbo::internal
