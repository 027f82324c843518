// models/conjugate_gradients.h - solves A x = b for a positive definite A known by its products.
// Hestenes and Stiefel 1952, with a diagonal preconditioner.  (Eigen's solver wants a matrix type; ours is a pass over
// rows.)
#pragma once
#include <Eigen/Core>
#include <functional>

namespace velbo::internal {

// inverse_diagonal: about the inverse of A's diagonal, positive.  Stops when the preconditioned residual has fallen by
// relative_tolerance, or after 10 D steps.
Eigen::VectorXd conjugate_gradients(const std::function<Eigen::VectorXd(const Eigen::VectorXd&)>& product,
                                    const Eigen::VectorXd& inverse_diagonal, const Eigen::VectorXd& right,
                                    double relative_tolerance);

}  // namespace velbo::internal
