// mixtures/mixture_globals.h - all global factors of a mixture, and what rows need of them.
#pragma once
#include <Eigen/Core>
#include <span>
#include <vector>

#include "backend/mixture_ops.h"
#include "mixtures/gaussian_factors.h"
#include "mixtures/weight_factors.h"

namespace velbo::internal {

class MixtureGlobals {
 public:
  // log_scale: sum over features of the log of the unit of z, which densities of x are divided by.
  MixtureGlobals(GaussianFactors gaussians_prior, WeightFactors weights_prior, bool reorder_sticks, double log_scale);

  // The factors become those of prior plus statistics.
  void set(std::span<const double> statistics);

  [[nodiscard]] const MixtureLayout& layout() const { return gaussians_prior_.layout; }
  [[nodiscard]] const GaussianFactors& gaussians() const { return gaussians_; }
  [[nodiscard]] const WeightFactors& weights() const { return weights_; }
  [[nodiscard]] double minus_kl() const;
  // sum over k of what E log p(x, z = k | globals) of the rows with these statistics is.
  [[nodiscard]] double statistics_term(std::span<const double> statistics) const;
  // log r_nk before it is normalised: see MixtureParameters.  Valid until the next set().
  [[nodiscard]] MixtureParameters parameters() const;
  // |U_k m_j + shift_k|^2: how far component j's mean is from k, in k's own standard deviations, squared.
  [[nodiscard]] double distance(Eigen::Index j, Eigen::Index k) const;

 private:
  [[nodiscard]] Eigen::Map<const Eigen::VectorXd> shift(Eigen::Index component) const;
  // U' U: E Lambda_k.
  [[nodiscard]] const Eigen::MatrixXd& expected_precision(Eigen::Index component) const {
    return expected_precision_[layout().kind == CovarianceKind::tied ? 0 : static_cast<std::size_t>(component)];
  }
  void whiten();

  GaussianFactors gaussians_prior_, gaussians_;
  WeightFactors weights_prior_, weights_;
  bool reorder_sticks_;
  double log_scale_;
  std::vector<double> constant_, whitening_, shift_;
  std::vector<Eigen::MatrixXd> expected_precision_;  // of Wisharts
};

MixtureForm form_of(CovarianceKind kind);

}  // namespace velbo::internal
