// engines/compact_inverse_hessian.h - the inverse Hessian that BFGS has after m pairs, as a covariance: products, draws and densities
// in O(D m), without a D x D matrix.
//
// Of changes S = (s_1 .. s_m) of x and Y = (y_1 .. y_m) of the gradient, oldest first, and H_0 = diag(alpha), m updates
// H <- (I - s y' / s'y) H (I - y s' / s'y) + s s' / s'y give (Byrd, Nocedal and Schnabel 1994, theorem 2.2)
//   H = diag(alpha) + B gamma B',   B = (diag(alpha) Y, S),   R = triu(S'Y),   E = diag(R),
//   gamma = (0, -R^-1; -R^-T, R^-T (E + Y' diag(alpha) Y) R^-1).
// With diag(alpha)^-1/2 B = Q W (thin QR) and a lower triangular L, L L' = I + W gamma W' (Zhang, Carpenter, Gelman and Vehtari
// 2022, "Pathfinder", section 3.1 and appendix), H = A A' for
//   A = diag(alpha)^1/2 (I + Q (L - I) Q').
// It has to be the lower factor: with an upper one, U'U = I + W gamma W', A A' is another matrix, whose log density is as consistent.
#pragma once
#include <Eigen/Core>

namespace velbo::internal {

class CompactInverseHessian {
 public:
  // diagonal [D], positive; changes, gradients [D, m] with s'y > 0, m >= 0.
  CompactInverseHessian(const Eigen::VectorXd& diagonal, Eigen::MatrixXd changes, Eigen::MatrixXd gradients);

  // False where rounding left no positive definite matrix; nothing below may be called then.
  [[nodiscard]] bool is_positive_definite() const { return positive_; }
  [[nodiscard]] Eigen::VectorXd times(const Eigen::VectorXd& v) const;
  [[nodiscard]] double log_determinant() const;
  // eps [S, D] -> A eps_s, a row each: draws of N(0, H) of standard normals.
  [[nodiscard]] Eigen::MatrixXd draws(const Eigen::MatrixXd& eps) const;
  // Lower triangular, [D, D]; of O(D^3).  Empty where rounding leaves none.
  [[nodiscard]] Eigen::MatrixXd dense_factor() const;

 private:
  Eigen::VectorXd root_;   // diag(alpha)^1/2
  Eigen::MatrixXd q_;      // [D, K], K = min(D, 2m)
  Eigen::MatrixXd lower_;  // L [K, K]
  bool positive_ = false;
};

}  // namespace velbo::internal
