// engines/compact_inverse_hessian.cpp
#include "engines/compact_inverse_hessian.h"

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>

namespace velbo::internal {

CompactInverseHessian::CompactInverseHessian(const Eigen::VectorXd& diagonal, Eigen::MatrixXd changes,
                                             Eigen::MatrixXd gradients)
    : root_(diagonal.cwiseSqrt()) {
  const Eigen::Index d = diagonal.size(), m = changes.cols(), k = std::min(d, 2 * m);
  if (m == 0) {
    q_.resize(d, 0);
    lower_.resize(0, 0);
    positive_ = root_.allFinite() && (root_.array() > 0).all();
    return;
  }
  // An update does not depend on a pair's length.  With s'y = 1 for each, R has ones on its diagonal.
  for (Eigen::Index i = 0; i < m; ++i) {
    const double scale = 1 / std::sqrt(changes.col(i).dot(gradients.col(i)));
    changes.col(i) *= scale;
    gradients.col(i) *= scale;
  }
  const Eigen::MatrixXd r = Eigen::MatrixXd(changes.transpose() * gradients).triangularView<Eigen::Upper>();
  const Eigen::MatrixXd inverse = r.triangularView<Eigen::Upper>().solve(Eigen::MatrixXd::Identity(m, m));
  const Eigen::MatrixXd scaled_gradients = root_.asDiagonal() * gradients;
  Eigen::MatrixXd middle = scaled_gradients.transpose() * scaled_gradients;
  middle.diagonal() += r.diagonal();
  Eigen::MatrixXd gamma = Eigen::MatrixXd::Zero(2 * m, 2 * m);
  gamma.topRightCorner(m, m) = -inverse;
  gamma.bottomLeftCorner(m, m) = -inverse.transpose();
  gamma.bottomRightCorner(m, m) = inverse.transpose() * middle * inverse;

  Eigen::MatrixXd b(d, 2 * m);
  b << scaled_gradients, root_.cwiseInverse().asDiagonal() * changes;
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(b);
  q_ = qr.householderQ() * Eigen::MatrixXd::Identity(d, k);
  const Eigen::MatrixXd w = qr.matrixQR().topRows(k).triangularView<Eigen::Upper>();
  Eigen::MatrixXd inner = w * gamma * w.transpose();
  inner = Eigen::MatrixXd(0.5 * (inner + inner.transpose()));
  inner.diagonal().array() += 1;
  if (!inner.allFinite() || !q_.allFinite()) return;
  const Eigen::LLT<Eigen::MatrixXd> cholesky(inner);
  if (cholesky.info() != Eigen::Success) return;
  lower_ = cholesky.matrixL();
  positive_ = true;
}

Eigen::VectorXd CompactInverseHessian::times(const Eigen::VectorXd& v) const {
  const Eigen::VectorXd scaled = root_.cwiseProduct(v);
  const Eigen::VectorXd inside = q_.transpose() * scaled;
  const Eigen::VectorXd change = lower_ * (lower_.transpose() * inside) - inside;
  return root_.cwiseProduct(scaled + q_ * change);
}

double CompactInverseHessian::log_determinant() const {
  return 2 * (lower_.diagonal().array().log().sum() + root_.array().log().sum());
}

Eigen::MatrixXd CompactInverseHessian::draws(const Eigen::MatrixXd& eps) const {
  const Eigen::MatrixXd inside = eps * q_;
  const Eigen::MatrixXd change = inside * lower_.transpose() - inside;
  return (eps + change * q_.transpose()) * root_.asDiagonal();
}

// The Cholesky factor is of the matrix before it is scaled by the diagonal, whose size may vary by orders of magnitude.
Eigen::MatrixXd CompactInverseHessian::dense_factor() const {
  const Eigen::Index k = lower_.rows();
  const Eigen::MatrixXd change = lower_ * lower_.transpose() - Eigen::MatrixXd::Identity(k, k);
  Eigen::MatrixXd inside = q_ * change * q_.transpose();
  inside.diagonal().array() += 1;
  const Eigen::LLT<Eigen::MatrixXd> cholesky(inside);
  if (cholesky.info() != Eigen::Success) return {};
  const Eigen::MatrixXd lower = cholesky.matrixL();
  return root_.asDiagonal() * lower;
}

}  // namespace velbo::internal
