// models/expected_log_joint.h - E_q[log p(y, z)] of a model under a Gaussian q, exact up to rounding, with derivatives.
//
// This is what the engine `newton` climbs.  For a generalised linear model the likelihood needs the linear predictor's
// mean and variance only, so the expectation is one-dimensional quadrature (or closed form) per row.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/glm_data.h"
#include "models/log_joint_oracle.h"
#include "velbo/context.h"
#include "velbo/family.h"
#include "velbo/random.h"

namespace velbo::internal {

// q = N(mean, Sigma); Sigma = factor factor', factor lower triangular [D, D] (full rank); factor a column of sds [D, 1]
// (mean field); or factor = (sds, B) [D, 1 + R], Sigma = diag(sds)^2 + B B' (low rank).
struct GaussianPoint {
  FamilyKind family = FamilyKind::full_rank;
  Eigen::VectorXd mean;
  Eigen::MatrixXd factor;

  [[nodiscard]] std::int64_t dimension() const { return mean.size(); }
  [[nodiscard]] std::int64_t rank() const { return family == FamilyKind::low_rank ? factor.cols() - 1 : 0; }
  [[nodiscard]] Eigen::VectorXd sd() const;
  [[nodiscard]] double entropy() const;
};

// A matrix's elements, row by row.
std::vector<double> row_major(const Eigen::MatrixXd& matrix);

struct ExpectedLogJoint {
  double value = 0;           // E_q[log p(y, z)], all constants and log Jacobians included
  double slack = 0;           // values closer than this may differ by rounding alone
  Eigen::VectorXd gradient;   // d value / d mean = E_q[grad log p]
  Eigen::MatrixXd curvature;  // C = -E_q[Hessian]: [D, D] (full rank), its diagonal [D, 1] (mean field), or (low rank)
                              // [D, 1 + R], its diagonal and C B
  [[nodiscard]] bool is_finite() const;
};

// A full matrix's part that an ExpectedLogJoint holds for the point's family.
Eigen::MatrixXd in_layout_of(const GaussianPoint& point, const Eigen::MatrixXd& curvature);

class ExpectedLogJointOracle : public LogJointOracle {
 public:
  // A point to start from that no data make unsafe.
  [[nodiscard]] virtual GaussianPoint start(FamilyKind family) = 0;

  // Reads every row once.  derivatives = false: value and slack only.
  [[nodiscard]] virtual ExpectedLogJoint evaluate(const GaussianPoint& point, bool derivatives) = 0;

  // The full curvature [D, D] at a point, the priors' part clamped at zero so that it is positive definite; nothing where the
  // dimension is too large for it.
  [[nodiscard]] virtual std::optional<Eigen::MatrixXd> dense_curvature(const GaussianPoint& /*point*/) {
    return std::nullopt;
  }

  // Solves curvature(point) x = right for the full curvature at a point that is not of full rank (whose ExpectedLogJoint
  // does not hold it); densely where the dimension allows, else by conjugate gradients to relative_tolerance.
  [[nodiscard]] virtual Eigen::VectorXd solve_curvature(const GaussianPoint& point, const Eigen::VectorXd& right,
                                                        double relative_tolerance) = 0;

  // The same model on about `rows` rows drawn at random (one from each of as many equal stretches), weighted to stand for
  // all; nullptr where rows make no difference to the cost.
  [[nodiscard]] virtual std::unique_ptr<ExpectedLogJointOracle> subsample(std::int64_t rows, Key key) const = 0;

  [[nodiscard]] std::int64_t rows_read() const { return rows_read_; }
  void set_rows_read(std::int64_t rows) { rows_read_ = rows; }  // of a resumed fit

 protected:
  std::int64_t rows_read_ = 0;
};

// T: type of the rows in memory.  The data must outlive the oracle.
template <class T>
std::unique_ptr<ExpectedLogJointOracle> make_oracle(const GlmData& data, const Context& context, FamilyKind family);

}  // namespace velbo::internal
