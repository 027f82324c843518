// mixtures/gaussian_mixture.cpp - what a fitted mixture says of new rows.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/parallel.h"
#include "math/philox.h"
#include "math/special.h"
#include "mixtures/gaussian_mixture_model.h"
#include "mixtures/mixture_state.h"
#include "velbo/error.h"
#include "velbo/gamma_functions.h"
#include "velbo/random.h"

namespace velbo {
namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;
using internal::GaussianMixtureState;

constexpr std::int64_t kBlock = 512;
constexpr double kLogPi = 1.1447298858494001741;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

void check_rows(const GaussianMixtureState& state, const FeatureMatrix& x, int threads) {
  if (threads < 0) throw Error(ErrorCode::argument, fmt::format("threads is {}, expected 0 or more", threads));
  if (x.n_rows() == 0) return;
  internal::check_mixture_rows(x, {});
  if (x.n_columns() != state.prior.layout.d)
    throw Error(ErrorCode::shape, fmt::format("x has {} columns, expected the {} features of the mixture",
                                              x.n_columns(), state.prior.layout.d));
  internal::check_finite(x, threads);
}

// Of each component's Student t: log density of a row with y = U z + shift is constant - sum over groups of power log1p(factor |y|^2),
// a group being all features, or each of diagonal covariances.
struct StudentMixture {
  explicit StudentMixture(const GaussianMixtureState& state)
      : q(state.globals.gaussians()), parameters(state.globals.parameters()), layout(q.layout) {
    const auto d = static_cast<double>(layout.d);
    for (Index k = 0; k < layout.k; ++k) {
      const bool wishart = q.is_wishart(), by_feature = layout.kind == CovarianceKind::diagonal;
      const double nu = q.nu[k], kappa = q.kappa[k], size = by_feature ? 1 : d;
      const double dof = wishart ? nu + 1 - d : nu;  // of the t
      const double log_det = wishart ? q.wishart(k).log_det_inverse_scale()
                                     : d / static_cast<double>(q.scale.rows()) * q.scale.col(k).array().log().sum();
      const double each = internal::log_gamma_of(0.5 * (dof + size)) - internal::log_gamma_of(0.5 * dof);
      constant.push_back(std::log(state.weights[at(k)]) + each * d / size -
                         0.5 * d * (kLogPi + std::log((kappa + 1) / kappa)) - 0.5 * log_det - state.units.log_scale());
      power.push_back(0.5 * (dof + size));
      factor.push_back(kappa / ((kappa + 1) * nu));
    }
  }

  // Of the columns of z [D, n].
  [[nodiscard]] VectorXd log_density(const MatrixXd& z) const {
    MatrixXd log_p(layout.k, z.cols());
    using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Index d = layout.d;
    for (Index k = 0; k < layout.k; ++k) {
      MatrixXd y;
      if (q.is_wishart()) {
        const Index which = layout.kind == CovarianceKind::tied ? 0 : k;
        y = RowMajor::Map(parameters.whitening + which * d * d, d, d).triangularView<Eigen::Lower>() * z;
      } else {
        y = VectorXd::Map(parameters.whitening + k * d, d).asDiagonal() * z;
      }
      y.colwise() += VectorXd::Map(parameters.shift + k * d, d);
      const double f = factor[at(k)];
      Eigen::RowVectorXd sum;
      if (layout.kind == CovarianceKind::diagonal) {
        sum = (y.array().square() * f).log1p().colwise().sum();
      } else {
        sum = (y.colwise().squaredNorm().array() * f).log1p();
      }
      log_p.row(k) = constant[at(k)] - power[at(k)] * sum.array();
    }
    const Eigen::RowVectorXd most = log_p.colwise().maxCoeff();
    VectorXd out(z.cols());
    for (Index n = 0; n < z.cols(); ++n)
      out[n] = std::isfinite(most[n]) ? most[n] + std::log((log_p.col(n).array() - most[n]).exp().sum()) : most[n];
    return out;
  }

  const internal::GaussianFactors& q;
  internal::MixtureParameters parameters;
  internal::MixtureLayout layout;
  std::vector<double> constant, power, factor;
};

double uniform(Key key, std::uint64_t i, std::uint64_t attempt) {
  return (static_cast<double>(internal::hashed(key.value, i, attempt) >> 11U) + 0.5) * 0x1p-53;
}

// Marsaglia and Tsang (2000), shape >= 1; number `stream` of row i.
double gamma_draw(double shape, Key key, std::uint64_t i, std::uint32_t stream) {
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  const Key mine = fold_in(fold_in(key, i), stream);
  for (std::uint32_t attempt = 0;; ++attempt) {
    double normal = 0;
    standard_normals(mine, attempt, 0, 0, std::span<double>(&normal, 1));
    const double base = 1 + c * normal;
    if (base <= 0) continue;
    const double v = base * base * base;
    if (std::log(uniform(mine, attempt, 1)) < 0.5 * normal * normal + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace

std::int64_t GaussianMixture::n_components() const noexcept { return state_->prior.layout.k; }
std::int64_t GaussianMixture::n_features() const noexcept { return state_->prior.layout.d; }
CovarianceKind GaussianMixture::covariance_kind() const noexcept { return state_->prior.layout.kind; }
WeightsPrior GaussianMixture::weights_prior() const noexcept { return state_->prior.weights; }
double GaussianMixture::concentration() const noexcept { return state_->prior.concentration; }
const std::vector<std::string>& GaussianMixture::names() const noexcept { return state_->names; }
const std::vector<double>& GaussianMixture::counts() const noexcept { return state_->counts; }
const std::vector<double>& GaussianMixture::weights() const noexcept { return state_->weights; }
const std::vector<double>& GaussianMixture::weights_sd() const noexcept { return state_->weights_sd; }
const std::vector<double>& GaussianMixture::means() const noexcept { return state_->means; }
const std::vector<double>& GaussianMixture::means_sd() const noexcept { return state_->means_sd; }
const std::vector<double>& GaussianMixture::covariances() const noexcept { return state_->covariances; }
const std::vector<double>& GaussianMixture::covariances_sd() const noexcept { return state_->covariances_sd; }

std::vector<double> GaussianMixture::responsibilities(const FeatureMatrix& x, int threads) const {
  check_rows(*state_, x, threads);
  const std::int64_t k = n_components();
  std::vector<double> out(at(x.n_rows() * k));
  const internal::GaussianMixtureModel model(x, {}, state_->units, state_->globals, Scalar::float64,
                                             Context({}, threads), false);
  model.responsibilities({0, x.n_rows()}, out.data());
  for (std::int64_t n = 0; n < x.n_rows(); ++n)
    if (std::isnan(out[at(n * k)]))
      throw Error(ErrorCode::data, fmt::format("row {} is so far from the mixture that squared distances overflow", n));
  return out;
}

std::vector<std::int32_t> GaussianMixture::labels(const FeatureMatrix& x, int threads) const {
  const std::vector<double> r = responsibilities(x, threads);
  const auto k = static_cast<std::ptrdiff_t>(n_components());
  std::vector<std::int32_t> out;
  out.reserve(at(x.n_rows()));
  for (auto row = r.begin(); row != r.end(); row += k)
    out.push_back(static_cast<std::int32_t>(std::max_element(row, row + k) - row));
  return out;
}

std::vector<double> GaussianMixture::log_density(const FeatureMatrix& x, int threads) const {
  check_rows(*state_, x, threads);
  const StudentMixture mixture(*state_);
  std::vector<double> out(at(x.n_rows()));
  const Context context({}, threads);
  internal::parallel_for((x.n_rows() + kBlock - 1) / kBlock, context.threads(), [&](std::int64_t block, int) {
    const std::int64_t begin = block * kBlock, end = std::min(x.n_rows(), begin + kBlock);
    VectorXd::Map(out.data() + begin, end - begin) =
        mixture.log_density(internal::rows_in_units(x, state_->units, begin, end));
  });
  return out;
}

MixtureDraws GaussianMixture::sample(std::int64_t n, std::uint64_t seed) const {
  if (n < 0) throw Error(ErrorCode::argument, fmt::format("n is {}, expected 0 or more draws", n));
  const internal::GaussianFactors& q = state_->globals.gaussians();
  const Index d = q.layout.d, k = q.layout.k;
  const Key choices = fold_in(make_key(seed, Purpose::predict), 1),
            normals = fold_in(make_key(seed, Purpose::predict), 2),
            scales = fold_in(make_key(seed, Purpose::predict), 3);
  MixtureDraws out;
  VectorXd z(d);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto draw = static_cast<std::uint64_t>(i);
    const double u = uniform(choices, draw, 0);
    Index chosen = 0;
    for (double sum = state_->weights[0]; chosen + 1 < k && u > sum; sum += state_->weights[at(++chosen)]) {
    }
    standard_normals(normals, static_cast<std::uint32_t>(draw >> 32U), static_cast<std::uint32_t>(draw), 0,
                     std::span<double>(z.data(), at(d)));
    const double wider = (q.kappa[chosen] + 1) / q.kappa[chosen];
    if (q.is_wishart()) {
      const double dof = q.nu[chosen] + 1 - static_cast<double>(d);
      z = q.wishart(chosen).factor().triangularView<Eigen::Lower>() * z;
      z *= std::sqrt(wider / (2 * gamma_draw(0.5 * dof, scales, draw, 0)));
    } else {
      double chi_squared = 0;
      for (Index j = 0; j < d; ++j) {
        if (j == 0 || q.layout.kind == CovarianceKind::diagonal)
          chi_squared = 2 * gamma_draw(0.5 * q.nu[chosen], scales, draw, static_cast<std::uint32_t>(j));
        z[j] *= std::sqrt(wider * q.scale_of(j, chosen) / chi_squared);
      }
    }
    z += q.m.col(chosen);
    for (Index j = 0; j < d; ++j) out.x.push_back(state_->units.centre[at(j)] + state_->units.unit[at(j)] * z[j]);
    out.component.push_back(static_cast<std::int32_t>(chosen));
  }
  return out;
}

std::string GaussianMixture::report() const {
  const std::int64_t k = n_components(), d = n_features();
  const std::int64_t shown = std::min<std::int64_t>(d, 12);
  std::string out =
      fmt::format("{} components, {} covariance, {} features, {} prior of the weights with concentration {:.4g}\n\n", k,
                  name(covariance_kind()), d, name(weights_prior()), concentration());
  out += "Means (below them: standard deviations of the component)\n";
  out += fmt::format("{:>9} {:>8} {:>8}", "component", "weight", "+-");
  for (std::int64_t j = 0; j < shown; ++j) out += fmt::format(" {:>11.11}", names()[at(j)]);
  out += shown < d ? " ...\n" : "\n";
  for (std::int64_t i = 0; i < k; ++i) {
    out += fmt::format("{:>9} {:>8.4f} {:>8.4f}", i + 1, weights()[at(i)], weights_sd()[at(i)]);
    for (std::int64_t j = 0; j < shown; ++j) out += fmt::format(" {:>11.4g}", means()[at(i * d + j)]);
    out += fmt::format("\n{:>27}", "sd");
    for (std::int64_t j = 0; j < shown; ++j)
      out += fmt::format(" {:>11.4g}", std::sqrt(covariances()[at((i * d + j) * d + j)]));
    out += "\n";
  }
  return out;
}

}  // namespace velbo
