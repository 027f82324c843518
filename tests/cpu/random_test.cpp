// Words against Random123's known answers; normals: bits, moments, slicing, independence of instruction sets.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numbers>
#include <set>
#include <vector>

#include "cpu/isa.h"
#include "math/normal.h"
#include "math/philox.h"
#include "velbo/random.h"

namespace velbo::internal {
namespace {

// Random123's kat_vectors, philox4x32 with 10 rounds.
TEST(Philox, GivesRandom123sKnownAnswers) {
  const auto words = [](std::uint64_t key, std::uint64_t low, std::uint64_t high) {
    const PhiloxWords w = philox(key, low, high);
    return std::vector<std::uint32_t>(w.word, w.word + 4);
  };
  EXPECT_EQ(words(0, 0, 0), (std::vector<std::uint32_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint64_t ones = ~std::uint64_t{0};
  EXPECT_EQ(words(ones, ones, ones), (std::vector<std::uint32_t>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  // counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0: the digits of pi
  EXPECT_EQ(words(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e),
            (std::vector<std::uint32_t>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Normals, FollowTheirUniforms) {
  // Largest error of the polynomials against double arithmetic on the same words.
  double worst = 0;
  for (std::uint64_t block = 0; block < 50000; ++block) {
    const PhiloxWords w = philox(7, block, 0);
    float four[4];
    four_normals(w, four);
    for (int pair = 0; pair < 2; ++pair) {
      // The uniform is the word's, rounded to float: near 1 that moves the normal by up to 2e-4, towards 0.
      const double u = static_cast<float>((w.word[2 * pair] + 0.5) * 0x1p-32);
      const double radius = std::sqrt(-2 * std::log(u));
      const double angle = 2 * std::numbers::pi * (w.word[2 * pair + 1] + 0.5) * 0x1p-32;
      worst = std::max(worst, std::abs(four[2 * pair] - radius * std::sin(angle)));
      worst = std::max(worst, std::abs(four[2 * pair + 1] - radius * std::cos(angle)));
    }
  }
  EXPECT_LT(worst, 1e-6);
}

TEST(Normals, ExtremeWordsAreFinite) {
  for (const std::uint32_t word : {0U, 1U, 0x1fffffffU, 0x20000000U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
    float four[4];
    four_normals({{word, word, ~word, word}}, four);
    for (const float value : four) EXPECT_TRUE(std::isfinite(value)) << word;
    EXPECT_LE(std::abs(four[0]), 6.78F);
  }
}

// FNV-1a over the bits of a million normals.  The value was recorded at -O0, -O3 and with every instruction set; a change
// means that saved seeds no longer give the same draws.
TEST(Normals, BitsAreWhatTheyWere) {
  std::vector<float> values(1000000);
  standard_normals(Key{1234}, 5, 6, 7, std::span<float>(values));
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const float value : values) {
    hash ^= bits_of_float(value);
    hash *= 0x100000001b3ULL;
  }
  EXPECT_EQ(hash, 0x95b3a7812442e637ULL) << std::hex << hash;
}

TEST(Normals, SameBitsOnEveryInstructionSet) {
  const IsaTables tables = runnable_isa_tables();
  std::vector<float> first(4 * 1001), other(4 * 1001);
  tables.table[0]->normals(99, 3, 4, (std::uint64_t{1} << 40) - 500, 1001, first.data());
  for (int i = 1; i < tables.count; ++i) {
    tables.table[i]->normals(99, 3, 4, (std::uint64_t{1} << 40) - 500, 1001, other.data());
    EXPECT_EQ(std::memcmp(first.data(), other.data(), first.size() * sizeof(float)), 0) << tables.table[i]->name;
  }
}

TEST(Normals, AnySliceEqualsItsPartOfTheWhole) {
  std::vector<double> whole(3000);
  standard_normals(Key{5}, 1, 2, 0, std::span<double>(whole));
  for (const std::size_t first : {0U, 1U, 2U, 3U, 5U, 1022U, 1023U, 1024U, 1900U})
    for (const std::size_t size : {0U, 1U, 4U, 7U, 1024U, 1030U}) {
      std::vector<double> slice(size);
      standard_normals(Key{5}, 1, 2, first, std::span<double>(slice));
      for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(slice[i], whole[first + i]) << first << " " << i;
    }
}

TEST(Normals, FloatsAreTheDoublesNarrowed) {
  std::vector<float> narrow(100);
  std::vector<double> wide(100);
  standard_normals(Key{8}, 0, 0, 17, std::span<float>(narrow));
  standard_normals(Key{8}, 0, 0, 17, std::span<double>(wide));
  for (std::size_t i = 0; i < narrow.size(); ++i) EXPECT_EQ(static_cast<double>(narrow[i]), wide[i]);
}

// z-tests of the first four moments, 4 million draws; each |z| < 5: false alarms below 3e-6 (the seed is fixed anyway).
TEST(Normals, MomentsAreThoseOfANormal) {
  std::vector<double> values(4000000);
  standard_normals(make_key(1, Purpose::test), 0, 0, 0, std::span<double>(values));
  double sum[5] = {};
  double lag = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    double power = 1;
    for (int k = 1; k <= 4; ++k) sum[k] += power *= values[i];
    if (i > 0) lag += values[i] * values[i - 1];
  }
  const double n = static_cast<double>(values.size());
  EXPECT_LT(std::abs(sum[1] / n) * std::sqrt(n), 5);
  EXPECT_LT(std::abs(sum[2] / n - 1) * std::sqrt(n / 2), 5);
  EXPECT_LT(std::abs(sum[3] / n) * std::sqrt(n / 15), 5);
  EXPECT_LT(std::abs(sum[4] / n - 3) * std::sqrt(n / 96), 5);
  EXPECT_LT(std::abs(lag / n) * std::sqrt(n), 5);
}

TEST(Keys, DifferForEverySeedPurposeAndFold) {
  std::set<std::uint64_t> seen;
  int made = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    for (const Purpose purpose : {Purpose::sample, Purpose::diagnose, Purpose::subsample, Purpose::predict}) {
      const Key key = make_key(seed, purpose);
      seen.insert(key.value);
      ++made;
      for (std::uint64_t data = 0; data < 10; ++data, ++made) seen.insert(fold_in(key, data).value);
    }
  EXPECT_EQ(static_cast<int>(seen.size()), made);
  EXPECT_EQ(make_key(3, Purpose::sample), make_key(3, Purpose::sample));
}

}  // namespace
}  // namespace velbo::internal
