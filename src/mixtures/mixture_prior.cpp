// mixtures/mixture_prior.cpp - priors and units from options and the data's moments.
#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "mixtures/mixture_state.h"
#include "models/column_moments.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;

constexpr double kKappa = 0.01;

ColumnMoments moments_of(const FeatureMatrix& x, std::span<const double> weights, int threads) {
  try {
    return column_moments(x.store(), weights, RowCount::weight, threads);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::data) check_finite(x, threads);  // which says more
    throw;
  }
}

double power_of_two_near(double value) { return std::exp2(std::round(std::log2(value))); }

MixtureUnits units_of(const ColumnMoments& moments, CovarianceKind kind) {
  MixtureUnits out{moments.mean, {}};
  const auto d = static_cast<double>(moments.sd.size());
  double square = 0;
  for (const double sd : moments.sd) square += sd / d * sd;
  for (const double sd : moments.sd) {
    const double spread = kind == CovarianceKind::spherical ? std::sqrt(square) : sd;
    out.unit.push_back(spread > 0 ? power_of_two_near(spread) : 1.0);
  }
  return out;
}

void require(bool sound, const std::string& what) {
  if (!sound) throw Error(ErrorCode::argument, what);
}

// S0 in units of z from the option, or from the rows' variances.
MatrixXd inverse_scale_of(const GaussianMixtureOptions& options, const ColumnMoments& moments,
                          const MixtureUnits& units, double nu) {
  const auto d = static_cast<Index>(units.unit.size());
  const bool wishart = options.covariance == CovarianceKind::full || options.covariance == CovarianceKind::tied;
  const bool spherical = options.covariance == CovarianceKind::spherical;
  const Index wanted = wishart ? d * d : spherical ? 1 : d;
  const VectorXd unit = VectorXd::Map(units.unit.data(), d);
  if (options.prior_scale.empty()) {
    VectorXd variance(d);
    for (Index j = 0; j < d; ++j) {
      const double sd = moments.sd[static_cast<std::size_t>(j)] / unit[j];
      variance[j] = sd > 0 ? sd * sd : spherical ? 0 : 1;
    }
    if (wishart) return (nu - static_cast<double>(d) - 1) * MatrixXd(variance.asDiagonal());
    if (!spherical) return (nu - 2) * variance;
    return MatrixXd::Constant(1, 1, (nu - 2) * (variance.sum() > 0 ? variance.mean() : 1.0));
  }
  if (static_cast<Index>(options.prior_scale.size()) != wanted)
    throw Error(ErrorCode::shape,
                fmt::format("prior_scale has {} elements, expected {} of {} covariances of {} features",
                            options.prior_scale.size(), wanted, name(options.covariance), d));
  MatrixXd out = wishart ? MatrixXd(MatrixXd::Map(options.prior_scale.data(), d, d))
                         : MatrixXd(MatrixXd::Map(options.prior_scale.data(), wanted, 1));
  if (!wishart) {
    for (Index j = 0; j < wanted; ++j) {
      require(out(j, 0) > 0 && std::isfinite(out(j, 0)),
              fmt::format("prior_scale[{}] is {}, expected a positive number", j, out(j, 0)));
      out(j, 0) = out(j, 0) / unit[j] / unit[j];
    }
    return out;
  }
  out = unit.cwiseInverse().asDiagonal() * out * unit.cwiseInverse().asDiagonal();
  require(out.allFinite() && (out - out.transpose()).cwiseAbs().maxCoeff() <= 1e-12 * out.cwiseAbs().maxCoeff() &&
              Eigen::LLT<MatrixXd>(out).info() == Eigen::Success,
          "prior_scale is not a symmetric positive definite matrix");
  return out;
}

std::vector<std::string> names_of(const GaussianMixtureOptions& options, std::int64_t d) {
  if (!options.names.empty()) {
    if (static_cast<std::int64_t>(options.names.size()) != d)
      throw Error(ErrorCode::shape,
                  fmt::format("there are {} names and {} features, expected as many", options.names.size(), d));
    return options.names;
  }
  std::vector<std::string> out;
  for (std::int64_t j = 1; j <= d; ++j) out.push_back(fmt::format("x{}", j));
  return out;
}

}  // namespace

MixtureGlobals globals_of(const MixturePrior& prior, const MixtureUnits& units, bool reorder_sticks) {
  return {prior_of_gaussians(prior.layout, prior.mean, prior.kappa, prior.nu, prior.inverse_scale),
          prior_of_weights(prior.weights, prior.concentration, prior.layout.k), reorder_sticks, units.log_scale()};
}

PreparedMixture prepare_mixture(const FeatureMatrix& x, std::span<const double> weights,
                                const GaussianMixtureOptions& options, int threads) {
  const std::int64_t d = x.n_columns(), k = options.n_components;
  require(k >= 1, fmt::format("n_components is {}, expected 1 or more", k));
  require(
      k <= x.n_rows(),
      fmt::format("n_components is {}, but there are {} rows: expected no more components than rows", k, x.n_rows()));
  require(options.concentration >= 0 && std::isfinite(options.concentration),
          fmt::format("concentration is {}, expected a positive number, or 0 for the default", options.concentration));
  require(options.prior_kappa >= 0 && std::isfinite(options.prior_kappa),
          fmt::format("prior_kappa is {}, expected a positive number, or 0 for the default", options.prior_kappa));
  const bool wishart = options.covariance == CovarianceKind::full || options.covariance == CovarianceKind::tied;
  const double least = wishart ? static_cast<double>(d) + 1 : 2;
  require(options.degrees_of_freedom == 0 ||
              (options.degrees_of_freedom > least && std::isfinite(options.degrees_of_freedom)),
          fmt::format("degrees_of_freedom is {}, expected more than {} of {} covariances of {} features, or 0 for the "
                      "default",
                      options.degrees_of_freedom, least, name(options.covariance), d));
  require(options.n_restarts >= 1, fmt::format("n_restarts is {}, expected 1 or more", options.n_restarts));
  require(options.prune_below >= 0 && std::isfinite(options.prune_below),
          fmt::format("prune_below is {}, expected a number of rows, 0 or more", options.prune_below));
  if (!options.prior_mean.empty() && static_cast<std::int64_t>(options.prior_mean.size()) != d)
    throw Error(ErrorCode::shape, fmt::format("prior_mean has {} elements, expected {}", options.prior_mean.size(), d));

  const ColumnMoments moments = moments_of(x, weights, threads);
  PreparedMixture out;
  out.names = names_of(options, d);
  out.units = units_of(moments, options.covariance);
  out.prior.layout = {options.covariance, k, d};
  out.prior.weights = options.weights_prior;
  const bool sticks = options.weights_prior == WeightsPrior::dirichlet_process;
  out.prior.concentration = options.concentration > 0 ? options.concentration
                            : sticks                  ? 1.0
                                                      : 1.0 / static_cast<double>(k);
  out.prior.kappa = options.prior_kappa > 0 ? options.prior_kappa : kKappa;
  out.prior.nu = options.degrees_of_freedom > 0 ? options.degrees_of_freedom : least + 1;
  out.prior.mean = VectorXd::Zero(d);
  for (Index j = 0; j < d && !options.prior_mean.empty(); ++j) {
    const auto i = static_cast<std::size_t>(j);
    require(std::isfinite(options.prior_mean[i]),
            fmt::format("prior_mean[{}] is {}, expected a finite number", j, options.prior_mean[i]));
    out.prior.mean[j] = (options.prior_mean[i] - out.units.centre[i]) / out.units.unit[i];
  }
  out.prior.inverse_scale = inverse_scale_of(options, moments, out.units, out.prior.nu);
  return out;
}

}  // namespace velbo::internal
