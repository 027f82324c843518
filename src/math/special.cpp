#include "math/special.h"

#include <cmath>
#include <limits>

#include "velbo/distributions/kernels.h"
#include "velbo/gamma_functions.h"
#include "velbo/math/elementary.h"

namespace velbo::internal {

double log_gamma(double x) { return log_gamma_of(x); }

double log_choose(double n, double k) {
  if (k == 0.0 || k == n) return 0.0;
  return log_gamma(n + 1) - log_gamma(k + 1) - log_gamma(n - k + 1);
}

double log_normal_cdf(double x) {
  constexpr double shift = constants::mills_shift_double;
  const double a = std::fabs(x);
  const double mills = elementary::mills_double((a - shift) / (a + shift)) / (a + shift);
  return x > 0 ? std::log1p(-std::exp(-0.5 * a * a) * mills) : std::log(mills) - 0.5 * a * a;
}

namespace {

// Continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz's method; converges fast for
// x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr double tiny = 1e-300;
  const auto away_from_zero = [](double v) { return std::fabs(v) < tiny ? tiny : v; };
  double c = 1.0, d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0)), value = d;
  for (int m = 1; m < 10000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1.0 / away_from_zero(1.0 + even * d);
    c = away_from_zero(1.0 + even / c);
    value *= c * d;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1.0 / away_from_zero(1.0 + odd * d);
    c = away_from_zero(1.0 + odd / c);
    value *= c * d;
    if (std::fabs(c * d - 1.0) < std::numeric_limits<double>::epsilon()) break;
  }
  return value;
}

}  // namespace

// Below its bulk by the series DLMF 8.7.1, above by the continued fraction 8.9.2 (Lentz's method).
double incomplete_gamma(double a, double x) {
  constexpr double epsilon = std::numeric_limits<double>::epsilon(), tiny = 1e-300;
  if (!(x > 0)) return x == 0 ? 0 : x;  // NaN stays
  if (x == std::numeric_limits<double>::infinity()) return 1;
  const double front = std::exp(log_poisson_of(a + 1, x, std::log(x)));  // x^a e^-x / Gamma(a + 1)
  if (x < a + 1) {
    double term = 1, sum = 1;
    for (int n = 1; n < 100000 && term > epsilon * sum; ++n) sum += term *= x / (a + n);
    return front * sum;
  }
  double b = x + 1 - a, c = 1 / tiny, d = 1 / b, value = d;
  for (int n = 1; n < 100000; ++n) {
    const double top = -n * (n - a);
    b += 2;
    d = 1 / (std::fabs(top * d + b) < tiny ? tiny : top * d + b);
    c = std::fabs(b + top / c) < tiny ? tiny : b + top / c;
    value *= c * d;
    if (std::fabs(c * d - 1) < epsilon) break;
  }
  return 1 - front * a * value;
}

double incomplete_beta(double a, double b, double log_x, double log_rest) {
  const double x = std::exp(log_x), front = a * log_x + b * log_rest - log_beta_of(a, b);
  if (std::isnan(front)) return log_x < log_rest ? 0 : 1;  // 0 or 1 exactly
  if (x < (a + 1) / (a + b + 2)) return std::exp(front) * beta_fraction(a, b, x) / a;
  return 1 - std::exp(front) * beta_fraction(b, a, std::exp(log_rest)) / b;
}

// P(T <= -|x|) = I_w(df/2, 1/2) / 2 with w = df / (df + x^2)  (DLMF 8.17, Abramowitz & Stegun 26.7.1).
double log_student_t_cdf(double x, double df) {
  const double a = 0.5 * df, b = 0.5;
  const double square = x * x / df;
  // log w and log (1 - w), without cancellation or overflow at either end.
  const double log_w = std::fabs(x) < 1e150 ? -std::log1p(square) : std::log(df) - 2 * std::log(std::fabs(x));
  const double log_rest = log_w + std::log(square);
  const double log_beta = log_gamma(a) + log_gamma(b) - log_gamma(a + b);
  double log_tail = std::log(0.5);
  if (x != 0.0) {
    const double w = std::exp(log_w);
    if (w < (a + 1) / (a + b + 2)) {
      log_tail += a * log_w + b * log_rest - log_beta + std::log(beta_fraction(a, b, w) / a);
    } else {
      const double rest = std::exp(log_rest);
      log_tail += std::log1p(-std::exp(a * log_w + b * log_rest - log_beta) * beta_fraction(b, a, rest) / b);
    }
  }
  return x > 0 ? std::log1p(-std::exp(log_tail)) : log_tail;
}

// By halving, down to neighbouring numbers.
double student_t_quantile(double p, double df) {
  if (p > 0.5) return -student_t_quantile(1 - p, df);
  const double target = std::log(p);
  const auto log_cdf = [df](double x) { return std::isinf(df) ? log_normal_cdf(x) : log_student_t_cdf(x, df); };
  double low = -1, high = 0;
  while (log_cdf(low) > target) {
    high = low;
    low *= 2;
  }
  for (int i = 0; i < 200; ++i) {
    const double middle = low + 0.5 * (high - low);
    if (middle == low || middle == high) break;
    (log_cdf(middle) > target ? high : low) = middle;
  }
  return high;
}

double student_t_sd(double df) {
  if (std::isinf(df)) return 1;
  return df > 2 ? std::sqrt(df / (df - 2)) : std::numeric_limits<double>::infinity();
}

}  // namespace velbo::internal
