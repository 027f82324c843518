#include "math/prior_expectations.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "math/special.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

using Kind = Prior::Kind;

double square(double x) { return x * x; }

// log of Gamma((df + 1) / 2) / (Gamma(df / 2) sqrt(df pi)).
double student_t_constant(double df) {
  const double a = 0.5 * df;
  // The difference of the two log Gamma functions cancels for large df; there its series (DLMF 5.11.13).
  const double ratio =
      a > 1e3 ? 0.5 * std::log(a) - 1 / (8 * a) + 1 / (192 * a * a * a) : log_gamma(a + 0.5) - log_gamma(a);
  return ratio - 0.5 * std::log(df * std::numbers::pi);
}

double degrees_of_freedom(const Prior& prior) {
  return prior.kind == Kind::cauchy || prior.kind == Kind::half_cauchy ? 1.0 : prior.df;
}

// log P(X > 0) for the priors of the whole line.
double log_mass_above_zero(const Prior& prior) {
  const double t = prior.location / prior.scale;
  switch (prior.kind) {
    case Kind::normal: return log_normal_cdf(t);
    case Kind::laplace: return t >= 0 ? std::log1p(-0.5 * std::exp(-t)) : t - std::numbers::ln2;
    case Kind::student_t:
    case Kind::cauchy: return log_student_t_cdf(t, degrees_of_freedom(prior));
    default: return 0;
  }
}

// Expectation under N(mean, sd^2) of a function f(x), returning {value, f', f''}, that is analytic but for
// singularities on the line Re x = pole_re at and beyond the distance pole_im from the real axis, and grows at most
// polynomially.
//
// Trapezoid rule in z = (x - mean) / sd; its error is exp(-2 pi^2 / h^2) + exp(-2 pi pole_im / (sd h)) times the
// density at the pole (Trefethen & Weideman 2014).  Where the pole is too near for that, x = pole_re + pole_im sinh(v)
// moves it to Im v = pi / 2 and spaces the nodes like the function's own scale; about 350 nodes for
// sd / pole_im = 1e4.
template <class F>
Expectation<double> expect(const F& f, double mean, double sd, double pole_re, double pole_im) {
  if (!std::isfinite(mean) || !std::isfinite(sd)) {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    return {none, none, none};
  }
  if (sd == 0) {
    const auto [value, first, second] = f(mean);
    return {value, first, -second};
  }
  constexpr double reach = 8.6;  // exp(-reach^2 / 2) = 1e-16
  double total = 0;
  Expectation<double> sum{0, 0, 0};
  const auto add = [&](double x, double weight) {
    const auto [value, first, second] = f(x);
    total += weight;
    sum.value += weight * value;
    sum.d_mean += weight * first;
    sum.curvature -= weight * second;
  };
  const double ratio = sd / pole_im, offset = (mean - pole_re) / sd;
  if (ratio <= 1 || std::fabs(offset) > 7.5) {
    const double fine = std::fabs(offset) > 7.5 ? 1.0 : 2 * std::numbers::pi / (28 * ratio);
    const double step = std::min(0.5, fine);
    const int n = static_cast<int>(std::ceil(reach / step));
    for (int k = -n; k <= n; ++k) add(mean + sd * step * k, std::exp(-0.5 * square(step * k)));
  } else {
    constexpr double step = 0.07;
    const double low = std::asinh((offset - reach) * ratio), high = std::asinh((offset + reach) * ratio);
    const int n = static_cast<int>(std::ceil((high - low) / step));
    for (int k = 0; k <= n; ++k) {
      const double v = low + step * k, x = std::sinh(v);
      add(pole_re + pole_im * x, std::cosh(v) * std::exp(-0.5 * square(x / ratio - offset)));
    }
  }
  return {sum.value / total, sum.d_mean / total, sum.curvature / total};
}

struct Derivatives {
  double value, first, second;
};

// log(1 + ((x - location) / width)^2)
Derivatives log_one_plus_square(double x, double location, double width) {
  const double t = (x - location) / width, q = std::hypot(1.0, t);
  const double sine = t / q, cosine = 1 / q;
  return {std::fabs(t) < 1 ? std::log1p(t * t) : 2 * std::log(q), 2 * sine * cosine / width,
          2 * square(cosine) * (square(cosine) - square(sine)) / square(width)};
}

// The same of x = e^u, differentiated in u; written with quotients that stay finite when e^u overflows a square.
Derivatives log_one_plus_square_of_exp(double u, double location, double width) {
  const double w = std::exp(std::min(u, 700.0)), t = (w - location) / width;
  const double q = std::hypot(width, w - location);
  const double p = w / q, sine = (w - location) / q, cosine = width / q, at = location / q;
  return {std::fabs(t) < 1 ? std::log1p(t * t) : 2 * std::log(q / width), 2 * p * sine,
          2 * p * ((2 * p - at) * square(cosine) - at * square(sine))};
}

// scale * e, plus a constant.
Expectation<double> affine(double constant, double scale, const Expectation<double>& e) {
  return {constant + scale * e.value, scale * e.d_mean, scale * e.curvature};
}

// E |x|, x ~ N(mean, sd^2): the folded normal distribution's mean (Leone, Nelson & Nottingham 1961).
Expectation<double> expected_absolute(double mean, double sd) {
  if (sd == 0) return {std::fabs(mean), mean > 0 ? 1.0 : (mean < 0 ? -1.0 : 0.0), 0};
  const double t = mean / sd, sign = std::erf(t / std::numbers::sqrt2);
  const double density = std::exp(-0.5 * t * t) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
  return {mean * sign + 2 * sd * density, sign, -2 * density / sd};
}

// E e^(k u), u ~ N(mean, sd^2), differentiated in mean.
Expectation<double> expected_power(double k, double mean, double sd) {
  const double value = std::exp(std::min(k * mean + 0.5 * square(k * sd), 700.0));
  return {value, k * value, -k * k * value};
}

// E |e^u - location|, from E e^u 1[u > log location] = E e^u Phi(d + sd) (Black & Scholes 1973).
Expectation<double> expected_absolute_of_exp(double location, double mean, double sd) {
  const Expectation<double> power = expected_power(1, mean, sd);
  if (location <= 0) return {power.value - location, power.d_mean, power.curvature};
  const double distance = mean - std::log(location);
  if (sd == 0) {
    const double sign = distance > 0 ? 1.0 : (distance < 0 ? -1.0 : 0.0);
    return {sign * (power.value - location), sign * power.value, -sign * power.value};
  }
  const double d = distance / sd;
  const double above = std::erf((d + sd) / std::numbers::sqrt2), at = std::erf(d / std::numbers::sqrt2);
  const double density = std::exp(-0.5 * square(d + sd)) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
  return {power.value * above - location * at, power.value * above, -power.value * (above + 2 * density / sd)};
}

// E log(1 + (e^u / width)^2) is a softplus of 2 u - 2 log width.
Expectation<double> expected_log_one_plus_square_of_exp(double width, double mean, double sd) {
  const auto e = logistic_expectation(2 * (mean - std::log(width)), 2 * sd);
  return {e.softplus, 2 * e.sigmoid, -4 * e.slope};
}

}  // namespace

double log_prior_constant(const Prior& prior, bool positive) {
  constexpr double half_log_two_pi = 0.91893853320467274178;
  const double log_scale = std::log(prior.scale);
  const double cut = positive ? log_mass_above_zero(prior) : 0.0;
  switch (prior.kind) {
    case Kind::flat: return 0;
    case Kind::normal: return -half_log_two_pi - log_scale - cut;
    case Kind::half_normal: return std::numbers::ln2 - half_log_two_pi - log_scale;
    case Kind::student_t:
    case Kind::cauchy: return student_t_constant(degrees_of_freedom(prior)) - log_scale - cut;
    case Kind::half_student_t:
    case Kind::half_cauchy: return std::numbers::ln2 + student_t_constant(degrees_of_freedom(prior)) - log_scale;
    case Kind::laplace: return -std::numbers::ln2 - log_scale - cut;
    case Kind::exponential: return -log_scale;
  }
  throw Error(ErrorCode::internal, "unknown kind of prior");
}

double log_prior_kernel(const Prior& prior, double x) {
  const double t = (x - prior.location) / prior.scale;
  switch (prior.kind) {
    case Kind::flat: return 0;
    case Kind::normal:
    case Kind::half_normal: return -0.5 * t * t;
    case Kind::student_t:
    case Kind::cauchy:
    case Kind::half_student_t:
    case Kind::half_cauchy: {
      const double df = degrees_of_freedom(prior);
      return -0.5 * (df + 1) * log_one_plus_square(x, prior.location, prior.scale * std::sqrt(df)).value;
    }
    case Kind::laplace: return -std::fabs(t);
    case Kind::exponential: return -t;
  }
  throw Error(ErrorCode::internal, "unknown kind of prior");
}

Expectation<double> expected_log_prior(const Prior& prior, double mean, double sd) {
  const double constant = log_prior_constant(prior, false), precision = 1 / square(prior.scale);
  switch (prior.kind) {
    case Kind::flat: return {0, 0, 0};
    case Kind::normal: {
      const double d = mean - prior.location;
      return {constant - 0.5 * precision * (d * d + sd * sd), -precision * d, precision};
    }
    case Kind::laplace: return affine(constant, -1 / prior.scale, expected_absolute(mean - prior.location, sd));
    case Kind::student_t:
    case Kind::cauchy: {
      const double df = degrees_of_freedom(prior), width = prior.scale * std::sqrt(df);
      const auto f = [&](double x) { return log_one_plus_square(x, prior.location, width); };
      return affine(constant, -0.5 * (df + 1), expect(f, mean, sd, prior.location, width));
    }
    default:
      throw Error(ErrorCode::argument, prior.text() + " is a prior for a positive parameter, not for a coefficient");
  }
}

Expectation<double> expected_log_positive_prior(const Prior& prior, double mean, double sd) {
  const double constant = log_prior_constant(prior, true), precision = 1 / square(prior.scale);
  switch (prior.kind) {
    case Kind::flat: return {0, 0, 0};
    case Kind::exponential: return affine(constant, -1 / prior.scale, expected_power(1, mean, sd));
    case Kind::normal:
    case Kind::half_normal: {
      const Expectation<double> e = expected_power(2, mean, sd), first = expected_power(1, mean, sd);
      const double location = prior.location;
      return affine(constant - 0.5 * precision * square(location), -0.5 * precision,
                    {e.value - 2 * location * first.value, e.d_mean - 2 * location * first.d_mean,
                     e.curvature - 2 * location * first.curvature});
    }
    case Kind::laplace: return affine(constant, -1 / prior.scale, expected_absolute_of_exp(prior.location, mean, sd));
    case Kind::student_t:
    case Kind::cauchy:
    case Kind::half_student_t:
    case Kind::half_cauchy: {
      const double df = degrees_of_freedom(prior), width = prior.scale * std::sqrt(df);
      if (prior.location == 0)
        return affine(constant, -0.5 * (df + 1), expected_log_one_plus_square_of_exp(width, mean, sd));
      // Singular where e^u = location +- i width.
      const auto f = [&](double u) { return log_one_plus_square_of_exp(u, prior.location, width); };
      return affine(
          constant, -0.5 * (df + 1),
          expect(f, mean, sd, std::log(std::hypot(prior.location, width)), std::atan2(width, prior.location)));
    }
  }
  throw Error(ErrorCode::internal, "unknown kind of prior");
}

}  // namespace velbo::internal
