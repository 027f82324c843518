// optimizers/optimizer.h - steps along stochastic gradients, uphill; learning-rate schedules; clipping; averages of iterates.
#pragma once
#include <Eigen/Core>
#include <cstdint>

#include "velbo/gradient_options.h"

namespace velbo::internal {

// SGD with momentum (Polyak 1964):  v <- momentum v + g,  x <- x + rate v.
// Adam (Kingma and Ba 2015, algorithm 1, beta = 0.9, 0.999, epsilon = 1e-8), for ascent.
class Optimizer {
 public:
  struct State {
    Eigen::VectorXd first, second;  // velocity; moments.  Empty before the first step
    std::int64_t steps = 0;
  };

  Optimizer(OptimizerKind kind, double momentum) : kind_(kind), momentum_(momentum) {}

  // What is added to the parameters: direction times rate, one rate a parameter.
  [[nodiscard]] Eigen::VectorXd step(const Eigen::VectorXd& gradient, const Eigen::VectorXd& rate);
  // Forgets what it knows of directions, for new coordinates.
  void restart() { state_ = {}; }

  [[nodiscard]] const State& state() const { return state_; }
  void set_state(State state) { state_ = std::move(state); }

 private:
  OptimizerKind kind_;
  double momentum_;
  State state_;
};

// 1 / (1 + t / 10)^decay, after a linear warm-up; t = 0, 1, ...
double schedule(std::int64_t t, std::int64_t warm_up_steps, double decay);

// Shortens gradients that are many times longer than usual; the usual length is an exponential mean with rate 1 / 20.
class Clip {
 public:
  explicit Clip(double factor) : factor_(factor) {}
  void apply(Eigen::VectorXd& gradient);
  [[nodiscard]] double usual() const { return usual_; }
  void set_usual(double usual) { usual_ = usual; }

 private:
  double factor_;     // 0: never
  double usual_ = 0;  // 0: nothing seen yet
};

// Polynomial-decay average: the t-th iterate enters with weight 3 / (t + 2), so that about the last third counts (Shamir and
// Zhang 2013, section 4, eta = 2).
class Average {
 public:
  void add(const Eigen::VectorXd& x);
  void restart() { count_ = 0; }
  [[nodiscard]] const Eigen::VectorXd& value() const { return value_; }
  [[nodiscard]] std::int64_t count() const { return count_; }
  void set(Eigen::VectorXd value, std::int64_t count) {
    value_ = std::move(value);
    count_ = count;
  }

 private:
  Eigen::VectorXd value_;
  std::int64_t count_ = 0;
};

}  // namespace velbo::internal
