// engines/whitening.h - coordinates for gradient steps in which a length of 1 is about one posterior standard deviation.
//
// Around a reference q with mean m, factor F and marginal sds s, and a factor C of the inverse of a curvature of the log
// joint, the coordinates w = (u, scale) mean
//   mean          m + C u                      (C a triangular matrix, or a column of sds)
//   full rank     F M,  M lower triangular with M_ii = e^{w / sqrt 2} and M_ij = w
//   mean field    F e^{w / sqrt 2}
//   low rank      sds F_0 e^{w / sqrt 2}, loadings F_r + s w
// so that w = 0 is the reference.  At q = posterior the Fisher information of u and, but for low rank, of the scale's
// coordinates is the identity: a plain gradient there is the natural gradient (Amari 1998).
#pragma once
#include "models/expected_log_joint.h"
#include "objectives/elbo_gradient.h"

namespace velbo::internal {

class Whitening {
 public:
  Whitening() = default;
  Whitening(GaussianPoint reference, Eigen::MatrixXd mean_factor);

  [[nodiscard]] Eigen::Index size() const;
  [[nodiscard]] GaussianPoint at(const Eigen::VectorXd& w) const;
  // d/dw of the ELBO at w from its gradient there.
  [[nodiscard]] Eigen::VectorXd pull_back(const Eigen::VectorXd& w, const ElboGradient& gradient) const;

  [[nodiscard]] const GaussianPoint& reference() const { return reference_; }
  [[nodiscard]] const Eigen::MatrixXd& mean_factor() const { return mean_factor_; }

 private:
  // M of the full-rank coordinates.
  [[nodiscard]] Eigen::MatrixXd relative_factor(const Eigen::VectorXd& w) const;

  GaussianPoint reference_;
  Eigen::MatrixXd mean_factor_;  // [D, D] lower triangular, or [D, 1]
  Eigen::VectorXd sd_;
};

}  // namespace velbo::internal
