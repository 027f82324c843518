// math/prior_terms.h - expected log prior densities of one latent, for host and device: prior_expectations.h without its
// constants, and without its refusals.
#pragma once
#include <math.h>  // NOLINT: the functions that both host and device have, by their plain names

#include "math/expectations.h"
#include "velbo/math/elementary.h"
#include "velbo/prior.h"

namespace velbo::internal {
namespace prior_terms {

inline constexpr double kPi = 3.14159265358979323846, kRootTwo = 1.41421356237309504880;
inline constexpr double kInverseRootTwoPi = 0.39894228040143267794;

VELBO_HD double square(double x) { return x * x; }

VELBO_HD double degrees_of_freedom(const Prior& prior) {
  return prior.kind == Prior::Kind::cauchy || prior.kind == Prior::Kind::half_cauchy ? 1.0 : prior.df;
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
VELBO_HD Expectation<double> expect(const F& f, double mean, double sd, double pole_re, double pole_im) {
  const double none = (mean - mean) + (sd - sd);  // 0, or NaN where either is not finite
  if (!(none == 0)) return {none, none, none};
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
  if (ratio <= 1 || fabs(offset) > 7.5) {
    const double fine = fabs(offset) > 7.5 ? 1.0 : 2 * kPi / (28 * ratio);
    const double step = min_of(0.5, fine);
    const int n = static_cast<int>(ceil(reach / step));
    for (int k = -n; k <= n; ++k) add(mean + sd * step * k, exp(-0.5 * square(step * k)));
  } else {
    constexpr double step = 0.07;
    const double low = asinh((offset - reach) * ratio), high = asinh((offset + reach) * ratio);
    const int n = static_cast<int>(ceil((high - low) / step));
    for (int k = 0; k <= n; ++k) {
      const double v = low + step * k, x = sinh(v);
      add(pole_re + pole_im * x, cosh(v) * exp(-0.5 * square(x / ratio - offset)));
    }
  }
  return {sum.value / total, sum.d_mean / total, sum.curvature / total};
}

struct Derivatives {
  double value, first, second;
};

// log(1 + ((x - location) / width)^2)
VELBO_HD Derivatives log_one_plus_square(double x, double location, double width) {
  const double t = (x - location) / width, q = hypot(1.0, t);
  const double sine = t / q, cosine = 1 / q;
  return {fabs(t) < 1 ? log1p(t * t) : 2 * log(q), 2 * sine * cosine / width,
          2 * square(cosine) * (square(cosine) - square(sine)) / square(width)};
}

// The same of x = e^u, differentiated in u; written with quotients that stay finite when e^u overflows a square.
VELBO_HD Derivatives log_one_plus_square_of_exp(double u, double location, double width) {
  const double w = exp(min_of(u, 700.0)), t = (w - location) / width;
  const double q = hypot(width, w - location);
  const double p = w / q, sine = (w - location) / q, cosine = width / q, at = location / q;
  return {fabs(t) < 1 ? log1p(t * t) : 2 * log(q / width), 2 * p * sine,
          2 * p * ((2 * p - at) * square(cosine) - at * square(sine))};
}

// scale * e, plus a constant.
VELBO_HD Expectation<double> affine(double constant, double scale, const Expectation<double>& e) {
  return {constant + scale * e.value, scale * e.d_mean, scale * e.curvature};
}

// E |x|, x ~ N(mean, sd^2): the folded normal distribution's mean (Leone, Nelson & Nottingham 1961).
VELBO_HD Expectation<double> expected_absolute(double mean, double sd) {
  if (sd == 0) return {fabs(mean), mean > 0 ? 1.0 : (mean < 0 ? -1.0 : 0.0), 0};
  const double t = mean / sd, sign = erf(t / kRootTwo);
  const double density = exp(-0.5 * t * t) * kInverseRootTwoPi;
  return {mean * sign + 2 * sd * density, sign, -2 * density / sd};
}

// E e^(k u), u ~ N(mean, sd^2), differentiated in mean.
VELBO_HD Expectation<double> expected_power(double k, double mean, double sd) {
  const double value = exp(min_of(k * mean + 0.5 * square(k * sd), 700.0));
  return {value, k * value, -k * k * value};
}

// E |e^u - location|, from E e^u 1[u > log location] = E e^u Phi(d + sd) (Black & Scholes 1973).
VELBO_HD Expectation<double> expected_absolute_of_exp(double location, double mean, double sd) {
  const Expectation<double> power = expected_power(1, mean, sd);
  if (location <= 0) return {power.value - location, power.d_mean, power.curvature};
  const double distance = mean - log(location);
  if (sd == 0) {
    const double sign = distance > 0 ? 1.0 : (distance < 0 ? -1.0 : 0.0);
    return {sign * (power.value - location), sign * power.value, -sign * power.value};
  }
  const double d = distance / sd;
  const double above = erf((d + sd) / kRootTwo), at = erf(d / kRootTwo);
  const double density = exp(-0.5 * square(d + sd)) * kInverseRootTwoPi;
  return {power.value * above - location * at, power.value * above, -power.value * (above + 2 * density / sd)};
}

// E log(1 + (e^u / width)^2) is a softplus of 2 u - 2 log width.
VELBO_HD Expectation<double> expected_log_one_plus_square_of_exp(double width, double mean, double sd) {
  const auto e = logistic_expectation(2 * (mean - log(width)), 2 * sd);
  return {e.softplus, 2 * e.sigmoid, -4 * e.slope};
}

}  // namespace prior_terms

// Of a coefficient; `constant` is log_prior_constant().  NaN for the priors of a positive quantity.
VELBO_HD Expectation<double> expected_prior_term(const Prior& prior, double constant, double mean, double sd) {
  using namespace prior_terms;
  using Kind = Prior::Kind;
  const double precision = 1 / square(prior.scale);
  switch (prior.kind) {
    case Kind::flat: return {0, 0, 0};
    case Kind::normal: {
      const double d = mean - prior.location;
      return {constant - 0.5 * precision * (d * d + sd * sd), -precision * d, precision};
    }
    case Kind::laplace: return affine(constant, -1 / prior.scale, expected_absolute(mean - prior.location, sd));
    case Kind::student_t:
    case Kind::cauchy: {
      const double df = degrees_of_freedom(prior), width = prior.scale * sqrt(df);
      const auto f = [&](double x) { return log_one_plus_square(x, prior.location, width); };
      return affine(constant, -0.5 * (df + 1), expect(f, mean, sd, prior.location, width));
    }
    default: {
      const double none = sqrt(-1.0);
      return {none, none, none};
    }
  }
}

// Of a positive parameter e^u, u ~ N(mean, sd^2).
VELBO_HD Expectation<double> expected_positive_prior_term(const Prior& prior, double constant, double mean, double sd) {
  using namespace prior_terms;
  using Kind = Prior::Kind;
  const double precision = 1 / square(prior.scale);
  switch (prior.kind) {
    case Kind::flat: return {0, 0, 0};
    case Kind::exponential: return affine(constant, -1 / prior.scale, expected_power(1, mean, sd));
    case Kind::gamma: {
      const Expectation<double> e = affine(constant, -1 / prior.scale, expected_power(1, mean, sd));
      return {e.value + (prior.df - 1) * mean, e.d_mean + (prior.df - 1), e.curvature};
    }
    case Kind::normal:
    case Kind::half_normal: {
      const Expectation<double> e = expected_power(2, mean, sd), first = expected_power(1, mean, sd);
      const double location = prior.location;
      return affine(constant - 0.5 * precision * square(location), -0.5 * precision,
                    {e.value - 2 * location * first.value, e.d_mean - 2 * location * first.d_mean,
                     e.curvature - 2 * location * first.curvature});
    }
    case Kind::laplace: return affine(constant, -1 / prior.scale, expected_absolute_of_exp(prior.location, mean, sd));
    default: {  // student_t, cauchy and their halves
      const double df = degrees_of_freedom(prior), width = prior.scale * sqrt(df);
      if (prior.location == 0)
        return affine(constant, -0.5 * (df + 1), expected_log_one_plus_square_of_exp(width, mean, sd));
      // Singular where e^u = location +- i width.
      const auto f = [&](double u) { return log_one_plus_square_of_exp(u, prior.location, width); };
      return affine(constant, -0.5 * (df + 1),
                    expect(f, mean, sd, log(hypot(prior.location, width)), atan2(width, prior.location)));
    }
  }
}

}  // namespace velbo::internal
