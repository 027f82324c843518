// objectives/draws.h - draws z_s = mean + factor eps_s of a GaussianPoint from noise that is fixed by key and step, and gradients
// at the draws taken back to mean and factor.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <optional>

#include "math/sobol.h"
#include "models/expected_log_joint.h"
#include "objectives/elbo_gradient.h"
#include "velbo/context.h"
#include "velbo/gradient_options.h"
#include "velbo/random.h"

namespace velbo::internal {

using RowMajorMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// The noise of points like `like`.
class DrawNoise {
 public:
  DrawNoise(const Context& context, const GaussianPoint& like, std::int64_t draws, DrawKind kind, Key key);
  // eps [S, D + R]: the same for the same step.
  [[nodiscard]] RowMajorMatrix at(std::uint32_t step) const;

 private:
  Context context_;
  std::int64_t draws_;
  std::int64_t n_noise_;
  Key key_;
  std::optional<SobolNormals> sobol_;
};

// eps [S, D + R] -> z [S, D].
Eigen::MatrixXd draws_of(const GaussianPoint& point, const Eigen::MatrixXd& eps);

// Adds mean_s g_s and mean_s g_s eps_s' for g [S, D].
void add_pullback(const GaussianPoint& point, const Eigen::MatrixXd& eps, const Eigen::MatrixXd& g, ElboGradient& sum);

// Subtracts grad log q(z_s) = -Sigma^-1 (z_s - mean) from each row of g.
void subtract_score(const GaussianPoint& point, const Eigen::MatrixXd& eps, Eigen::MatrixXd& g);

}  // namespace velbo::internal
