// models/centring.cpp
#include "models/centring.h"

namespace velbo::internal {

Eigen::MatrixXd Centring::to_kept(const Eigen::MatrixXd& model) const {
  if (!has_intercept_) return model;
  const Eigen::Index last = n_columns() - 1;
  Eigen::MatrixXd kept = model;
  kept.row(last) = model.row(0);
  for (Eigen::Index k = 0; k < last; ++k) {
    kept.row(k) = model.row(k + 1);
    kept.row(last) += centre(k) * model.row(k + 1);
  }
  return kept;
}

Eigen::MatrixXd Centring::to_model(const Eigen::MatrixXd& kept) const {
  if (!has_intercept_) return kept;
  const Eigen::Index last = n_columns() - 1;
  Eigen::MatrixXd model = kept;
  model.row(0) = kept.row(last);
  for (Eigen::Index k = 0; k < last; ++k) model.row(k + 1) = kept.row(k) + centre(k) * kept.row(last);
  return model;
}

Eigen::VectorXd Centring::gradient_to_model(const Eigen::VectorXd& kept) const { return to_model(kept); }

Eigen::MatrixXd Centring::curvature_to_model(const Eigen::MatrixXd& kept) const {
  return to_model(to_model(kept).transpose()).transpose();
}

}  // namespace velbo::internal
