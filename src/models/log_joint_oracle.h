// models/log_joint_oracle.h - what a diagnosis asks of a model: log joint densities of draws.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <string>

#include "velbo/random.h"

namespace velbo::internal {

struct GaussianPoint;

// Log joint densities of draws, up to a common error of the method.
struct LogJointDraws {
  Eigen::VectorXd value;  // [S]
  std::string method;     // "all rows", or which rows stood for all
};

class LogJointOracle {
 public:
  virtual ~LogJointOracle() = default;

  [[nodiscard]] virtual std::int64_t n_rows() const = 0;
  [[nodiscard]] virtual std::int64_t n_latents() const = 0;

  // log p(y, z_s) for draws [S, D] near `point`; beyond `row_draws` (rows times draws) by a subsampled difference
  // estimator, which says so.
  [[nodiscard]] virtual LogJointDraws log_joint(const GaussianPoint& point, const Eigen::MatrixXd& draws,
                                                double row_draws, Key key) = 0;
};

}  // namespace velbo::internal
