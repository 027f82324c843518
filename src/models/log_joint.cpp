// models/log_joint.cpp
#include "models/log_joint.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "data/feature_store.h"
#include "math/prior_expectations.h"

namespace velbo::internal {
namespace {

double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

}  // namespace

double log_prior(const GlmData& data, std::span<const double> z) {
  const auto n_coefficients = static_cast<std::size_t>(data.recipe.n_coefficients());
  double sum = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const Prior& prior = data.priors[i].prior;
    const bool is_scale = i >= n_coefficients;
    sum += log_prior_constant(prior, is_scale) + log_prior_kernel(prior, is_scale ? std::exp(z[i]) : z[i]);
    if (is_scale) sum += z[i];  // log |d sigma / d u|
  }
  return sum;
}

double log_joint(const GlmData& data, std::span<const double> z) {
  const auto n_columns = static_cast<std::size_t>(data.n_columns);
  const bool gaussian = data.recipe.has_sigma();
  const double u = gaussian ? z[n_columns] : 0;
  const bool precision = data.recipe.weights_kind == WeightsKind::precision;
  double sum = data.log_normaliser + log_prior(data, z);
  const std::size_t first = data.recipe.has_intercept ? 1 : 0;
  for (std::size_t n = 0; n < data.y.size(); ++n) {
    const double w = data.weights.empty() ? 1 : data.weights[n];
    if (w == 0) continue;
    double eta = data.offset.empty() ? 0 : data.offset[n];
    if (first == 1) eta += z[0];
    eta = dot_row(data.x.store(), static_cast<std::int64_t>(n), z.data() + first, eta);
    const double y = data.y[n];
    const double trials = data.trials.empty() ? 1 : data.trials[n];
    switch (data.recipe.likelihood) {
      case Likelihood::gaussian: {
        const double r = (y - eta) * std::exp(-u);
        const double count = precision ? 1 : w;  // a precision weight divides the variance, a frequency weight repeats
        sum += -0.5 * w * r * r - count * (u + 0.5 * std::log(2 * std::numbers::pi));
        break;
      }
      case Likelihood::poisson: sum += w * (y * eta - std::exp(eta)); break;
      default: sum += w * (y * eta - trials * softplus(eta)); break;
    }
  }
  return sum;
}

}  // namespace velbo::internal
