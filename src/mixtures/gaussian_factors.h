// mixtures/gaussian_factors.h - the factors of all components' means and covariances, of any kind of covariance.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

#include "conjugate/wishart.h"
#include "velbo/gaussian_mixture.h"

namespace velbo::internal {

// Expected statistics of a mixture over rows z, one after the other: counts [K], sums of z [K, D], and of squares: full [K, P], rows of
// the lower triangle of sums of z z', P = D (D + 1) / 2; tied [P], of all components; diagonal [K, D]; spherical [K], of |z|^2.
struct MixtureLayout {
  CovarianceKind kind = CovarianceKind::full;
  Eigen::Index k = 0, d = 0;

  [[nodiscard]] Eigen::Index pairs() const { return d * (d + 1) / 2; }
  [[nodiscard]] Eigen::Index squares_each() const;  // of a component; tied: of all
  [[nodiscard]] Eigen::Index n_squares() const { return kind == CovarianceKind::tied ? pairs() : k * squares_each(); }
  [[nodiscard]] Eigen::Index size() const { return k + k * d + n_squares(); }
  [[nodiscard]] Eigen::Index sum_at(Eigen::Index component) const { return k + component * d; }
  // Of tied covariances the same for all components.
  [[nodiscard]] Eigen::Index squares_at(Eigen::Index component) const {
    return k + k * d + (kind == CovarianceKind::tied ? 0 : component * squares_each());
  }
};

// mu_k | Lambda_k ~ N(m_k, (kappa_k Lambda_k)^-1).  Full: precision [K] Wisharts, tied one.  Diagonal: Lambda_kj ~ Gamma(nu_k / 2, rate
// scale(j, k) / 2), scale [D, K]; spherical: the same with scale [1, K].
struct GaussianFactors {
  MixtureLayout layout;
  Eigen::VectorXd kappa, nu;  // [K]; of tied covariances all nu are the same
  Eigen::MatrixXd m;          // [D, K]
  std::vector<WishartFactor> precision;
  Eigen::MatrixXd scale;

  [[nodiscard]] bool is_wishart() const {
    return layout.kind == CovarianceKind::full || layout.kind == CovarianceKind::tied;
  }
  [[nodiscard]] const WishartFactor& wishart(Eigen::Index component) const {
    return precision[layout.kind == CovarianceKind::tied ? 0 : static_cast<std::size_t>(component)];
  }
  // Of diagonal and spherical covariances.
  [[nodiscard]] double scale_of(Eigen::Index feature, Eigen::Index component) const {
    return scale(scale.rows() == 1 ? 0 : feature, component);
  }
  [[nodiscard]] double expected_log_det(Eigen::Index component) const;  // of Lambda
};

// All components alike.  inverse_scale: full and tied [D, D], diagonal [D, 1], spherical [1, 1].
GaussianFactors prior_of_gaussians(const MixtureLayout& layout, const Eigen::VectorXd& mean, double kappa, double nu,
                                   const Eigen::MatrixXd& inverse_scale);
GaussianFactors posterior_of_gaussians(const GaussianFactors& prior, std::span<const double> statistics);
double gaussians_kl(const GaussianFactors& q, const GaussianFactors& prior);

// The lower triangle of a symmetric matrix from its rows one after the other, both triangles filled.
Eigen::MatrixXd unpacked(std::span<const double> rows, Eigen::Index d);

}  // namespace velbo::internal
