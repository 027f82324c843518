// engines/ascent.h - stochastic gradient ascent in coordinates around a reference, until a new round chooses others.
#pragma once
#include <limits>

#include "engines/engine_state.h"
#include "engines/whitening.h"
#include "optimizers/optimizer.h"

namespace velbo::internal {

// A step of a log sd or of an element of the relative factor is at most this long: e^0.5 for an sd.
constexpr double kLongestFactorStep = 0.7;

// Its parts are in the open, for devices that make steps by themselves (engines/gradient_on_device.cpp).
struct Ascent {
  explicit Ascent(const GradientOptions& options)
      : optimizer(options.optimizer, options.momentum), clip(options.clip) {}

  // New coordinates, w = 0; forgets what the optimizer and the average know of the old ones.
  void begin(Whitening coordinates);
  // One step along d ELBO / dw: clipped, by the optimizer, no further than allowed, averaged.  longest_mean_step: of the mean's part,
  // as a length.
  void step(Eigen::VectorXd gradient, const Eigen::VectorXd& rate,
            double longest_mean_step = std::numeric_limits<double>::infinity());
  [[nodiscard]] GaussianPoint at() const { return whitening.at(w); }
  [[nodiscard]] GaussianPoint averaged() const { return average.count() > 0 ? whitening.at(average.value()) : at(); }

  void save(EngineState& state) const;
  void load(const EngineState& state, const GaussianPoint& like);

  Whitening whitening;
  Eigen::VectorXd w;
  Optimizer optimizer;
  Clip clip;
  Average average;
};

}  // namespace velbo::internal
