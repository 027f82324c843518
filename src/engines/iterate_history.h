// engines/iterate_history.h - the last iterates of stochastic steps: whether they have come to rest, and how well they know where.
#pragma once
#include <cstdint>
#include <limits>
#include <vector>

#include "engines/engine_state.h"
#include "models/expected_log_joint.h"

namespace velbo::internal {

// Above this the iterates still move (Welandawe et al. 2022).
constexpr double kStationaryRhat = 1.1;

struct Stationarity {
  double rhat = std::numeric_limits<double>::quiet_NaN();  // diagnostics/iterates.h; NaN: too few iterates
  // The standard error of the mean iterate over that window, of means in units and of log sds: the largest.
  double error_sd = std::numeric_limits<double>::infinity();
  [[nodiscard]] bool is_stationary() const { return rhat <= kStationaryRhat; }
};

// Keeps means and log sds of at most 512 iterates: beyond, every second, every fourth ...
class IterateHistory {
 public:
  void restart();
  void add(const GaussianPoint& iterate);
  // unit [D]: of the means.
  [[nodiscard]] Stationarity stationarity(const Eigen::VectorXd& unit) const;

  void save(EngineState& state) const;
  void load(const EngineState& state, std::int64_t dimension);

 private:
  std::vector<Eigen::ArrayXd> kept_;  // [2 D]: means, log sds
  std::int64_t seen_ = 0, stride_ = 1;
};

}  // namespace velbo::internal
