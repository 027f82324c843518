// models/conjugate_gradients.cpp
#include "models/conjugate_gradients.h"

namespace velbo::internal {

Eigen::VectorXd conjugate_gradients(const std::function<Eigen::VectorXd(const Eigen::VectorXd&)>& product,
                                    const Eigen::VectorXd& inverse_diagonal, const Eigen::VectorXd& right,
                                    double relative_tolerance) {
  Eigen::VectorXd x = Eigen::VectorXd::Zero(right.size());
  Eigen::VectorXd residual = right;
  Eigen::VectorXd preconditioned = inverse_diagonal.cwiseProduct(residual);
  Eigen::VectorXd direction = preconditioned;
  double size = residual.dot(preconditioned);
  const double enough = relative_tolerance * relative_tolerance * size;
  for (Eigen::Index step = 0; step < 10 * right.size() && size > enough; ++step) {
    const Eigen::VectorXd image = product(direction);
    const double curvature = direction.dot(image);
    if (!(curvature > 0)) break;  // singular along this direction, to rounding: what we have is the answer
    const double length = size / curvature;
    x += length * direction;
    residual -= length * image;
    preconditioned = inverse_diagonal.cwiseProduct(residual);
    const double next = residual.dot(preconditioned);
    direction = preconditioned + (next / size) * direction;
    size = next;
  }
  return x;
}

}  // namespace velbo::internal
