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
          if (number % size != 0) {
            ASSERT_EQ(permuted(p, place - 1), number - 1);
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

TEST(BlockPermutation, TheShortBlockGoesEverywhere) {
  std::vector<int> at(4, 0);
  for (std::uint64_t key = 0; key < 400; ++key) {
    const BlockPermutation p = make_block_permutation(key, 18, 5);
    for (std::uint64_t place = 0; place < 18; ++place)
      if (permuted(p, place) == 15) ++at[place / 5];
  }
  // Binomial(400, 1/4): mean 100, sd 8.7; 5 sd on four counts: a false alarm with probability below 3e-6.
  for (const int count : at) EXPECT_NEAR(count, 100, 43);
}

}  // namespace
}  // namespace velbo::internal
