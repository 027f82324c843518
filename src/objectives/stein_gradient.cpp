// objectives/stein_gradient.cpp
#include "objectives/stein_gradient.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "families/low_rank.h"
#include "objectives/draws.h"

namespace velbo::internal {

EvaluatedDraws finite_draws(Eigen::MatrixXd eps, Eigen::MatrixXd gradient, Eigen::VectorXd log_joint) {
  EvaluatedDraws out{std::move(eps), std::move(gradient), std::move(log_joint), 0};
  Eigen::Index kept = 0;
  for (Eigen::Index s = 0; s < out.eps.rows(); ++s) {
    if (!std::isfinite(out.log_joint[s]) || !out.gradient.row(s).allFinite()) continue;
    if (kept != s) {
      out.eps.row(kept) = out.eps.row(s);
      out.gradient.row(kept) = out.gradient.row(s);
      out.log_joint[kept] = out.log_joint[s];
    }
    ++kept;
  }
  out.n_masked = out.eps.rows() - kept;
  if (out.n_masked > 0) {
    out.eps.conservativeResize(kept, Eigen::NoChange);
    out.gradient.conservativeResize(kept, Eigen::NoChange);
    out.log_joint.conservativeResize(kept);
  }
  return out;
}

Eigen::MatrixXd whitened_residuals(const GaussianPoint& point, const EvaluatedDraws& draws, double longest) {
  Eigen::MatrixXd h = draws.gradient * point.factor.triangularView<Eigen::Lower>();
  h += draws.eps;
  for (auto row : h.rowwise()) {
    const double length = row.stableNorm();
    if (length > longest) row *= longest / length;
  }
  return h;
}

WhitenedGradient stein_gradient(const Eigen::MatrixXd& eps, const Eigen::MatrixXd& residuals) {
  const double share = 1 / static_cast<double>(eps.rows());
  WhitenedGradient out;
  out.mean = share * residuals.colwise().sum().transpose();
  const Eigen::MatrixXd product = share * (eps.transpose() * residuals);
  out.factor = 0.5 * (product + product.transpose());
  return out;
}

// log q(z_s) = -D/2 log 2 pi - log |L| - |L^-1 (z_s - mu)|^2 / 2, and the entropy is D/2 (1 + log 2 pi) + log |L|.
ElboEstimate elbo_of_draws(const GaussianPoint& point, const EvaluatedDraws& draws) {
  const auto s = static_cast<double>(draws.n_draws());
  const double constant = point.entropy() - 0.5 * static_cast<double>(point.dimension());
  Eigen::VectorXd squares = draws.eps.rowwise().squaredNorm();
  if (point.rank() > 0) {  // several eps make the same z
    const LowRankInverse inverse(point.factor.col(0), point.factor.rightCols(point.rank()));
    const Eigen::MatrixXd distance = draws_of(point, draws.eps).rowwise() - point.mean.transpose();
    squares = distance.cwiseProduct(inverse.times(distance.transpose()).transpose()).rowwise().sum();
  }
  const Eigen::ArrayXd terms = draws.log_joint.array() + 0.5 * squares.array() + constant;
  const double mean = terms.mean();
  const double variance = s > 1 ? (terms - mean).square().sum() / (s - 1) : 0;
  // Draws that the model does not reach: the ELBO of q without them, which is q / share there.
  const double share = s / (s + static_cast<double>(draws.n_masked));
  return {mean + std::log(share), std::sqrt(variance / s)};
}

double MarginalErrors::largest(double standard_errors) const {
  for (const Eigen::ArrayXd* numbers : {&mean, &mean_se, &log_sd, &log_sd_se})
    if (!numbers->allFinite()) return std::numeric_limits<double>::infinity();
  return std::max({0.0, (mean.abs() - standard_errors * mean_se).maxCoeff(),
                   (log_sd.abs() - standard_errors * log_sd_se).maxCoeff()});
}

double MarginalErrors::largest_se() const { return std::max(mean_se.maxCoeff(), log_sd_se.maxCoeff()); }

// Whitened, the ELBO's Hessian in the mean is about -I: mu moves by L h, and the covariance by L factor L' to first order, of which
// each latent's own variance is sum over draws of (L eps)_i (L h)_i.
MarginalErrors marginal_errors(const GaussianPoint& point, const Eigen::MatrixXd& eps, const Eigen::MatrixXd& residuals,
                               std::int64_t n_pairs) {
  const Eigen::VectorXd inverse_sd = point.sd().cwiseInverse();
  const auto standardised = [&](const Eigen::MatrixXd& whitened) {
    return Eigen::ArrayXXd(
        (whitened * point.factor.triangularView<Eigen::Lower>().transpose() * inverse_sd.asDiagonal()).array());
  };
  Eigen::ArrayXXd shifts = standardised(residuals);
  Eigen::ArrayXXd log_sds = 0.5 * standardised(eps) * shifts;
  if (n_pairs > 0) {
    for (Eigen::ArrayXXd* terms : {&shifts, &log_sds})
      *terms = Eigen::ArrayXXd(0.5 * (terms->topRows(n_pairs) + terms->bottomRows(n_pairs)));
  }
  const auto s = static_cast<double>(shifts.rows());
  MarginalErrors out;
  const auto summarise = [&](const Eigen::ArrayXXd& terms, Eigen::ArrayXd& mean, Eigen::ArrayXd& se) {
    mean = terms.colwise().mean().transpose();
    se = ((terms.rowwise() - mean.transpose()).square().colwise().sum() / std::max(1.0, s - 1) / s).sqrt().transpose();
  };
  summarise(shifts, out.mean, out.mean_se);
  summarise(log_sds, out.log_sd, out.log_sd_se);
  return out;
}

}  // namespace velbo::internal
