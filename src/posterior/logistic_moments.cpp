// posterior/logistic_moments.cpp - two rules, both sums of positive terms, so that small values keep their digits.
//
// Narrow (s < 0.7): Gauss-Hermite with 24 nodes, for sigmoid and for the squared deviation from its mean; below 1e-5 the
// first order of a Taylor series.
// Wide: integration by parts moves the derivative to the sigmoid, E f(eta) = integral of f'(t) P(eta > t) dt for
// f = sigmoid and f = sigmoid^2.  f' falls like e^-|t| and has poles at +-i pi, where P(eta > t) has grown to
// exp(pi^2 / (2 s^2)) at most, so the trapezoid rule with step h errs by exp(-2 pi^2 / h + pi^2 / (2 s^2)) (Trefethen &
// Weideman 2014): at h = 0.4 and s >= 0.7 by 1e-17.
#include "posterior/logistic_moments.h"

#include <cmath>
#include <vector>

#include "math/quadrature_nodes.h"
#include "velbo/math/elementary.h"

namespace velbo::internal {
namespace {

Moments narrow(double m, double s) noexcept {
  constexpr int n = 12;  // pairs of nodes
  double values[2 * n];
  double mean = 0;
  for (int i = 0; i < n; ++i) {
    values[i] = logistic(m + s * constants::hermite_node_24[i]).sigmoid;
    values[n + i] = logistic(m - s * constants::hermite_node_24[i]).sigmoid;
    mean += constants::hermite_weight_24[i] * (values[i] + values[n + i]);
  }
  double variance = 0;
  for (int i = 0; i < n; ++i) {
    const double above = values[i] - mean, below = values[n + i] - mean;
    variance += constants::hermite_weight_24[i] * (above * above + below * below);
  }
  return {mean, std::sqrt(variance)};
}

constexpr double step = 0.4;
constexpr int first_node = -200;  // t = -80: far enough for means down to e^-60
constexpr int last_node = 95;     // t = 38
constexpr int n_nodes = last_node - first_node + 1;

struct WideRule {
  double first[n_nodes];        // h f'(t) of f = sigmoid
  double second[n_nodes];       // h f'(t) of f = sigmoid^2
  double first_below[n_nodes];  // sums over the nodes before
  double second_below[n_nodes];
};

WideRule make_wide_rule() noexcept {
  WideRule rule{};
  double first = 0, second = 0;
  for (int k = 0; k < n_nodes; ++k) {
    const Logistic<double> l = logistic((first_node + k) * step);
    rule.first_below[k] = first;
    rule.second_below[k] = second;
    first += rule.first[k] = step * l.slope;
    second += rule.second[k] = step * 2 * l.sigmoid * l.slope;
  }
  return rule;
}

// Index of the first node at or above t.
int node_above(double t) noexcept {
  const double k = std::ceil(t / step) - first_node;
  return k <= 0 ? 0 : k >= n_nodes - 1 ? n_nodes - 1 : static_cast<int>(k);
}

// m <= 0, where the sums below do not cancel.
Moments wide(double m, double s) noexcept {
  static const WideRule rule = make_wide_rule();
  // P(eta > t) is 1 to the last bit below the window.  Above m it falls like exp(-(t - m)^2 / 2 s^2) while the weights
  // grow no faster than e^2t, so the largest products are at m + 2 s^2 at most.
  constexpr double certain = 8.3;
  const int begin = node_above(m - certain * s), end = node_above(m + 2 * s * s + certain * s) + 1;
  const double inverse = 1 / s;
  double mean = rule.first_below[begin], square = rule.second_below[begin];
  for (int k = begin; k < end; ++k) {
    const double above = normal_cdf((m - (first_node + k) * step) * inverse).cdf;
    mean += rule.first[k] * above;
    square += rule.second[k] * above;
  }
  return {mean, std::sqrt(max_of(0.0, square - mean * mean))};
}

}  // namespace

Moments logistic_moments(double m, double s) noexcept {
  if (s < 1e-5) {  // to first order; the next term is of relative size s^2
    const Logistic<double> l = logistic(m);
    return {l.sigmoid, s * l.slope};
  }
  if (m <= 0) return s < 0.7 ? narrow(m, s) : wide(m, s);
  const Moments mirrored = logistic_moments(-m, s);
  return {1 - mirrored.mean, mirrored.sd};
}

}  // namespace velbo::internal
