// Permutations of blocks of consecutive numbers.
#include "math/block_permutation.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace velbo::internal {
namespace {

TEST(Permutation, PlaceOfIsItsInverse) {
  for (const std::uint64_t n : {1, 2, 3, 100, 257, 5000})
    for (std::uint64_t key = 0; key < 5; ++key) {
      const Permutation p = make_permutation(key, n);
      for (std::uint64_t i = 0; i < n; ++i) ASSERT_EQ(place_of(p, permuted(p, i)), i) << n;
    }
}

// Each block's numbers are consecutive places, in order; the short block may be anywhere.
TEST(BlockPermutation, KeepsBlocksTogether) {
  for (const std::uint64_t n : {1, 2, 5, 60, 64, 1003})
    for (const std::uint64_t size : {1, 2, 5, 7, 64, 2000})
      for (std::uint64_t key = 0; key < 20; ++key) {
        const BlockPermutation p = make_block_permutation(key, n, size);
        std::vector<int> seen(n, 0);
        for (std::uint64_t place = 0; place < n; ++place) {
          const std::uint64_t number = permuted(p, place);
          ASSERT_LT(number, n);
          ++seen[number];
          const std::uint64_t counted = (number + n - p.first) % n;  // from the first block's beginning on
          ASSERT_EQ(from_first(p, place), counted);
          if (counted % size != 0) {
            ASSERT_EQ(permuted(p, place - 1), (number + n - 1) % n);
          }
        }
        for (const int times : seen) ASSERT_EQ(times, 1);
      }
}

TEST(BlockPermutation, OfSingleNumbersIsThePermutation) {
  const Permutation single = make_permutation(9, 1000);
  const BlockPermutation p = make_block_permutation(9, 1000, 1);
  for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_EQ(permuted(p, i), permuted(single, i));
}

// Also where the last block is short: places in the rows' numbers (of 18), each a Binomial(20,000, 1/18) of sd 32; 5 sd on 324
// counts: a false alarm with probability below 2e-4.  The keys are fixed: it passes always or never.
TEST(BlockPermutation, EveryNumberIsEquallyLikelyAtEveryPlace) {
  constexpr std::uint64_t n = 18;
  std::vector<int> count(n * n, 0);
  for (std::uint64_t key = 0; key < 20000; ++key) {
    const BlockPermutation p = make_block_permutation(folded_in(5, key), n, 5);
    for (std::uint64_t place = 0; place < n; ++place) ++count[place * n + permuted(p, place)];
  }
  for (const int times : count) EXPECT_NEAR(times, 20000.0 / 18, 162);
}

}  // namespace
}  // namespace velbo::internal
