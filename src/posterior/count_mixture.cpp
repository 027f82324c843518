#include "posterior/count_mixture.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "posterior/count_search.h"
#include "posterior/normal_quantile.h"
#include "velbo/math/elementary.h"

namespace velbo::internal {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Densities of T up to a factor, as logarithms relative to the mode: shape(x) at T = mode + x, with
// shape(0) = 0 = shape'(0).
struct LogGamma {
  double a;
  [[nodiscard]] double mode() const noexcept { return std::log(a); }
  [[nodiscard]] double width() const noexcept { return 1 / std::sqrt(a); }
  [[nodiscard]] double shape(double x) const noexcept { return a * (x - std::expm1(x)); }
};

struct LogitBeta {
  double a, b;
  [[nodiscard]] double mode() const noexcept { return std::log(a / b); }
  [[nodiscard]] double width() const noexcept { return std::sqrt(1 / a + 1 / b); }
  [[nodiscard]] double shape(double x) const noexcept {
    // From the nearer end, where the exponential is small.
    return x < 0 ? a * x - (a + b) * std::log1p(a / (a + b) * std::expm1(x))
                 : -b * x - (a + b) * std::log1p(b / (a + b) * std::expm1(-x));
  }
};

constexpr double negligible = -40;  // e^-40 of the mode
constexpr double certain = 8.3;     // standard normals beyond it do not show in a double

// How far the density reaches to one side of its mode (sign = -1 or 1).
template <class Density>
double reach(const Density& density, double sign) noexcept {
  double x = 9 * density.width();
  while (density.shape(sign * x) > negligible) x *= 1.3;
  return x;
}

// Nodes and weights of Gauss-Legendre with 8 points on [-1, 1] (Abramowitz & Stegun, table 25.4), the positive half.
constexpr double legendre_node[] = {0.1834346424956498049395, 0.5255324099163289858177, 0.7966664774136267395916,
                                    0.9602898564975362316836};
constexpr double legendre_weight[] = {0.3626837833783619829652, 0.3137066458778872873380, 0.2223810344533744705444,
                                      0.1012285362903762591525};

// Integral over [begin, end] in panels no longer than `panel`: adds f(x, weight) at every node.
template <class F>
void integrate(double begin, double end, double panel, const F& f) noexcept {
  if (!(begin < end)) return;
  const int n = std::max(1, static_cast<int>(std::ceil((end - begin) / panel)));
  const double half = 0.5 * (end - begin) / n;
  for (int i = 0; i < n; ++i) {
    const double centre = begin + (2 * i + 1) * half;
    for (int j = 0; j < 4; ++j) {
      f(centre - half * legendre_node[j], half * legendre_weight[j]);
      f(centre + half * legendre_node[j], half * legendre_weight[j]);
    }
  }
}

// P(T > eta), eta ~ N(m, s^2).  The density is normalised by the same panels.
template <class Density>
double probability_above(const Density& density, double m, double s) noexcept {
  const double centre = m - density.mode();  // all in x = T - mode, so that narrow densities lose no digits
  const double low = -reach(density, -1), high = reach(density, 1);
  const double step_begin = std::clamp(centre - certain * s, low, high);
  const double step_end = std::clamp(centre + certain * s, low, high);
  const double panel = 2 * density.width();
  const double inverse = s > 0 ? 1 / s : 0;
  double all = 0, above = 0;
  integrate(low, step_begin, panel, [&](double x, double w) { all += w * std::exp(density.shape(x)); });
  integrate(step_begin, step_end, std::min(panel, 2 * s), [&](double x, double w) {
    const double mass = w * std::exp(density.shape(x));
    all += mass;
    above += mass * normal_cdf((x - centre) * inverse).cdf;
  });
  integrate(step_end, high, panel, [&](double x, double w) {
    const double mass = w * std::exp(density.shape(x));
    all += mass;
    above += mass;
  });
  return above / all;
}

}  // namespace

double poisson_mixture_cdf(double k, double m, double s) noexcept { return probability_above(LogGamma{k + 1}, m, s); }

double binomial_mixture_cdf(double k, double n, double m, double s) noexcept {
  return probability_above(LogitBeta{k + 1, n - k}, m, s);
}

double poisson_mixture_quantile(double probability, double m, double s) noexcept {
  if (!std::isfinite(m) || !std::isfinite(s)) return std::numeric_limits<double>::quiet_NaN();
  const double z = normal_quantile(probability);
  double rate = std::exp(m + z * s);
  if (rate > 1e9) {
    for (int i = 0; i < 4; ++i) rate = std::exp(m + z * std::sqrt(s * s + 1 / rate));
    return std::round(rate);
  }
  const double width = std::sqrt(rate + rate * rate * s * s);
  const double guess = rate + z * std::sqrt(rate) * std::sqrt(rate) / std::max(width, 1e-300);
  return search_count(probability, guess, width, infinity, [&](double k) { return poisson_mixture_cdf(k, m, s); });
}

double binomial_mixture_quantile(double probability, double n, double m, double s) noexcept {
  if (!std::isfinite(m) || !std::isfinite(s)) return std::numeric_limits<double>::quiet_NaN();
  const double z = normal_quantile(probability);
  const Logistic<double> l = logistic(m + z * s);
  const double width = std::sqrt(n * l.slope + n * n * l.slope * l.slope * s * s);
  const double guess = n * l.sigmoid + z * n * l.slope / std::max(width, 1e-300);
  return search_count(probability, guess, width, n, [&](double k) { return binomial_mixture_cdf(k, n, m, s); });
}

}  // namespace velbo::internal
