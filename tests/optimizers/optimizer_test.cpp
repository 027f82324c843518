// Optimizers against their papers' recurrences by hand; schedules, clipping and averages against what they promise.
#include "optimizers/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

namespace velbo::internal {
namespace {

const Eigen::VectorXd kRate = Eigen::Vector2d(0.1, 0.2);

TEST(Sgd, IsTheGradientTimesTheRate) {
  Optimizer plain(OptimizerKind::sgd, 0);
  EXPECT_EQ(plain.step(Eigen::Vector2d(3, -1), kRate), Eigen::VectorXd(Eigen::Vector2d(0.1 * 3, 0.2 * -1)));
}

TEST(Sgd, MomentumRemembersDirections) {
  Optimizer heavy(OptimizerKind::sgd, 0.5);
  static_cast<void>(heavy.step(Eigen::Vector2d(1, 0), kRate));
  EXPECT_TRUE(heavy.step(Eigen::Vector2d(1, 2), kRate).isApprox(Eigen::Vector2d(0.1 * 1.5, 0.2 * 2), 1e-15));
  heavy.restart();
  EXPECT_TRUE(heavy.step(Eigen::Vector2d(1, 2), kRate).isApprox(Eigen::Vector2d(0.1, 0.4), 1e-15));
}

// Algorithm 1 of Kingma and Ba (2015), two steps by hand.
TEST(Adam, TwoStepsByHand) {
  Optimizer adam(OptimizerKind::adam, 0);
  const Eigen::VectorXd first = adam.step(Eigen::Vector2d(4, -0.001), kRate);
  EXPECT_NEAR(first[0], 0.1, 1e-9);  // bias-corrected: g / |g|
  EXPECT_NEAR(first[1], -0.2, 1e-5);
  const Eigen::VectorXd second = adam.step(Eigen::Vector2d(-2, 0), kRate);
  const double m = (0.9 * 0.1 * 4 + 0.1 * -2) / (1 - 0.9 * 0.9),
               v = (0.999 * 0.001 * 16 + 0.001 * 4) / (1 - 0.999 * 0.999);
  EXPECT_NEAR(second[0], 0.1 * m / (std::sqrt(v) + 1e-8), 1e-14);
}

TEST(Schedule, WarmsUpThenDecays) {
  EXPECT_EQ(schedule(0, 0, 0), 1);
  EXPECT_EQ(schedule(12345, 0, 0), 1);
  EXPECT_NEAR(schedule(0, 4, 0), 0.25, 1e-15);
  EXPECT_NEAR(schedule(3, 4, 0), 1, 1e-15);
  EXPECT_NEAR(schedule(30, 0, 0.6), std::pow(4.0, -0.6), 1e-15);
}

TEST(Clipping, ShortensOnlyWhatIsFarLongerThanUsual) {
  Clip clip(10);
  Eigen::VectorXd g = Eigen::Vector2d(3, 4);
  clip.apply(g);  // the first is usual by definition
  EXPECT_EQ(g.norm(), 5);
  g = Eigen::Vector2d(30, 40);
  clip.apply(g);
  EXPECT_EQ(g.norm(), 50);
  g = Eigen::Vector2d(3e6, 4e6);
  clip.apply(g);
  EXPECT_NEAR(g.norm(), 10 * (5 + 45.0 / 20), 1e-9);
  EXPECT_NEAR(g[1] / g[0], 4.0 / 3, 1e-12);
  EXPECT_NEAR(clip.usual(), 7.25 + (72.5 - 7.25) / 20, 1e-9);  // one outlier does not make the next one usual
  Clip never(0);
  g = Eigen::Vector2d(3e6, 4e6);
  never.apply(g);
  EXPECT_EQ(g.norm(), 5e6);
}

// Weights 3 / (t + 2): the mean of 1, 2, ..., n tends to 3 n / 4; a constant stays itself.
TEST(Averages, CountTheLastThird) {
  Average average;
  for (int t = 1; t <= 3000; ++t) average.add(Eigen::VectorXd::Constant(1, t));
  EXPECT_NEAR(average.value()[0] / 3000, 0.75, 1e-3);
  average.restart();
  average.add(Eigen::VectorXd::Constant(1, 7));
  EXPECT_EQ(average.value()[0], 7);
}

}  // namespace
}  // namespace velbo::internal
