// families/low_rank.h - (D^2 + B B')^-1 and its determinant without a D by D matrix: Woodbury's identity.
#pragma once
#include <Eigen/Cholesky>
#include <Eigen/Core>

namespace velbo::internal {

// Sigma = diag(sd)^2 + B B', sd [D] positive, B [D, R]; O(D R^2) to make, O(D R) a product.
class LowRankInverse {
 public:
  LowRankInverse(const Eigen::VectorXd& sd, const Eigen::MatrixXd& loadings)
      : inverse_sd_(sd.cwiseInverse()), scaled_(inverse_sd_.asDiagonal() * loadings) {
    const Eigen::Index r = loadings.cols();
    capacitance_.compute(Eigen::MatrixXd::Identity(r, r) + scaled_.transpose() * scaled_);
  }

  // Sigma^-1 x, for one vector or several as columns.
  [[nodiscard]] Eigen::MatrixXd times(const Eigen::MatrixXd& x) const {
    const Eigen::MatrixXd whitened = inverse_sd_.asDiagonal() * x;
    return inverse_sd_.asDiagonal() * (whitened - scaled_ * capacitance_.solve(scaled_.transpose() * whitened));
  }
  [[nodiscard]] Eigen::VectorXd diagonal() const {
    const Eigen::MatrixXd half = capacitance_.matrixL().solve(scaled_.transpose());
    return inverse_sd_.array().square() * (1 - half.colwise().squaredNorm().transpose().array());
  }
  // log |Sigma| / 2.
  [[nodiscard]] double half_log_determinant() const {
    return -inverse_sd_.array().log().sum() + capacitance_.matrixLLT().diagonal().array().log().sum();
  }

 private:
  Eigen::VectorXd inverse_sd_;
  Eigen::MatrixXd scaled_;  // B / sd
  Eigen::LLT<Eigen::MatrixXd> capacitance_;
};

}  // namespace velbo::internal
