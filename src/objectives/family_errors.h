// objectives/family_errors.h - how far a mean-field or low-rank Gaussian is from the optimum of its family, by independent draws.
//
// Such a q says little about the posterior's own curvature C = -E_q[Hessian log p], by which a gradient becomes a distance: along
// directions that q does not follow, a gradient within its noise may belong to a mean that is many sds off.  So C is taken from
// differences of gradients, and its linear part from the gradients: with r_s = g_s + C (z_s - mean), which has no variance where the
// log joint is quadratic,
//   mean     C^-1 mean_s r_s                                      one Newton step
//   log sd   (1 - sd_i^2 C_ii + mean_s sd_i eps_si r_si) / 2      one Newton step of a mean-field q
// are unbiased for these steps whatever C is, where C comes from other draws.  Of a low-rank q the second is the length of the gradient
// in a latent's log own sd and its loadings (in sds), whose curvatures are about 1.  Means are in the sds of C^-1, the posterior's own as
// far as its curvature tells, but no smaller than q's: those of a mean-field q may be hundredths of these.
#pragma once
#include <Eigen/Core>
#include <optional>

#include "models/model_density.h"
#include "objectives/draws.h"
#include "objectives/stein_gradient.h"

namespace velbo::internal {

// C at draws z [S, D] by central differences: 2 D S gradients, less those that are not finite.  Where the mean over the draws is not
// positive definite, its eigenvalues' sizes are taken (in q's sds).  Nothing where a latent has no finite difference.  Throws OutOfTime.
std::optional<Eigen::MatrixXd> curvature_at(ModelDensity& density, const GaussianPoint& point, const RowMajorMatrix& z);

// The sds that means of a q that is not of full rank are measured in; inverse_factor: F F' = C^-1.
Eigen::VectorXd units_of(const GaussianPoint& point, const Eigen::MatrixXd& inverse_factor);

// Of a q that is not of full rank; curvature: symmetric, positive definite.
MarginalErrors family_errors(const GaussianPoint& point, const EvaluatedDraws& draws, const Eigen::MatrixXd& curvature);

}  // namespace velbo::internal
