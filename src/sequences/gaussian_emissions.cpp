// sequences/gaussian_emissions.cpp
#include <cmath>

#include "sequences/emissions.h"
#include "sequences/k_means_start.h"

namespace velbo::internal {
namespace {

const double kLogTwoPi = std::log(2 * 3.14159265358979323846);

// Of E log p(x), what does not depend on x.
double expected_constant(const NormalWishartFactor& q) {
  const auto d = static_cast<double>(q.m.size());
  return 0.5 * (q.precision.expected_log_det() - d * kLogTwoPi - d / q.kappa);
}

// c - nu / 2 |L^-1 (x - m)|^2 for each column of x.
void quadratic_density(const Eigen::MatrixXd& x, const NormalWishartFactor& q, double constant, double nu,
                       Eigen::Ref<Eigen::VectorXd, 0, Eigen::InnerStride<>> out) {
  const Eigen::MatrixXd white = q.precision.factor().triangularView<Eigen::Lower>().solve(x.colwise() - q.m);
  out = constant - 0.5 * nu * white.colwise().squaredNorm().transpose().array();
}

}  // namespace

std::int64_t GaussianEmissions::statistics_per_state() const {
  const std::int64_t d = prior_.m.size();
  return 1 + d + d * (d + 1) / 2;
}

Eigen::MatrixXd GaussianEmissions::centred(const Sequences::Data& data, UnitRange rows) const {
  return data.x.middleRows(rows.begin, rows.size()).transpose().colwise() - centre_;
}

void GaussianEmissions::set_statistics(std::span<const double> statistics) {
  const Eigen::Index d = prior_.m.size();
  q_.clear();
  for (std::int64_t k = 0; k < k_; ++k) {
    const double* const s = statistics.data() + k * statistics_per_state();
    Eigen::MatrixXd squares(d, d);
    const double* next = s + 1 + d;
    for (Eigen::Index i = 0; i < d; ++i)
      for (Eigen::Index j = 0; j <= i; ++j) squares(i, j) = squares(j, i) = *next++;
    q_.push_back(normal_wishart_posterior(prior_, s[0], Eigen::VectorXd::Map(s + 1, d), squares));
  }
}

// nu (x - m)' W (x - m) = |U x - U m|^2 with U = sqrt(nu) L^-1, L L' the inverse of W.
EmissionParameters GaussianEmissions::parameters() const {
  const Eigen::Index d = prior_.m.size();
  EmissionParameters out;
  for (const NormalWishartFactor& q : q_) {
    out.constant.push_back(expected_constant(q));
    Eigen::MatrixXd u = Eigen::MatrixXd::Identity(d, d) * std::sqrt(q.precision.nu());
    q.precision.factor().triangularView<Eigen::Lower>().solveInPlace(u);
    const Eigen::VectorXd shift = -(u * q.m);
    const RowMajorMatrixXd by_row = u;
    out.whitening.insert(out.whitening.end(), by_row.data(), by_row.data() + d * d);
    out.shift.insert(out.shift.end(), shift.begin(), shift.end());
  }
  return out;
}

void GaussianEmissions::expected_log_density(const Sequences::Data& data, UnitRange rows, RowMajorMatrixXd& out) const {
  const Eigen::MatrixXd x = centred(data, rows);
  out.resize(rows.size(), k_);
  for (std::int64_t k = 0; k < k_; ++k) {
    const NormalWishartFactor& q = q_[static_cast<std::size_t>(k)];
    quadratic_density(x, q, expected_constant(q), q.precision.nu(), out.col(k));
  }
}

// A Gaussian with the mean's and the precision's expectation.
void GaussianEmissions::log_density(const Sequences::Data& data, UnitRange rows, RowMajorMatrixXd& out) const {
  const Eigen::MatrixXd x = centred(data, rows);
  const auto d = static_cast<double>(prior_.m.size());
  out.resize(rows.size(), k_);
  for (std::int64_t k = 0; k < k_; ++k) {
    const NormalWishartFactor& q = q_[static_cast<std::size_t>(k)];
    const double nu = q.precision.nu();
    const double constant = 0.5 * (d * std::log(nu) - q.precision.log_det_inverse_scale() - d * kLogTwoPi);
    quadratic_density(x, q, constant, nu, out.col(k));
  }
}

void GaussianEmissions::add(const Sequences::Data& data, UnitRange rows, const RowMajorMatrixXd& share,
                            std::span<double> statistics) const {
  const Eigen::MatrixXd x = centred(data, rows);
  const Eigen::Index d = x.rows();
  for (std::int64_t k = 0; k < k_; ++k) {
    double* const s = statistics.data() + k * statistics_per_state();
    s[0] += share.col(k).sum();
    const Eigen::MatrixXd weighted = x * share.col(k).asDiagonal();
    Eigen::VectorXd::Map(s + 1, d) += weighted.rowwise().sum();
    const Eigen::MatrixXd squares = weighted * x.transpose();
    double* next = s + 1 + d;
    for (Eigen::Index i = 0; i < d; ++i)
      for (Eigen::Index j = 0; j <= i; ++j) *next++ += squares(i, j);
  }
}

double GaussianEmissions::statistics_term(std::span<const double> statistics) const {
  const Eigen::Index d = prior_.m.size();
  double sum = 0;
  for (std::int64_t k = 0; k < k_; ++k) {
    const NormalWishartFactor& q = q_[static_cast<std::size_t>(k)];
    const double* const s = statistics.data() + k * statistics_per_state();
    const Eigen::Map<const Eigen::VectorXd> total(s + 1, d);
    const Eigen::MatrixXd precision = q.precision.mean();
    // Sum of shares times (x - m)' E Lambda (x - m).
    double squares = s[0] * q.m.dot(precision * q.m) - 2 * q.m.dot(precision * total);
    const double* next = s + 1 + d;
    for (Eigen::Index i = 0; i < d; ++i)
      for (Eigen::Index j = 0; j <= i; ++j) squares += (i == j ? 1 : 2) * *next++ * precision(i, j);
    const auto dimension = static_cast<double>(d);
    sum += 0.5 * (s[0] * (q.precision.expected_log_det() - dimension * kLogTwoPi - dimension / q.kappa) - squares);
  }
  return sum;
}

double GaussianEmissions::global_elbo() const {
  double sum = 0;
  for (const NormalWishartFactor& q : q_) sum -= normal_wishart_kl(q, prior_);
  return sum;
}

RowMajorMatrixXd GaussianEmissions::starting_shares(const Sequences::Data& data, Key key) const {
  const Eigen::MatrixXd white =
      prior_.precision.factor().triangularView<Eigen::Lower>().solve(centred(data, {0, data.n_rows()}));
  return k_means_shares(white, k_, key);
}

}  // namespace velbo::internal
