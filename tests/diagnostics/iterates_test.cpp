// R-hat and standard errors of series of iterates, in closed form and for a stationary chain whose law is known.
#include "diagnostics/iterates.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "velbo/random.h"

namespace velbo::internal {
namespace {

// Halves of h consecutive whole numbers each: W = h (h + 1) / 12, means h apart.
TEST(SplitRhat, OfATrend) {
  for (const Eigen::Index h : {2, 10, 100}) {
    const auto x = static_cast<double>(h);
    const Eigen::ArrayXd trend = Eigen::ArrayXd::LinSpaced(2 * h, 0, 2 * x - 1);
    EXPECT_NEAR(split_rhat(trend), std::sqrt((7 * x * x - 1) / (x * x + x)), 1e-12) << h;
    EXPECT_NEAR(split_rhat(1e-3 * trend - 7), split_rhat(trend), 1e-9);  // whatever unit and origin
  }
}

TEST(SplitRhat, OfHalvesThatAreTheSame) {
  Eigen::ArrayXd alternating(20);
  for (Eigen::Index t = 0; t < 20; ++t) alternating[t] = t % 2 == 0 ? 1 : -1;
  EXPECT_NEAR(split_rhat(alternating), std::sqrt(0.9), 1e-14);
  EXPECT_EQ(split_rhat(Eigen::ArrayXd::Constant(20, 3.5)), 1);
}

TEST(SplitRhat, OfTwoConstantsAndOfWhatIsNoSeries) {
  const double infinity = std::numeric_limits<double>::infinity();
  Eigen::ArrayXd step = Eigen::ArrayXd::Zero(20);
  step.tail(10).setOnes();
  EXPECT_EQ(split_rhat(step), infinity);
  EXPECT_EQ(split_rhat(Eigen::ArrayXd::Zero(3)), infinity);
  step[3] = std::nan("");
  EXPECT_EQ(split_rhat(step), infinity);
}

// The first of an odd number is left out, however far off it is.
TEST(SplitRhat, LeavesOutTheFirstOfAnOddNumber) {
  Eigen::ArrayXd series(5);
  series << 1e6, 0, 1, 1, 0;
  EXPECT_EQ(split_rhat(series), split_rhat(series.tail(4)));
}

// 40 iterates on their way, then 60 that alternate: the shortest window alone begins after the way; it is the worst number that counts.
TEST(BestWindow, EndsTheWayThere) {
  Eigen::ArrayXXd series(100, 2);
  for (Eigen::Index t = 0; t < 100; ++t) {
    series(t, 0) = t % 2;
    series(t, 1) = t < 40 ? 100.0 - static_cast<double>(t) : t % 2;
  }
  const Window window = best_window(series);
  EXPECT_EQ(window.length, 50);
  EXPECT_EQ(window.rhat, 1);
  series.col(0) = Eigen::ArrayXd::LinSpaced(100, 0, 99);
  EXPECT_GT(best_window(series).rhat, 2);
  EXPECT_TRUE(std::isnan(best_window(series.topRows(kLeastIterates - 1)).rhat));
  EXPECT_EQ(best_window(series.topRows(kLeastIterates - 1)).length, 0);
}

// 17 iterates: 4 batches of 4, the first iterate left out.
TEST(BatchMeans, AreThoseOfRootNBatches) {
  Eigen::ArrayXXd series(17, 2);
  series.col(0) << 99, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 5, 5, 5, 5;
  series.col(1).setConstant(7);
  const Eigen::ArrayXd se = batch_means_se(series);
  EXPECT_NEAR(se[0], std::sqrt(10.0 / 3 / 4), 1e-14);  // 1, 2, 4, 5
  EXPECT_EQ(se[1], 0);
  EXPECT_EQ(batch_means_se(series.topRows(3))[0], std::numeric_limits<double>::infinity());
}

// x' = a x + sqrt(1 - a^2) e, of which the mean of n has the variance (1 + a) / (1 - a) / n.  By 200 chains of 2,500: the mean of squared
// standard errors of 50 batches of 50 is known to 2 / sqrt(50 * 200) = 2 %, and batches of 50 fall short by 2 a / (1 - a^2) / 50 = 7.6 %.
TEST(BatchMeans, KnowADependentChainsError) {
  constexpr double a = 0.8;
  constexpr Eigen::Index n = 2500;
  double squares = 0, rhat = 0;
  for (std::uint32_t chain = 0; chain < 200; ++chain) {
    std::vector<double> noise(n + 1);
    standard_normals(make_key(5, Purpose::test), chain, 0, 0, std::span<double>(noise));
    Eigen::ArrayXXd series(n, 1);
    double x = noise[n];
    for (Eigen::Index t = 0; t < n; ++t) series(t, 0) = x = a * x + 0.6 * noise[static_cast<std::size_t>(t)];
    squares += std::pow(batch_means_se(series)[0], 2) / 200;
    rhat = std::max(rhat, split_rhat(series.col(0)));
  }
  EXPECT_NEAR(squares * n, 9, 0.15 * 9);
  // Means of halves are 2 / 35 apart by chance: R-hat - 1 about 0.002, of 200 chains hardly ever 0.02.
  EXPECT_LT(rhat, 1.03);
}

}  // namespace
}  // namespace velbo::internal
