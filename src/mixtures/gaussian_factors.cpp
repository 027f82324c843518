#include "mixtures/gaussian_factors.h"

#include <cmath>

#include "conjugate/gamma.h"
#include "math/special.h"
#include "velbo/gamma_functions.h"

namespace velbo::internal {
namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;

Eigen::Map<const VectorXd> piece(std::span<const double> values, Index at, Index size) {
  return {values.data() + at, size};
}

// Of one component: what its mean's posterior is, and sum of (z - m0) for the squares' update.
struct MeanUpdate {
  double kappa;
  VectorXd m, shift;
};

MeanUpdate update_mean(double kappa, const VectorXd& m, double count, const VectorXd& sum) {
  MeanUpdate out{kappa + count, {}, sum - count * m};
  out.m = m + out.shift / out.kappa;
  return out;
}

}  // namespace

Index MixtureLayout::squares_each() const {
  switch (kind) {
    case CovarianceKind::diagonal: return d;
    case CovarianceKind::spherical: return 1;
    default: return pairs();
  }
}

MatrixXd unpacked(std::span<const double> rows, Index d) {
  MatrixXd out(d, d);
  for (Index i = 0, at = 0; i < d; ++i)
    for (Index j = 0; j <= i; ++j, ++at) out(i, j) = out(j, i) = rows[static_cast<std::size_t>(at)];
  return out;
}

double GaussianFactors::expected_log_det(Index component) const {
  if (is_wishart()) return wishart(component).expected_log_det();
  const double half_nu = 0.5 * nu[component];
  const auto each = static_cast<double>(scale.rows() == 1 ? layout.d : 1);  // features that share a precision
  return each * (scale.col(component).array() * 0.5).log().sum() * -1.0 +
         static_cast<double>(layout.d) * digamma_of(half_nu);
}

GaussianFactors prior_of_gaussians(const MixtureLayout& layout, const VectorXd& mean, double kappa, double nu,
                                   const MatrixXd& inverse_scale) {
  GaussianFactors out{
      layout, VectorXd::Constant(layout.k, kappa), VectorXd::Constant(layout.k, nu), mean.replicate(1, layout.k), {},
      {}};
  if (out.is_wishart()) {
    out.precision.assign(layout.kind == CovarianceKind::tied ? 1 : static_cast<std::size_t>(layout.k),
                         WishartFactor(nu, inverse_scale));
  } else {
    out.scale = inverse_scale.replicate(1, layout.k);
  }
  return out;
}

// Squares are updated by deviations from the prior's mean: S + sum (z - m0)(z - m0)' - shift shift' / kappa.
GaussianFactors posterior_of_gaussians(const GaussianFactors& prior, std::span<const double> statistics) {
  const MixtureLayout& layout = prior.layout;
  const Index k = layout.k, d = layout.d;
  GaussianFactors out{layout, VectorXd(k), prior.nu, MatrixXd(d, k), {}, prior.scale};
  const bool tied = layout.kind == CovarianceKind::tied;
  MatrixXd inverse_scale;
  double total = 0;
  if (tied)
    inverse_scale = prior.precision[0].inverse_scale() +
                    unpacked(statistics.subspan(static_cast<std::size_t>(layout.squares_at(0))), d);
  if (layout.kind == CovarianceKind::full) out.precision.reserve(static_cast<std::size_t>(k));
  for (Index i = 0; i < k; ++i) {
    const double count = statistics[static_cast<std::size_t>(i)];
    const VectorXd sum = piece(statistics, layout.sum_at(i), d), m0 = prior.m.col(i);
    const MeanUpdate mean = update_mean(prior.kappa[i], m0, count, sum);
    out.kappa[i] = mean.kappa;
    out.m.col(i) = mean.m;
    total += count;
    const auto squares = statistics.subspan(static_cast<std::size_t>(layout.squares_at(i)));
    switch (layout.kind) {
      case CovarianceKind::full:
        inverse_scale = prior.precision[static_cast<std::size_t>(i)].inverse_scale() + unpacked(squares, d);
        [[fallthrough]];
      case CovarianceKind::tied:
        inverse_scale.noalias() -= sum * m0.transpose();
        inverse_scale.noalias() -= m0 * mean.shift.transpose();
        inverse_scale.noalias() -= mean.shift * (mean.shift / mean.kappa).transpose();
        if (!tied) {
          out.nu[i] = prior.nu[i] + count;
          out.precision.emplace_back(out.nu[i], inverse_scale);
        }
        break;
      case CovarianceKind::diagonal:
        out.nu[i] = prior.nu[i] + count;
        out.scale.col(i).array() += piece(squares, 0, d).array() - sum.array() * m0.array() -
                                    m0.array() * mean.shift.array() - mean.shift.array().square() / mean.kappa;
        break;
      case CovarianceKind::spherical:
        out.nu[i] = prior.nu[i] + count * static_cast<double>(d);
        out.scale(0, i) += squares[0] - sum.dot(m0) - m0.dot(mean.shift) - mean.shift.squaredNorm() / mean.kappa;
        break;
    }
  }
  if (tied) {
    out.nu.array() += total;
    out.precision.emplace_back(out.nu[0], inverse_scale);
  }
  return out;
}

double gaussians_kl(const GaussianFactors& q, const GaussianFactors& prior) {
  const Index k = q.layout.k, d = q.layout.d;
  double sum = 0;
  if (q.layout.kind == CovarianceKind::tied) sum += wishart_kl(q.precision[0], prior.precision[0]);
  for (Index i = 0; i < k; ++i) {
    if (q.is_wishart()) {
      if (q.layout.kind == CovarianceKind::full) sum += wishart_kl(q.wishart(i), prior.wishart(i));
      sum += normal_given_wishart_kl(q.kappa[i], q.m.col(i), prior.kappa[i], prior.m.col(i), q.wishart(i));
      continue;
    }
    for (Index j = 0; j < q.scale.rows(); ++j)
      sum += gamma_kl({0.5 * q.nu[i], 0.5 * q.scale(j, i)}, {0.5 * prior.nu[i], 0.5 * prior.scale(j, i)});
    const double ratio = prior.kappa[i] / q.kappa[i];
    sum += 0.5 * static_cast<double>(d) * (ratio - 1 - std::log(ratio));
    for (Index j = 0; j < d; ++j) {
      const double apart = q.m(j, i) - prior.m(j, i);
      sum += 0.5 * prior.kappa[i] * q.nu[i] / q.scale_of(j, i) * apart * apart;
    }
  }
  return sum;
}

}  // namespace velbo::internal
