// engines/gaussian_update.h - one natural-gradient step of a Gaussian q, of any length, in whitened coordinates.
//
// With g = E_q[grad log p] and C = -E_q[Hessian], the step of length r is (Khan and Nielsen 2018; Lin, Schmidt and Khan
// 2020)
//   P' = (1 - r) P + r C,   mu' = mu + r P'^-1 g,   P the precision of q.
// In coordinates whitened by q's own factor L (P^-1 = L L'), P' is M = I - r G with G = I - L' C L.  Where C is not positive
// definite that may fail, and M = I - r G + r^2 G^2 / 2 is taken, which always is positive.  r = 1 is Newton's method on
// the ELBO.
#pragma once
#include <optional>

#include "models/expected_log_joint.h"
#include "objectives/stein_gradient.h"

namespace velbo::internal {

class GaussianUpdate {
 public:
  virtual ~GaussianUpdate() = default;
  // The point after a step of length r in (0, 1]; nothing where numbers run out (not finite).
  [[nodiscard]] virtual std::optional<GaussianPoint> at(double r) const = 0;
};

// The update at `point`, whose expectations with derivatives are `expected`.  For mean field `newton_step` is the solution
// of the full curvature times x = gradient, so that correlated latents move together although q has no correlations.
std::unique_ptr<GaussianUpdate> full_rank_update(const GaussianPoint& point, const ExpectedLogJoint& expected);
std::unique_ptr<GaussianUpdate> mean_field_update(const GaussianPoint& point, const ExpectedLogJoint& expected,
                                                  Eigen::VectorXd newton_step);

// The step itself, which all full-rank engines make, from the gradient in whitened coordinates: g and G = I - L' C L there, exactly or
// from draws (objectives/stein_gradient.h).  Nothing where numbers run out.
//   exact      M = I - r G where that is positive definite, and the mean moves by r M^-1 g: Newton's method at r = 1
//   estimated  M = I - r G + r^2 G^2 / 2 always, and the mean moves by r g: with a noisy M, M^-1 g would be biased
enum class Expectations { exact, estimated };
std::optional<GaussianPoint> natural_step(const GaussianPoint& point, const WhitenedGradient& gradient, double r,
                                          Expectations expectations);

// The length at which a step stays where an estimated gradient is believed: min(longest, 1 / |factor|_2, sqrt(D) / |mean|).
double trust_radius(const WhitenedGradient& gradient, double longest);

// The largest changes between two points, in posterior standard deviations: of a mean, in sds, and of the logarithm of an
// sd.  Infinite where a number is not finite.
struct Distance {
  double means = 0;
  double sds = 0;
  [[nodiscard]] double largest() const { return means > sds ? means : sds; }
};
Distance distance_in_sds(const GaussianPoint& from, const GaussianPoint& to);

// The point as a flat vector, in coordinates that `reference` whitens: (L0^-1 (mean - mean0), L0^-1 L) with the logarithm of
// the diagonal, so that every vector is a valid point, and differences are about posterior standard deviations.
Eigen::VectorXd coordinates(const GaussianPoint& reference, const GaussianPoint& point);
GaussianPoint point_at(const GaussianPoint& reference, const Eigen::VectorXd& coordinates);

// Lower triangular L with L L' = P^-1, without forming the inverse; nothing where P is not positive definite.
std::optional<Eigen::MatrixXd> inverse_factor(const Eigen::MatrixXd& precision);

}  // namespace velbo::internal
