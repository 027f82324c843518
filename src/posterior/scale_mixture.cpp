#include "posterior/scale_mixture.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "posterior/normal_quantile.h"
#include "velbo/math/elementary.h"

namespace velbo::internal {
namespace {

// What is left of eta's variance once log sigma is known, and how eta's mean moves with the standardised log sigma.
struct Conditional {
  double slope, rest;
};

Conditional condition(double s, double covariance, double log_sigma_sd) noexcept {
  if (!(log_sigma_sd > 0)) return {0, s * s};
  const double slope = std::clamp(covariance / log_sigma_sd, -s, s);
  return {slope, (s - slope) * (s + slope)};
}

}  // namespace

ScaleMixture::ScaleMixture(double log_sigma_mean, double log_sigma_sd)
    : log_sigma_sd_(log_sigma_sd), expected_variance_(std::exp(2 * log_sigma_mean + 2 * log_sigma_sd * log_sigma_sd)) {
  if (!(log_sigma_sd > 0)) {
    node_ = {0};
    weight_ = {1};
    variance_ = {std::exp(2 * log_sigma_mean)};
    return;
  }
  // exp(2 log sigma) has period pi i, Phi(. / sigma) is analytic up to half of it: the strip in units of sd.
  constexpr double range = 7;
  const double step = std::max(0.005, std::min(0.6, 0.25 / log_sigma_sd));
  const int n = static_cast<int>(std::ceil(range / step));
  double total = 0;
  for (int i = -n; i <= n; ++i) {
    const double u = i * step;
    node_.push_back(u);
    weight_.push_back(std::exp(-0.5 * u * u));
    variance_.push_back(std::exp(2 * (log_sigma_mean + log_sigma_sd * u)));
    total += weight_.back();
  }
  for (double& weight : weight_) weight /= total;
}

ScaleMixture::Value ScaleMixture::at(double y, double m, double slope, double rest) const noexcept {
  Value sum{0, 0};
  for (std::size_t i = 0; i < node_.size(); ++i) {
    const double inverse = 1 / std::sqrt(rest + variance_[i]);
    const NormalCdf<double> normal = normal_cdf((y - m - slope * node_[i]) * inverse);
    sum.cdf += weight_[i] * normal.cdf;
    sum.density += weight_[i] * normal.pdf * inverse;
  }
  return sum;
}

double ScaleMixture::cdf(double y, double m, double s, double covariance) const noexcept {
  const Conditional c = condition(s, covariance, log_sigma_sd_);
  return at(y, m, c.slope, c.rest).cdf;
}

// Newton's method inside a bracket that every evaluation narrows, for y - m.
double ScaleMixture::quantile(double probability, double m, double s, double covariance) const noexcept {
  const Conditional c = condition(s, covariance, log_sigma_sd_);
  const double width = std::sqrt(s * s + variance_[variance_.size() / 2]);
  if (!std::isfinite(m) || !std::isfinite(width)) return std::numeric_limits<double>::quiet_NaN();
  double low = -std::numeric_limits<double>::infinity(), high = -low;
  double x = normal_quantile(probability) * width;
  double reach = width;  // of the next step into the open
  for (int i = 0; i < 200; ++i) {
    const Value value = at(x, 0, c.slope, c.rest);
    const double error = value.cdf - probability;
    if (error == 0) break;
    (error < 0 ? low : high) = x;
    const double newton = -error / value.density;
    if (std::fabs(newton) <= 1e-11 * width) break;
    double next = x + newton;
    if (!(next > low && next < high && std::fabs(newton) < 4 * reach)) {
      if (std::isfinite(low) && std::isfinite(high)) {
        next = 0.5 * (low + high);
      } else {
        next = error < 0 ? x + reach : x - reach;
        reach *= 2;
      }
    }
    if (next == x) break;
    x = next;
  }
  return m + x;
}

}  // namespace velbo::internal
