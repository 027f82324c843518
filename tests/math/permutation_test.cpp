// Random permutations as functions.
#include "math/permutation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace velbo::internal {
namespace {

std::vector<std::uint64_t> whole(std::uint64_t key, std::uint64_t n) {
  const Permutation p = make_permutation(key, n);
  std::vector<std::uint64_t> out(n);
  for (std::uint64_t i = 0; i < n; ++i) out[i] = permuted(p, i);
  return out;
}

TEST(Permutation, IsOne) {
  for (const std::uint64_t n :
       {1, 2, 3, 5, 31, 64, 127, 128, 129, 255, 256, 257, 1000, 4095, 4096, 4097, 65536, 65537, 100000})
    for (const std::uint64_t key : {0U, 1U, 99U}) {
      std::vector<std::uint64_t> all = whole(key, n);
      std::sort(all.begin(), all.end());
      for (std::uint64_t i = 0; i < n; ++i) ASSERT_EQ(all[i], i) << n;
    }
}

// Of numbers that no table could hold: below n, and different from each other.
TEST(Permutation, OfManyElements) {
  for (const int bits : {33, 40, 55, 61, 62}) {
    const std::uint64_t n = (std::uint64_t{1} << bits) - 12345;
    const Permutation p = make_permutation(7, n);
    std::vector<std::uint64_t> some;
    for (std::uint64_t i = 0; i < 1000; ++i) {
      some.push_back(permuted(p, i));
      some.push_back(permuted(p, n - 1 - i));
    }
    for (const std::uint64_t value : some) ASSERT_LT(value, n);
    std::sort(some.begin(), some.end());
    EXPECT_EQ(std::adjacent_find(some.begin(), some.end()), some.end());
    EXPECT_GT(some.back(), n / 2);
  }
}

// Over keys, where an element goes, and where a pair of neighbours goes, is uniform.  Chi-squared statistics of 40,000 keys, as
// z-scores by Wilson and Hilferty, held to 4.9: a false alarm below 1e-6 each, fourteen of them.  The keys are fixed.  300
// elements make a network of an odd number of bits, whose halves are unequal (and too many pairs to count).
TEST(Permutation, PlacesAreUniform) {
  const auto z_score = [](const std::vector<double>& count) {
    double total = 0, chi2 = 0;
    for (const double c : count) total += c;
    const double k = static_cast<double>(count.size()), expected = total / k;
    for (const double c : count) chi2 += (c - expected) * (c - expected) / expected;
    const double df = k - 1, v = 2 / (9 * df);
    return (std::cbrt(chi2 / df) - (1 - v)) / std::sqrt(v);
  };
  for (const std::uint64_t n : {5, 16, 33, 100, 300}) {
    std::vector<double> first(n), last(n), pair(n * (n - 1));
    for (std::uint64_t key = 0; key < 40000; ++key) {
      const Permutation p = make_permutation(folded_in(3, key), n);
      const std::uint64_t a = permuted(p, 0), b = permuted(p, 1), c = permuted(p, n - 1);
      ++first[a];
      ++last[c];
      ++pair[a * (n - 1) + (b > a ? b - 1 : b)];
    }
    EXPECT_LT(z_score(first), 4.9) << n;
    EXPECT_LT(z_score(last), 4.9) << n;
    if (n < 300) {
      EXPECT_LT(z_score(pair), 4.9) << n;
    }
  }
}

// Recorded values: a fit that is resumed, by another version or on another device, meets its batches again.
TEST(Permutation, IsTheSameEverywhere) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const std::uint64_t n :
       {std::uint64_t{100}, std::uint64_t{300}, std::uint64_t{1000000}, std::uint64_t{1} << 40U})
    for (std::uint64_t i = 0; i < 100; ++i) hash = (hash ^ permuted(make_permutation(42, n), i)) * 0x100000001b3U;
  EXPECT_EQ(hash, 4069702856394085125U);
}

}  // namespace
}  // namespace velbo::internal
