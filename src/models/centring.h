// models/centring.h - the coordinates in which rows are kept.
//
// With an intercept, columns are kept minus their means and the intercept's column last:
//   beta_0 + x' beta = (beta_0 + centre' beta) + (x - centre)' beta.
// A full-rank Gaussian maps exactly under this change of variables, so answers do not depend on it, but float data keep
// their digits (a year is 2000 +- 1) and the factor stays almost triangular.  A mean-field family is not closed under
// the map: there the centre is zero.  Latents behind the coefficients (log sigma) stay as they are.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <vector>

namespace velbo::internal {

class Centring {
 public:
  // centre [n_columns], the intercept's entry ignored.
  Centring(std::vector<double> centre, bool has_intercept)
      : centre_(std::move(centre)), has_intercept_(has_intercept) {}

  [[nodiscard]] std::int64_t n_columns() const { return static_cast<std::int64_t>(centre_.size()); }
  // Column of the model that is kept at position k.
  [[nodiscard]] std::int64_t source(std::int64_t k) const {
    return !has_intercept_ ? k : k + 1 < n_columns() ? k + 1 : 0;
  }
  // What is subtracted from it.
  [[nodiscard]] double centre(std::int64_t k) const {
    return has_intercept_ && k + 1 < n_columns() ? centre_[static_cast<std::size_t>(k + 1)] : 0.0;
  }

  // Rows of `model` are the model's latents (a mean as one column, a factor, draws transposed); the result's are in kept
  // order, A * model.
  [[nodiscard]] Eigen::MatrixXd to_kept(const Eigen::MatrixXd& model) const;
  // Pullbacks: A' g (columns are gradients) and A' H A.
  [[nodiscard]] Eigen::MatrixXd to_model(const Eigen::MatrixXd& kept) const;
  [[nodiscard]] Eigen::VectorXd gradient_to_model(const Eigen::VectorXd& kept) const;
  [[nodiscard]] Eigen::MatrixXd curvature_to_model(const Eigen::MatrixXd& kept) const;

 private:
  std::vector<double> centre_;
  bool has_intercept_;
};

}  // namespace velbo::internal
