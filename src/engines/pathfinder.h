// engines/pathfinder.h - Pathfinder: of the Gaussians along L-BFGS's way to a mode, the one with the highest ELBO (Zhang, Carpenter,
// Gelman and Vehtari 2022, algorithms 1 to 4).
//
// Each iterate x of L-BFGS on -log joint, with gradient g and the last pairs s (changes of x), y (of g) that have s'y > 1e-12 y'y, gives
// N(x - H g, H), H the BFGS inverse Hessian of these pairs (engines/compact_inverse_hessian.h) on a diagonal that every pair updates,
//   1 / alpha_i <- a / (b alpha_i) + y_i^2 / b - a s_i^2 / (b c alpha_i^2),   a = y' diag(alpha) y, b = s'y, c = s' diag(alpha)^-1 s,
// and its ELBO is estimated from 25 draws.  One that reaches where the log joint is not finite is left out.  The start itself counts
// as the first.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <limits>

#include "engines/engine_state.h"
#include "models/model_density.h"
#include "objectives/stein_gradient.h"
#include "optimizers/lbfgs.h"

namespace velbo::internal {

// The diagonal after one pair.
Eigen::VectorXd updated_diagonal(const Eigen::VectorXd& diagonal, const Eigen::VectorXd& change,
                                 const Eigen::VectorXd& gradient_change);

class Pathfinder {
 public:
  // From the mean of a full-rank Gaussian.  The density must outlive this.
  Pathfinder(ModelDensity& density, GaussianPoint start, Key key);
  void save(EngineState& state) const;
  void load(const EngineState& state);

  // The start's ELBO, or a step of L-BFGS and the ELBO of its Gaussian; false where that was the last.  Throws OutOfTime, having done
  // nothing then.
  bool step();
  [[nodiscard]] bool is_over() const { return over_; }

  // The best so far, as a full-rank Gaussian: O(D^3).  Its ELBO is -infinity where none was usable.
  [[nodiscard]] GaussianPoint best() const;
  [[nodiscard]] const ElboEstimate& best_elbo() const { return best_.elbo; }

 private:
  // What a Gaussian is made of.
  struct Curvature {
    Eigen::VectorXd diagonal;
    Eigen::MatrixXd changes, gradients;  // [D, m] the last pairs, oldest first
  };
  struct Candidate {
    std::int64_t iterate = 0;  // 0: the start
    Eigen::VectorXd mean;
    Curvature curvature;
    ElboEstimate elbo{-std::numeric_limits<double>::infinity(), 0};
  };
  void first_step();
  [[nodiscard]] Lbfgs::Value loss(const Eigen::VectorXd& x) const;
  [[nodiscard]] ElboEstimate estimate(const Eigen::VectorXd& mean, const Eigen::MatrixXd& noise,
                                      const Eigen::MatrixXd& eps, double log_determinant) const;
  [[nodiscard]] Eigen::MatrixXd noise() const;

  ModelDensity* density_;
  GaussianPoint start_;
  Key key_;
  Lbfgs lbfgs_;
  Eigen::VectorXd x_;
  Lbfgs::Value at_;
  Curvature curvature_;
  Candidate best_;
  std::int64_t steps_ = 0;
  bool over_ = false;
};

}  // namespace velbo::internal
