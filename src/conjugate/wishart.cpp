#include "conjugate/wishart.h"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <cmath>

#include "math/special.h"
#include "velbo/error.h"
#include "velbo/gamma_functions.h"

namespace velbo::internal {
namespace {

const double kLogPi = std::log(3.14159265358979323846);

double sum_of_digammas(double nu, Eigen::Index dimension) {
  double sum = 0;
  for (Eigen::Index i = 0; i < dimension; ++i) sum += digamma_of(0.5 * (nu - static_cast<double>(i)));
  return sum;
}

// tr(A^-1 B) for A = L_a L_a', B = L_b L_b': |L_a^-1 L_b|^2.
double trace_of_ratio(const Eigen::MatrixXd& left_factor, const Eigen::MatrixXd& right_factor) {
  return left_factor.triangularView<Eigen::Lower>().solve(right_factor).squaredNorm();
}

}  // namespace

double log_multivariate_gamma(double half_nu, Eigen::Index dimension) {
  const auto d = static_cast<double>(dimension);
  double sum = d * (d - 1) / 4 * kLogPi;
  for (Eigen::Index i = 0; i < dimension; ++i) sum += log_gamma(half_nu - 0.5 * static_cast<double>(i));
  return sum;
}

WishartFactor::WishartFactor(double nu, const Eigen::MatrixXd& inverse_scale) : nu_(nu) {
  const Eigen::LLT<Eigen::MatrixXd> cholesky(inverse_scale);
  if (cholesky.info() != Eigen::Success || !inverse_scale.allFinite())
    throw Error(ErrorCode::data, fmt::format("the inverse scale of a Wishart factor in {} dimensions is not positive "
                                             "definite: expected rows that are not all on a line or plane, or a prior "
                                             "that keeps them apart",
                                             inverse_scale.rows()));
  factor_ = cholesky.matrixL();
  log_det_ = 2 * factor_.diagonal().array().log().sum();
}

double WishartFactor::expected_log_det() const {
  return sum_of_digammas(nu_, dimension()) + static_cast<double>(dimension()) * std::log(2.0) - log_det_;
}

Eigen::MatrixXd WishartFactor::mean() const {
  const Eigen::MatrixXd inverse =
      factor_.triangularView<Eigen::Lower>().solve(Eigen::MatrixXd::Identity(dimension(), dimension()));
  return nu_ * (inverse.transpose() * inverse);
}

double WishartFactor::quadratic(const Eigen::VectorXd& v) const {
  return factor_.triangularView<Eigen::Lower>().solve(v).squaredNorm();
}

double wishart_kl(const WishartFactor& q, const WishartFactor& p) {
  const auto d = static_cast<double>(q.dimension());
  const double trace = trace_of_ratio(q.factor(), p.factor());  // of V_p^-1 V_q
  return 0.5 * p.nu() * (q.log_det_inverse_scale() - p.log_det_inverse_scale()) + 0.5 * q.nu() * (trace - d) +
         log_multivariate_gamma(0.5 * p.nu(), q.dimension()) - log_multivariate_gamma(0.5 * q.nu(), q.dimension()) +
         0.5 * (q.nu() - p.nu()) * sum_of_digammas(q.nu(), q.dimension());
}

double normal_given_wishart_kl(double kappa_q, const Eigen::VectorXd& m_q, double kappa_p, const Eigen::VectorXd& m_p,
                               const WishartFactor& precision) {
  const auto d = static_cast<double>(m_q.size());
  const double ratio = kappa_p / kappa_q;
  return 0.5 * (d * (ratio - 1 - std::log(ratio)) + kappa_p * precision.nu() * precision.quadratic(m_q - m_p));
}

double normal_wishart_kl(const NormalWishartFactor& q, const NormalWishartFactor& p) {
  return wishart_kl(q.precision, p.precision) + normal_given_wishart_kl(q.kappa, q.m, p.kappa, p.m, q.precision);
}

NormalWishartFactor normal_wishart_posterior(const NormalWishartFactor& prior, double count, const Eigen::VectorXd& sum,
                                             const Eigen::MatrixXd& sum_of_squares) {
  NormalWishartFactor out;
  out.kappa = prior.kappa + count;
  out.m = (prior.kappa * prior.m + sum) / out.kappa;
  // Written by deviations from the prior's mean, which is near the centre of the rows: nothing large is subtracted.
  const Eigen::VectorXd shift = sum - count * prior.m;  // sum of (x - m0)
  Eigen::MatrixXd inverse_scale = prior.precision.inverse_scale() + sum_of_squares - sum * prior.m.transpose() -
                                  prior.m * shift.transpose() - shift * shift.transpose() / out.kappa;
  out.precision = WishartFactor(prior.precision.nu() + count, inverse_scale);
  return out;
}

double normal_wishart_log_evidence(const NormalWishartFactor& prior, const NormalWishartFactor& posterior,
                                   double count) {
  const Eigen::Index d = prior.m.size();
  const WishartFactor &p = prior.precision, &q = posterior.precision;
  return -0.5 * count * static_cast<double>(d) * kLogPi +
         0.5 * static_cast<double>(d) * std::log(prior.kappa / posterior.kappa) +
         log_multivariate_gamma(0.5 * q.nu(), d) - log_multivariate_gamma(0.5 * p.nu(), d) +
         0.5 * p.nu() * p.log_det_inverse_scale() - 0.5 * q.nu() * q.log_det_inverse_scale();
}

}  // namespace velbo::internal
