// Histories of iterates: what is kept of long ones, standard errors in posterior sds, states.
#include "engines/iterate_history.h"

#include <gtest/gtest.h>

#include <cmath>

namespace velbo::internal {
namespace {

GaussianPoint point_of(double mean, double sd) {
  return {FamilyKind::mean_field, Eigen::VectorXd::Constant(1, mean), Eigen::MatrixXd::Constant(1, 1, sd)};
}

TEST(IterateHistory, KeepsEverySecondOfMoreThanItHolds) {
  IterateHistory history;
  for (int t = 0; t < 2000; ++t) history.add(point_of(t, 1));
  EngineState state;
  history.save(state);
  const Eigen::MatrixXd kept = state.matrix("iterates");
  EXPECT_EQ(state.whole("iterates.stride"), 4);
  ASSERT_EQ(kept.cols(), 500);
  for (Eigen::Index i = 0; i < kept.cols(); ++i) ASSERT_EQ(kept(0, i), 4.0 * static_cast<double>(i));
}

// Means alternate by +-s in batches that differ, at an sd of 2: half of that in sds.
TEST(IterateHistory, MeasuresInPosteriorSds) {
  IterateHistory narrow, wide;
  for (int t = 0; t < 100; ++t) {
    const double x = std::sin(0.9 * t) + 0.1 * std::sin(0.1 * t);
    narrow.add(point_of(x, 1));
    wide.add(point_of(x, 2));
  }
  EXPECT_NEAR(wide.stationarity(Eigen::VectorXd::Constant(1, 2)).error_sd,
              0.5 * narrow.stationarity(Eigen::VectorXd::Constant(1, 1)).error_sd, 1e-12);
  EXPECT_EQ(wide.stationarity(Eigen::VectorXd::Constant(1, 2)).rhat,
            narrow.stationarity(Eigen::VectorXd::Constant(1, 1)).rhat);
  EXPECT_TRUE(narrow.stationarity(Eigen::VectorXd::Constant(1, 1)).is_stationary());
}

// Of sds that still shrink the means say nothing.
TEST(IterateHistory, LooksAtSdsToo) {
  IterateHistory history;
  for (int t = 0; t < 100; ++t) history.add(point_of(t % 2, std::exp(-0.01 * t)));
  EXPECT_GT(history.stationarity(Eigen::VectorXd::Constant(1, 1)).rhat, 1.5);
  EXPECT_FALSE(history.stationarity(Eigen::VectorXd::Constant(1, 1)).is_stationary());
  history.restart();
  EXPECT_TRUE(std::isnan(history.stationarity(Eigen::VectorXd::Constant(1, 1)).rhat));
  EXPECT_FALSE(history.stationarity(Eigen::VectorXd::Constant(1, 1)).is_stationary());
}

TEST(IterateHistory, GoesOnFromAState) {
  IterateHistory whole, rest;
  EngineState state;
  for (int t = 0; t < 1500; ++t) {
    if (t == 700) {
      whole.save(state);
      rest.load(state, 1);
    }
    whole.add(point_of(std::sin(t), 1));
    if (t >= 700) rest.add(point_of(std::sin(t), 1));
  }
  EXPECT_EQ(rest.stationarity(Eigen::VectorXd::Constant(1, 1)).rhat,
            whole.stationarity(Eigen::VectorXd::Constant(1, 1)).rhat);
  EXPECT_EQ(rest.stationarity(Eigen::VectorXd::Constant(1, 1)).error_sd,
            whole.stationarity(Eigen::VectorXd::Constant(1, 1)).error_sd);
  EXPECT_ANY_THROW(rest.load(state, 2));
}

}  // namespace
}  // namespace velbo::internal
