#include "mixtures/mixture_state.h"

#include <cmath>
#include <limits>
#include <utility>

namespace velbo::internal {
namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// Sigma ~ inverse Wishart(nu, S) in p dimensions: its expectation is S / (nu - p - 1), and the variance of element (i, j) is
// ((nu - p + 1) S_ij^2 + (nu - p - 1) S_ii S_jj) / ((nu - p) (nu - p - 1)^2 (nu - p - 3))  (Press 1982, 5.2.3).
struct ElementMoments {
  double mean, sd;
};
ElementMoments element_moments(double s_ij, double s_ii, double s_jj, double nu, double p) {
  const double f = nu - p - 1;
  if (f <= 2) return {s_ij / f, std::numeric_limits<double>::infinity()};
  const double variance = ((f + 2) * s_ij * s_ij + f * s_ii * s_jj) / ((f + 1) * f * f * (f - 2));
  return {s_ij / f, std::sqrt(variance)};
}

void add_covariance(const GaussianFactors& q, const MixtureUnits& units, Index k, GaussianMixtureState& out) {
  const Index d = q.layout.d;
  MatrixXd s = MatrixXd::Zero(d, d);
  double p = 1;
  if (q.is_wishart()) {
    s = q.wishart(k).inverse_scale();
    p = static_cast<double>(d);
  } else {
    for (Index j = 0; j < d; ++j) s(j, j) = q.scale_of(j, k);
  }
  for (Index i = 0; i < d; ++i)
    for (Index j = 0; j < d; ++j) {
      const double unit = units.unit[at(i)] * units.unit[at(j)];
      ElementMoments moments{0, 0};
      if (q.is_wishart() || i == j) moments = element_moments(s(i, j), s(i, i), s(j, j), q.nu[k], p);
      out.covariances.push_back(moments.mean * unit);
      out.covariances_sd.push_back(moments.sd * unit);
    }
  for (Index j = 0; j < d; ++j) {
    const double unit = units.unit[at(j)];
    out.means.push_back(units.centre[at(j)] + unit * q.m(j, k));
    const double variance = element_moments(s(j, j), s(j, j), s(j, j), q.nu[k], p).mean;
    out.means_sd.push_back(unit * std::sqrt(variance / q.kappa[k]));
  }
}

}  // namespace

std::vector<double> selected_statistics(const MixtureLayout& layout, std::span<const double> statistics,
                                        const std::vector<std::size_t>& order) {
  MixtureLayout small = layout;
  small.k = static_cast<Index>(order.size());
  std::vector<double> out(at(small.size()));
  const auto copy = [&](Index to, Index from, Index size) {
    for (Index i = 0; i < size; ++i) out[at(to + i)] = statistics[at(from + i)];
  };
  if (layout.kind == CovarianceKind::tied) copy(small.squares_at(0), layout.squares_at(0), layout.pairs());
  for (Index i = 0; i < small.k; ++i) {
    const auto from = static_cast<Index>(order[at(i)]);
    copy(i, from, 1);
    copy(small.sum_at(i), layout.sum_at(from), layout.d);
    if (layout.kind != CovarianceKind::tied) copy(small.squares_at(i), layout.squares_at(from), layout.squares_each());
  }
  return out;
}

std::shared_ptr<const GaussianMixtureState> make_state(MixturePrior prior, MixtureUnits units,
                                                       std::vector<double> statistics, std::vector<std::string> names) {
  MixtureGlobals globals = globals_of(prior, units, false);
  globals.set(statistics);
  auto out = std::make_shared<GaussianMixtureState>(GaussianMixtureState{std::move(prior),
                                                                         std::move(units),
                                                                         std::move(statistics),
                                                                         std::move(names),
                                                                         std::move(globals),
                                                                         {},
                                                                         {},
                                                                         {},
                                                                         {},
                                                                         {},
                                                                         {},
                                                                         {}});
  const Index k = out->prior.layout.k;
  out->counts.assign(out->statistics.begin(), out->statistics.begin() + k);
  WeightFactors::Moments moments = out->globals.weights().moments();
  out->weights = std::move(moments.mean);
  out->weights_sd = std::move(moments.sd);
  for (Index i = 0; i < k; ++i) add_covariance(out->globals.gaussians(), out->units, i, *out);
  return out;
}

MatrixXd rows_in_units(const FeatureMatrix& x, const MixtureUnits& units, std::int64_t begin, std::int64_t end) {
  const auto d = static_cast<Index>(x.n_columns());
  MatrixXd out(d, end - begin);
  for (std::int64_t n = begin; n < end; ++n) x.row(n, {out.col(n - begin).data(), at(d)});
  out.colwise() -= VectorXd::Map(units.centre.data(), d);
  return VectorXd::Map(units.unit.data(), d).cwiseInverse().asDiagonal() * out;
}

}  // namespace velbo::internal
