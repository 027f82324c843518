// conjugate/wishart.h - Wishart factors of precision matrices, and a mean beside them.
//
// A Wishart is kept by the inverse of its scale, V^-1, to which expected statistics add up; E Lambda = nu V.
#pragma once
#include <Eigen/Core>

namespace velbo::internal {

// sum_{i=1}^D log Gamma((nu + 1 - i) / 2) + D (D - 1) / 4 log pi: log Gamma_D(nu / 2).
double log_multivariate_gamma(double half_nu, Eigen::Index dimension);

class WishartFactor {
 public:
  WishartFactor() = default;
  // inverse_scale [D, D] symmetric positive definite, nu > D - 1.  Throws Error(data) where the matrix has no Cholesky factor, which
  // happens when no prior keeps duplicated points apart.
  WishartFactor(double nu, const Eigen::MatrixXd& inverse_scale);

  [[nodiscard]] Eigen::Index dimension() const { return factor_.rows(); }
  [[nodiscard]] double nu() const { return nu_; }
  // L of V^-1 = L L', lower triangular: (x - m)' V (x - m) = |L^-1 (x - m)|^2.
  [[nodiscard]] const Eigen::MatrixXd& factor() const { return factor_; }
  [[nodiscard]] double log_det_inverse_scale() const { return log_det_; }
  // E log |Lambda| = sum_i digamma((nu + 1 - i) / 2) + D log 2 - log |V^-1|.
  [[nodiscard]] double expected_log_det() const;
  [[nodiscard]] Eigen::MatrixXd inverse_scale() const { return factor_ * factor_.transpose(); }
  [[nodiscard]] Eigen::MatrixXd mean() const;  // nu V
  // v' V v.
  [[nodiscard]] double quadratic(const Eigen::VectorXd& v) const;

 private:
  double nu_ = 0, log_det_ = 0;
  Eigen::MatrixXd factor_;
};

// KL(q || p).
double wishart_kl(const WishartFactor& q, const WishartFactor& p);

// mu | Lambda ~ N(m, (kappa Lambda)^-1), Lambda ~ Wishart.
struct NormalWishartFactor {
  double kappa = 0;
  Eigen::VectorXd m;
  WishartFactor precision;
};

// Of the mean alone, given that both share q's precision: E_q of KL(N(m_q, (kappa_q Lambda)^-1) || N(m_p, (kappa_p Lambda)^-1)).
double normal_given_wishart_kl(double kappa_q, const Eigen::VectorXd& m_q, double kappa_p, const Eigen::VectorXd& m_p,
                               const WishartFactor& precision);
double normal_wishart_kl(const NormalWishartFactor& q, const NormalWishartFactor& p);

// The posterior of rows with these weighted sums: count, sum of x [D], sum of x x' [D, D] (its lower triangle is read).  Take x minus a
// centre near the rows' mean, and the prior's m likewise: the scatter is a difference.  Bishop (2006), equations 10.60 to 10.63.
NormalWishartFactor normal_wishart_posterior(const NormalWishartFactor& prior, double count, const Eigen::VectorXd& sum,
                                             const Eigen::MatrixXd& sum_of_squares);

// log p(rows): the closed-form evidence of one component.
double normal_wishart_log_evidence(const NormalWishartFactor& prior, const NormalWishartFactor& posterior,
                                   double count);

}  // namespace velbo::internal
