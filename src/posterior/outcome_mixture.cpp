// posterior/outcome_mixture.cpp
#include "posterior/outcome_mixture.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/link.h"
#include "posterior/count_search.h"
#include "posterior/normal_quantile.h"
#include "velbo/math/elementary.h"

namespace velbo::internal {
namespace {

constexpr double kStep = 1.1;  // of a trapezoid rule for a smooth step as wide as the normal's sd is short: error 1e-7
constexpr double kReach = 4.75;  // beyond it a normal holds 2e-6
constexpr double kMostRatio = 30;
constexpr double kNegligible = 1e-7;    // of a node's weight
constexpr double kMostInfinite = 1e-3;  // share of the posterior

double step_for(double ratio) noexcept { return kStep / std::sqrt(1 + ratio * ratio); }

double inverse_link(Link link, double t) noexcept {
  switch (link) {
    case Link::identity: return t;
    case Link::log: return std::exp(t);
    case Link::logit: return logistic(t).sigmoid;
  }
  return t;
}

}  // namespace

OutcomeMixture::OutcomeMixture(Likelihood likelihood, const std::vector<double>& mean,
                               const std::vector<double>& covariance)
    : likelihood_(likelihood), law_(*outcome_law(likelihood)), n_aux_(mean.size()) {
  // The Cholesky factor; a variance of 0, or one that rounding made negative, is 0.
  for (std::size_t i = 0; i < n_aux_; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double rest = covariance[i * n_aux_ + j];
      for (std::size_t k = 0; k < j; ++k) rest -= factor_[i * kMostAuxiliary + k] * factor_[j * kMostAuxiliary + k];
      const double diagonal = factor_[j * kMostAuxiliary + j];
      factor_[i * kMostAuxiliary + j] = i == j ? std::sqrt(std::max(rest, 0.0)) : diagonal > 0 ? rest / diagonal : 0;
    }
  nodes_.push_back({1, {}, {}});
  for (std::size_t a = 0; a < n_aux_; ++a) {
    centre_[a] = std::exp(mean[a]);
    const double sd = std::sqrt(covariance[a * n_aux_ + a]), step = step_for(sd);
    const int n = sd > 0 ? static_cast<int>(std::ceil(kReach / step)) : 0;
    std::vector<Node> wider;
    for (const Node& node : nodes_)
      for (int i = -n; i <= n; ++i) {
        Node next = node;
        next.u[a] = i * step;
        next.weight *= std::exp(-0.5 * next.u[a] * next.u[a]);
        if (next.weight > kNegligible) wider.push_back(next);
      }
    nodes_ = std::move(wider);
  }
  double total = 0;
  for (Node& node : nodes_) {
    total += node.weight;
    for (std::size_t a = 0; a < n_aux_; ++a) {
      double logarithm = mean[a];
      for (std::size_t k = 0; k <= a; ++k) logarithm += factor_[a * kMostAuxiliary + k] * node.u[k];
      node.value[a] = std::exp(logarithm);
    }
  }
  for (Node& node : nodes_) node.weight /= total;
}

double OutcomeMixture::width(const LinearPredictor& eta) const noexcept { return law_.width(eta.mean, centre_.data()); }

template <class Use>
void OutcomeMixture::for_each(const LinearPredictor& eta, const Use& use) const noexcept {
  // Covariances with u; what is left of eta's variance once u is known.
  std::array<double, kMostAuxiliary> slope = {};
  double rest = eta.sd * eta.sd;
  for (std::size_t a = 0; a < n_aux_; ++a) {
    double value = eta.covariance[a];
    for (std::size_t k = 0; k < a; ++k) value -= factor_[a * kMostAuxiliary + k] * slope[k];
    const double diagonal = factor_[a * kMostAuxiliary + a];
    slope[a] = diagonal > 0 ? value / diagonal : 0;
    rest -= slope[a] * slope[a];
  }
  const double sd = std::sqrt(std::max(rest, 0.0)), ratio = std::min(sd / width(eta), kMostRatio);
  const double step = step_for(ratio);
  const int n = sd > 0 ? static_cast<int>(std::ceil(kReach / step)) : 0;
  double total = 0;
  for (int i = -n; i <= n; ++i) total += std::exp(-0.5 * i * i * step * step);
  for (const Node& node : nodes_) {
    double mean = eta.mean;
    for (std::size_t a = 0; a < n_aux_; ++a) mean += slope[a] * node.u[a];
    for (int i = -n; i <= n; ++i)
      use(node.weight * std::exp(-0.5 * i * i * step * step) / total, mean + sd * i * step, node.value.data());
  }
}

double OutcomeMixture::expected_variance(const LinearPredictor& eta) const noexcept {
  const double m = eta.mean, s = eta.sd;
  if (link_of(likelihood_) == Link::log) {  // E mu + E mu^2 / phi, of gamma the second alone: log-normals
    const double v = factor_[0] * factor_[0], mean = law_.is_count() ? std::exp(m + 0.5 * s * s) : 0;
    return mean + std::exp(2 * m + 2 * s * s - 2 * eta.covariance[0] + 0.5 * v) / centre_[0];
  }
  double sum = 0, infinite = 0;
  for_each(eta, [&](double weight, double at, const double* aux) {
    const double variance = law_.variance(at, aux);
    if (std::isfinite(variance)) {
      sum += weight * variance;
    } else {
      infinite += weight;
    }
  });
  return infinite > kMostInfinite ? std::numeric_limits<double>::infinity() : sum / (1 - infinite);
}

double OutcomeMixture::cdf(double y, const LinearPredictor& eta) const noexcept {
  double sum = 0;
  for_each(eta, [&](double weight, double at, const double* aux) { sum += weight * law_.cdf(y, at, aux); });
  return sum;
}

double OutcomeMixture::quantile(double probability, const LinearPredictor& eta) const noexcept {
  const double own = width(eta), scale = std::sqrt(eta.sd * eta.sd + own * own), z = normal_quantile(probability);
  if (!std::isfinite(eta.mean) || !std::isfinite(scale)) return std::numeric_limits<double>::quiet_NaN();
  if (law_.is_count()) {
    const double guess = std::exp(eta.mean + z * scale);
    return search_count(probability, guess, std::exp(eta.mean) * scale, std::numeric_limits<double>::infinity(),
                        [&](double k) { return cdf(k, eta); });
  }
  // The regula falsi, in the probits of the distribution function, which are nearly straight, and on the link's scale; the Illinois rule
  // halves an end that stays.
  const Link link = link_of(likelihood_);
  const auto off = [&](double t) {
    return std::clamp(normal_quantile(std::clamp(cdf(inverse_link(link, t), eta), 0.0, 1.0)), -9.0, 9.0) - z;
  };
  double low = eta.mean + z * scale, high = low, at_low = off(low), at_high = at_low, reach = scale;
  for (int i = 0; i < 60 && at_low > 0; ++i, reach *= 2) {
    high = low;
    at_high = at_low;
    low -= reach;
    at_low = off(low);
  }
  for (int i = 0; i < 60 && at_high < 0; ++i, reach *= 2) {
    low = high;
    at_low = at_high;
    high += reach;
    at_high = off(high);
  }
  for (int i = 0, side = 0; i < 100 && high - low > 1e-10 * scale && at_low != at_high; ++i) {
    const double t = std::clamp((low * at_high - high * at_low) / (at_high - at_low), low, high), value = off(t);
    if (std::fabs(value) < 1e-10) return inverse_link(link, t);
    if (value < 0) {
      low = t;
      at_low = value;
      if (side == -1) at_high *= 0.5;
      side = -1;
    } else {
      high = t;
      at_high = value;
      if (side == 1) at_low *= 0.5;
      side = 1;
    }
  }
  return inverse_link(link, 0.5 * (low + high));
}

}  // namespace velbo::internal
