// Resampling: probabilities of the two schemes in closed form, and what is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "support/errors.h"
#include "velbo/importance.h"

namespace velbo {
namespace {

using test::error_of;

// One parameter, whose draw s is s; the fourth weighs nothing.
ImportanceDraws three_weights() {
  ImportanceDraws out;
  out.n_draws = 4;
  out.n_parameters = 1;
  out.draws = {0, 1, 2, 3};
  out.psis.log_weights = {std::log(1.0 / 2), std::log(1.0 / 3), std::log(1.0 / 6), -INFINITY};
  out.reliable = true;
  return out;
}

// Each frequency within 4.5 standard errors, of 6: a false alarm in 24,000 runs; the seeds are fixed.
TEST(Resample, WithoutReplacementDrawsOneAfterTheOther) {
  constexpr int kRuns = 20000;
  std::array<std::array<int, 3>, 3> count{};
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    const std::vector<double> pair = resample(three_weights(), 2, seed);
    ASSERT_EQ(pair.size(), 2U);
    ++count[static_cast<std::size_t>(pair[0])][static_cast<std::size_t>(pair[1])];
  }
  const double weight[] = {1.0 / 2, 1.0 / 3, 1.0 / 6};
  for (std::size_t a = 0; a < 3; ++a)
    for (std::size_t b = 0; b < 3; ++b) {
      const double expected = a == b ? 0 : weight[a] * weight[b] / (1 - weight[a]);
      EXPECT_NEAR(count[a][b] / double{kRuns}, expected, 4.5 * std::sqrt(expected * (1 - expected) / kRuns)) << a << b;
    }
  std::vector<double> all = resample(three_weights(), 3, 7);
  const std::vector<double> first = resample(three_weights(), 1, 7);
  EXPECT_EQ(all[0], first[0]);  // the first of more are the fewer
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (std::vector<double>{0, 1, 2}));
}

TEST(Resample, StratifiedIsUnbiasedWithCountsNextToTheExpected) {
  constexpr int kRuns = 4000;
  constexpr std::int64_t kDraws = 10;
  std::array<double, 3> mean{};
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    const std::vector<double> chosen = resample(three_weights(), kDraws, seed, Resampling::stratified);
    std::array<int, 3> count{};
    for (const double s : chosen) ++count.at(static_cast<std::size_t>(s));
    EXPECT_EQ(count[0], 5);  // its share is whole strata
    EXPECT_GE(count[1], 2);  // 3.33: the strata that lie within its share, and up to one at each end
    EXPECT_LE(count[1], 4);
    for (std::size_t i = 0; i < 3; ++i) mean[i] += count[i] / double{kRuns};
  }
  EXPECT_NEAR(mean[1], 10.0 / 3, 4.5 * 0.5 / std::sqrt(kRuns));  // an indicator's sd is at most 0.5
  EXPECT_NEAR(mean[2], 10.0 / 6, 4.5 * 0.5 / std::sqrt(kRuns));
}

TEST(Resample, KeepsRowsTogetherAndRepeats) {
  ImportanceDraws wide = three_weights();
  wide.n_parameters = 2;
  wide.draws = {0, 10, 1, 11, 2, 12, 3, 13};
  for (const Resampling method : {Resampling::without_replacement, Resampling::stratified}) {
    const std::vector<double> rows = resample(wide, 3, 9, method);
    ASSERT_EQ(rows.size(), 6U);
    for (std::size_t i = 0; i < 6; i += 2) EXPECT_EQ(rows[i + 1], rows[i] + 10);
    EXPECT_EQ(rows, resample(wide, 3, 9, method));
  }
  EXPECT_TRUE(resample(wide, 0).empty());
}

TEST(Resample, RefusesWhatItCannotDo) {
  ImportanceDraws draws = three_weights();
  EXPECT_EQ(error_of([&] { static_cast<void>(resample(draws, 4)); }),
            "argument| 4 draws without replacement were asked for, but only 3 have a positive weight");
  EXPECT_EQ(error_of([&] { static_cast<void>(resample(draws, -1)); }),
            "argument| number of draws is -1, expected 0 or more");
  draws.reliable = false;
  draws.psis.k_hat = 0.91;
  draws.n_draws = 100000;
  EXPECT_EQ(
      error_of([&] { static_cast<void>(resample(draws, 2)); }),
      "argument| k-hat of the weighted draws is 0.91, expected below 0.70: resampling would not make them draws of "
      "the posterior");
  EXPECT_EQ(resample(draws, 2, 1, Resampling::without_replacement, Unreliable::allow).size(), 2U);
}

}  // namespace
}  // namespace velbo
