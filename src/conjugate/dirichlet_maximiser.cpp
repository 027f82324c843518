#include <algorithm>
#include <cmath>

#include "conjugate/dirichlet.h"
#include "velbo/gamma_functions.h"

namespace velbo::internal {
namespace {

constexpr int kFixedPointSteps = 10, kMostSteps = 200, kMostHalvings = 50;

// The x with digamma(x) = y, by Newton's method from Minka's start (appendix C).
double inverse_digamma(double y) {
  double x = y >= -2.22 ? std::exp(y) + 0.5 : -1 / (y - digamma_of(1.0));
  for (int i = 0; i < 5; ++i) x -= (digamma_of(x) - y) / trigamma_of(x);
  return x;
}

double objective(std::span<const double> alpha, std::span<const double> mean_log) {
  double sum = -dirichlet_log_beta(alpha);
  for (std::size_t k = 0; k < alpha.size(); ++k) sum += alpha[k] * mean_log[k];  // but for what is constant
  return sum;
}

}  // namespace

std::vector<double> dirichlet_maximiser(std::span<const double> mean_log, std::span<const double> start, double least,
                                        double most) {
  const std::size_t n = start.size();
  std::vector<double> alpha(start.begin(), start.end()), step(n), next(n);
  for (double& a : alpha) a = std::clamp(a, least, most);
  // The fixed point (equation 9) takes each alpha_k to its own order of magnitude, which Newton's method is slow at.
  for (int i = 0; i < kFixedPointSteps; ++i) {
    double total = 0;
    for (const double a : alpha) total += a;
    const double digamma_total = digamma_of(total);
    for (std::size_t k = 0; k < n; ++k)
      alpha[k] = std::clamp(inverse_digamma(mean_log[k] + digamma_total), least, most);
  }
  double value = objective(alpha, mean_log);
  for (int i = 0; i < kMostSteps; ++i) {
    double total = 0;
    for (const double a : alpha) total += a;
    const double digamma_total = digamma_of(total), curvature = trigamma_of(total);
    // Those at an end that the gradient leads beyond stay there.
    double weighted = 0, weights = 0, largest = 0;
    for (std::size_t k = 0; k < n; ++k) {
      const double gradient = digamma_total - digamma_of(alpha[k]) + mean_log[k];
      const bool held = (alpha[k] <= least && gradient < 0) || (alpha[k] >= most && gradient > 0);
      step[k] = held ? NAN : gradient;
      if (held) continue;
      const double inverse = 1 / trigamma_of(alpha[k]);
      weighted += gradient * inverse;
      weights += inverse;
      largest = std::max(largest, std::abs(gradient) * alpha[k]);
    }
    if (!(largest > 1e-13)) break;
    const double shared = curvature * weighted / (1 - curvature * weights);
    for (std::size_t k = 0; k < n; ++k) step[k] = std::isnan(step[k]) ? 0 : (step[k] + shared) / trigamma_of(alpha[k]);
    bool better = false;
    double length = 1;
    for (int halving = 0; halving < kMostHalvings && !better; ++halving, length /= 2) {
      // No further down than a tenth at once: where alpha is small Newton's step overshoots zero.
      for (std::size_t k = 0; k < n; ++k)
        next[k] = std::clamp(std::max(alpha[k] + length * step[k], alpha[k] / 10), least, most);
      const double there = objective(next, mean_log);
      better = there > value;
      if (better) value = there;
    }
    if (!better) break;  // by rounding no better
    alpha.swap(next);
  }
  return alpha;
}

}  // namespace velbo::internal
