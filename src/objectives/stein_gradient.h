// objectives/stein_gradient.h - natural gradients of the ELBO of a full-rank Gaussian, from gradients of the log joint at draws.
//
// With z_s = mu + L eps_s, g_s = grad log p(z_s) and h_s = L' g_s + eps_s, in coordinates that q's own factor L whitens,
//   mean    mean_s h_s                    estimates L' E_q[grad log p]
//   factor  sym(mean_s eps_s h_s')        estimates I + L' E_q[Hessian log p] L    (Stein 1981; Lin, Khan and Schmidt 2019)
// and both vanish at the optimum.  h_s subtracts log q's gradient along the path ("sticking the landing": Roeder, Wu and Duvenaud
// 2017), so where q is the posterior they vanish draw by draw.
#pragma once
#include <Eigen/Core>
#include <cstdint>

#include "models/expected_log_joint.h"

namespace velbo::internal {

// Log joint [S] and gradients [S, D] at draws made of eps [S, D], less the draws at which either was not finite.
struct EvaluatedDraws {
  Eigen::MatrixXd eps;
  Eigen::MatrixXd gradient;
  Eigen::VectorXd log_joint;
  std::int64_t n_masked = 0;  // draws left out
  [[nodiscard]] std::int64_t n_draws() const { return eps.rows(); }
};

// Leaves out what is not finite.
EvaluatedDraws finite_draws(Eigen::MatrixXd eps, Eigen::MatrixXd gradient, Eigen::VectorXd log_joint);

struct WhitenedGradient {
  Eigen::VectorXd mean;    // [D]
  Eigen::MatrixXd factor;  // [D, D] symmetric
};

// For whitened_residuals(), in sds: beyond any that means something.
inline constexpr double kLongestResidual = 1e6;

// h [S, D]; rows longer than `longest` are shortened to that: far out in the tails a few draws would decide alone.
Eigen::MatrixXd whitened_residuals(const GaussianPoint& point, const EvaluatedDraws& draws, double longest);

WhitenedGradient stein_gradient(const Eigen::MatrixXd& eps, const Eigen::MatrixXd& residuals);

// The ELBO estimated by the mean of log p(z_s) - log q(z_s), and its standard error for independent draws.
struct ElboEstimate {
  double value = 0, standard_error = 0;
};
ElboEstimate elbo_of_draws(const GaussianPoint& point, const EvaluatedDraws& draws);

// How far the optimum is, by the natural gradient at independent draws: of each latent's mean in its own sds, and of the logarithm of
// its sd; with standard errors.  [D] each.  n_pairs > 0: draw s and draw n_pairs + s mirror each other, and count as one.
struct MarginalErrors {
  Eigen::ArrayXd mean, mean_se, log_sd, log_sd_se;
  // The largest that is told from noise: sizes less so many standard errors, at least 0.
  [[nodiscard]] double largest(double standard_errors = 2) const;
  [[nodiscard]] double largest_se() const;
};
MarginalErrors marginal_errors(const GaussianPoint& point, const Eigen::MatrixXd& eps, const Eigen::MatrixXd& residuals,
                               std::int64_t n_pairs = 0);

}  // namespace velbo::internal
