#include "mixtures/mixture_globals.h"

#include <cmath>
#include <utility>

namespace velbo::internal {
namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double kLogTwoPi = 1.8378770664093454836;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// tr(A S) of a symmetric A and the lower triangle of S by rows.
double trace_of_product(const MatrixXd& a, std::span<const double> rows) {
  double sum = 0;
  for (Index i = 0, place = 0; i < a.rows(); ++i) {
    for (Index j = 0; j < i; ++j, ++place) sum += 2 * a(i, j) * rows[at(place)];
    sum += a(i, i) * rows[at(place)];
    ++place;
  }
  return sum;
}

}  // namespace

MixtureForm form_of(CovarianceKind kind) {
  switch (kind) {
    case CovarianceKind::full: return MixtureForm::full;
    case CovarianceKind::tied: return MixtureForm::tied;
    default: return MixtureForm::diagonal;
  }
}

MixtureGlobals::MixtureGlobals(GaussianFactors gaussians_prior, WeightFactors weights_prior, bool reorder_sticks,
                               double log_scale)
    : gaussians_prior_(std::move(gaussians_prior)),
      weights_prior_(std::move(weights_prior)),
      reorder_sticks_(reorder_sticks),
      log_scale_(log_scale) {}

void MixtureGlobals::set(std::span<const double> statistics) {
  gaussians_ = posterior_of_gaussians(gaussians_prior_, statistics);
  weights_ = posterior_of_weights(weights_prior_, statistics.first(at(layout().k)), reorder_sticks_);
  whiten();
  const std::vector<double> log_weight = weights_.expected_log();
  const auto d = static_cast<double>(layout().d);
  constant_.resize(at(layout().k));
  for (Index k = 0; k < layout().k; ++k)
    constant_[at(k)] = log_weight[at(k)] +
                       0.5 * (gaussians_.expected_log_det(k) - d * kLogTwoPi - d / gaussians_.kappa[k]) - log_scale_;
}

void MixtureGlobals::whiten() {
  const Index d = layout().d, k = layout().k;
  shift_.resize(at(k * d));
  if (!gaussians_.is_wishart()) {
    whitening_.resize(at(k * d));
    for (Index i = 0; i < k; ++i)
      for (Index j = 0; j < d; ++j) {
        const double u = std::sqrt(gaussians_.nu[i] / gaussians_.scale_of(j, i));
        whitening_[at(i * d + j)] = u;
        shift_[at(i * d + j)] = -u * gaussians_.m(j, i);
      }
    return;
  }
  const Index count = layout().kind == CovarianceKind::tied ? 1 : k;
  whitening_.resize(at(count * d * d));
  expected_precision_.resize(at(count));
  for (Index i = 0; i < count; ++i) {
    MatrixXd u = MatrixXd::Identity(d, d);
    gaussians_.wishart(i).factor().triangularView<Eigen::Lower>().solveInPlace(u);
    u *= std::sqrt(gaussians_.nu[i]);
    RowMajor::Map(whitening_.data() + i * d * d, d, d) = u;
    expected_precision_[at(i)].noalias() = u.transpose() * u;
  }
  for (Index i = 0; i < k; ++i) {
    const RowMajor::ConstMapType u(whitening_.data() + (count == 1 ? 0 : i * d * d), d, d);
    VectorXd::Map(shift_.data() + i * d, d).noalias() = -(u * gaussians_.m.col(i));
  }
}

Eigen::Map<const VectorXd> MixtureGlobals::shift(Index component) const {
  return {shift_.data() + component * layout().d, layout().d};
}

double MixtureGlobals::minus_kl() const {
  return -(gaussians_kl(gaussians_, gaussians_prior_) + weights_kl(weights_, weights_prior_));
}

// |U z + shift|^2 summed: tr(U'U S) + 2 shift' U sum + N |shift|^2.
double MixtureGlobals::statistics_term(std::span<const double> statistics) const {
  const Index d = layout().d, k = layout().k;
  double sum = 0;
  if (layout().kind == CovarianceKind::tied)
    sum -= 0.5 * trace_of_product(expected_precision_[0], statistics.subspan(at(layout().squares_at(0))));
  for (Index i = 0; i < k; ++i) {
    const Eigen::Map<const VectorXd> of_z(statistics.data() + layout().sum_at(i), d);
    const auto squares = statistics.subspan(at(layout().squares_at(i)));
    const auto b = shift(i);
    double quadratic = statistics[at(i)] * b.squaredNorm();
    if (gaussians_.is_wishart()) {
      if (layout().kind == CovarianceKind::full) quadratic += trace_of_product(expected_precision(i), squares);
      quadratic -= 2 * gaussians_.m.col(i).dot(expected_precision(i) * of_z);
    } else {
      const Eigen::Map<const VectorXd> u(whitening_.data() + i * d, d);
      quadratic += 2 * (b.array() * u.array() * of_z.array()).sum();
      if (layout().kind == CovarianceKind::spherical) {
        quadratic += u[0] * u[0] * squares[0];
      } else {
        quadratic += (u.array().square() * Eigen::Map<const VectorXd>(squares.data(), d).array()).sum();
      }
    }
    sum += statistics[at(i)] * constant_[at(i)] - 0.5 * quadratic;
  }
  return sum;
}

MixtureParameters MixtureGlobals::parameters() const {
  return {form_of(layout().kind), layout().k, constant_.data(), whitening_.data(), shift_.data()};
}

double MixtureGlobals::distance(Index j, Index k) const {
  const VectorXd apart = gaussians_.m.col(j) - gaussians_.m.col(k);
  if (gaussians_.is_wishart()) return apart.dot(expected_precision(k) * apart);
  const Eigen::Map<const VectorXd> u(whitening_.data() + k * layout().d, layout().d);
  return (u.array() * apart.array()).square().sum();
}

}  // namespace velbo::internal
