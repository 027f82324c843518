// engines/anderson.h - Anderson acceleration of a fixed-point iteration x <- g(x).
//
// From the last few residuals f_k = g(x_k) - x_k it estimates where the residual vanishes, as secant methods do in one
// dimension: minimise |f_k - dF c| over c, and propose x_k + f_k - (dX + dF) c (Anderson 1965; Walker and Ni 2011,
// eq. 2.2).  Turns the linear convergence of the natural-gradient iteration on posteriors that are far from Gaussian into
// a superlinear one, without further evaluations.
#pragma once
#include <Eigen/Core>
#include <deque>

namespace velbo::internal {

class AndersonMixing {
 public:
  explicit AndersonMixing(int window) : window_(window) {}

  void restart();
  // Learns that g(x) = image and proposes the next x; `image` itself while nothing is known.
  [[nodiscard]] Eigen::VectorXd propose(const Eigen::VectorXd& x, const Eigen::VectorXd& image);

  // What it has learnt, as columns: points, then residuals, each oldest first; empty where nothing.
  [[nodiscard]] Eigen::MatrixXd memory() const;
  void set_memory(const Eigen::MatrixXd& memory);

 private:
  int window_;
  std::deque<Eigen::VectorXd> x_, residual_;  // oldest first
};

}  // namespace velbo::internal
