// velbo/distributions/continuous.h - densities on the real line, their halves on (0, inf), and on intervals.
//
// Conventions and errors: velbo/distributions.h.  z = (x - mu) / sigma throughout.
#pragma once
#include <cmath>

#include "velbo/distributions/kernels.h"
#include "velbo/functions.h"
#include "velbo/host_device.h"
#include "velbo/scalar.h"

namespace velbo {

// exp(-z^2 / 2) / (sqrt(2 pi) sigma)
template <internal::AnyLanes X, internal::AnyLanes Mu, internal::AnyLanes Sigma>
VELBO_HOST_DEVICE promoted_t<X, Mu, Sigma> normal_lpdf(const X& x, const Mu& mu, const Sigma& sigma) {
  using R = promoted_t<X, Mu, Sigma>;
  using T = real_t<R>;
  const T center = internal::number_of<T>(mu), scale = internal::number_of<T>(sigma);
  const T inverse = T(1) / scale, z = (internal::number_of<T>(x) - center) * inverse, slope = z * inverse;
  const T log_density = T(-0.5) * z * z - internal::number_log(scale) - internal::kHalfLogTwoPi<T>;
  const T value =
      internal::choose(internal::is_positive(scale) && internal::is_finite(center), log_density, T(internal::kNaN<T>));
  return internal::with_partials<R>(value, x, -slope, mu, slope, sigma, slope * z - inverse);
}

// exp(-x^2 / 2) / sqrt(2 pi)
template <internal::AnyLanes X>
VELBO_HOST_DEVICE promoted_t<X> std_normal_lpdf(const X& x) {
  using R = promoted_t<X>;
  using T = real_t<R>;
  const T z = internal::number_of<T>(x);
  return internal::with_partials<R>(T(-0.5) * z * z - internal::kHalfLogTwoPi<T>, x, -z);
}

// Gamma((nu + 1) / 2) / (Gamma(nu / 2) sqrt(pi nu) sigma) (1 + z^2 / nu)^(-(nu + 1) / 2)
template <internal::AnyScalar X, internal::AnyScalar Nu, internal::AnyScalar Mu, internal::AnyScalar Sigma>
VELBO_HOST_DEVICE promoted_t<X, Nu, Mu, Sigma> student_t_lpdf(const X& x, const Nu& nu, const Mu& mu,
                                                              const Sigma& sigma) {
  using R = promoted_t<X, Nu, Mu, Sigma>;
  using T = real_t<R>;
  const T df = internal::number_of<T>(nu), center = internal::number_of<T>(mu), scale = internal::number_of<T>(sigma);
  if (!internal::is_positive(df) || !internal::is_positive(scale) || !internal::is_finite(center))
    return R(internal::kNaN<T>);
  const T half = T(0.5) * df, inverse = 1 / (std::sqrt(df) * scale);
  const T w = (internal::number_of<T>(x) - center) * inverse, log_term = internal::log1p_square(w);
  const T value = internal::log_gamma_step(half, T(0.5)) - internal::kHalfLogTwoPi<T> - internal::number_log(scale) -
                  T(0.5) * (df + 1) * log_term;
  const T shrink = internal::over_1p_square(w), slope = (df + 1) * shrink * inverse, share = w * shrink;
  T by_nu = 0;
  if constexpr (Differentiable<Nu>) {
    // log_term = -log(1 - share), so that the three sums that cancel for large nu are taken as one.
    const T fall = share < T(0.25) ? internal::log1p_minus(-share) : share - log_term;
    by_nu = T(0.5) * (internal::digamma_step(half, T(0.5)) + internal::log1p_minus(T(0.5) / half) + fall + share / df);
  }
  return internal::with_partials<R>(value, x, -slope, nu, by_nu, mu, slope, sigma, ((df + 1) * share - 1) / scale);
}

// 1 / (pi sigma (1 + z^2))
template <internal::AnyScalar X, internal::AnyScalar Mu, internal::AnyScalar Sigma>
VELBO_HOST_DEVICE promoted_t<X, Mu, Sigma> cauchy_lpdf(const X& x, const Mu& mu, const Sigma& sigma) {
  using R = promoted_t<X, Mu, Sigma>;
  using T = real_t<R>;
  const T center = internal::number_of<T>(mu), scale = internal::number_of<T>(sigma);
  if (!internal::is_positive(scale) || !internal::is_finite(center)) return R(internal::kNaN<T>);
  const T z = (internal::number_of<T>(x) - center) / scale, shrink = 2 * internal::over_1p_square(z);
  const T slope = shrink / scale, log_pi = T(1.14472988584940017414);
  return internal::with_partials<R>(-log_pi - internal::number_log(scale) - internal::log1p_square(z), x, -slope, mu,
                                    slope, sigma, (shrink * z - 1) / scale);
}

// exp(-|z|) / (2 sigma); Stan's double_exponential.
template <internal::AnyScalar X, internal::AnyScalar Mu, internal::AnyScalar Sigma>
VELBO_HOST_DEVICE promoted_t<X, Mu, Sigma> laplace_lpdf(const X& x, const Mu& mu, const Sigma& sigma) {
  using R = promoted_t<X, Mu, Sigma>;
  using T = real_t<R>;
  const T center = internal::number_of<T>(mu), scale = internal::number_of<T>(sigma);
  if (!internal::is_positive(scale) || !internal::is_finite(center)) return R(internal::kNaN<T>);
  const T z = (internal::number_of<T>(x) - center) / scale, size = std::fabs(z);
  const T slope = (z > 0 ? T(1) : (z < 0 ? T(-1) : T(0))) / scale;
  return internal::with_partials<R>(-internal::kLogTwo<T> - internal::number_log(scale) - size, x, -slope, mu, slope,
                                    sigma, (size - 1) / scale);
}

// exp(-z) / (sigma (1 + exp(-z))^2)
template <internal::AnyScalar X, internal::AnyScalar Mu, internal::AnyScalar Sigma>
VELBO_HOST_DEVICE promoted_t<X, Mu, Sigma> logistic_lpdf(const X& x, const Mu& mu, const Sigma& sigma) {
  using R = promoted_t<X, Mu, Sigma>;
  using T = real_t<R>;
  const T center = internal::number_of<T>(mu), scale = internal::number_of<T>(sigma);
  if (!internal::is_positive(scale) || !internal::is_finite(center)) return R(internal::kNaN<T>);
  const T z = (internal::number_of<T>(x) - center) / scale, size = std::fabs(z);
  const T value = -size - internal::number_log(scale) - 2 * internal::number_log1p(internal::number_exp(-size));
  const T fall = std::tanh(T(0.5) * z);
  return internal::with_partials<R>(value, x, -fall / scale, mu, fall / scale, sigma, (z * fall - 1) / scale);
}

// ---- halves: twice the density on the positive half, location 0 ------------------------------------------------------

namespace internal {

// log 2 + value for x >= 0; NaN (of value, or of x) stays.
template <class R, class X>
VELBO_HOST_DEVICE R half_of(const X& x, const R& value) {
  using T = real_t<R>;
  if (number_of<T>(x) < 0 && number_of<T>(value) == number_of<T>(value)) return R(-kInfinity<T>);
  return value + kLogTwo<T>;
}

}  // namespace internal

template <internal::AnyScalar X, internal::AnyScalar Sigma>
VELBO_HOST_DEVICE promoted_t<X, Sigma> half_normal_lpdf(const X& x, const Sigma& sigma) {
  return internal::half_of(x, velbo::normal_lpdf(x, 0, sigma));
}
template <internal::AnyScalar X, internal::AnyScalar Sigma>
VELBO_HOST_DEVICE promoted_t<X, Sigma> half_cauchy_lpdf(const X& x, const Sigma& sigma) {
  return internal::half_of(x, velbo::cauchy_lpdf(x, 0, sigma));
}
template <internal::AnyScalar X, internal::AnyScalar Nu, internal::AnyScalar Sigma>
VELBO_HOST_DEVICE promoted_t<X, Nu, Sigma> half_student_t_lpdf(const X& x, const Nu& nu, const Sigma& sigma) {
  return internal::half_of(x, velbo::student_t_lpdf(x, nu, 0, sigma));
}

// ---- on intervals ----------------------------------------------------------------------------------------------------

// 1 / (upper - lower) on [lower, upper]
template <internal::AnyScalar X, internal::AnyScalar Lower, internal::AnyScalar Upper>
VELBO_HOST_DEVICE promoted_t<X, Lower, Upper> uniform_lpdf(const X& x, const Lower& lower, const Upper& upper) {
  using R = promoted_t<X, Lower, Upper>;
  using T = real_t<R>;
  const T at = internal::number_of<T>(x), low = internal::number_of<T>(lower), high = internal::number_of<T>(upper);
  if (!internal::is_positive(high - low) || at != at) return R(internal::kNaN<T>);
  if (at < low || at > high) return R(-internal::kInfinity<T>);
  const T density = 1 / (high - low);
  return internal::with_partials<R>(-internal::number_log(high - low), x, T(0), lower, density, upper, -density);
}

// x^(a - 1) (1 - x)^(b - 1) / B(a, b) on [0, 1]
template <internal::AnyScalar X, internal::AnyScalar A, internal::AnyScalar B>
VELBO_HOST_DEVICE promoted_t<X, A, B> beta_lpdf(const X& x, const A& a, const B& b) {
  using R = promoted_t<X, A, B>;
  using T = real_t<R>;
  const T at = internal::number_of<T>(x), p = internal::number_of<T>(a), q = internal::number_of<T>(b);
  if (!internal::is_positive(p) || !internal::is_positive(q) || at != at) return R(internal::kNaN<T>);
  if (at < 0 || at > 1) return R(-internal::kInfinity<T>);
  const T rest = 1 - at, successes = p - 1, failures = q - 1, n = successes + failures;
  const T excess = at < T(0.5) ? n * at - successes : failures - n * rest;
  const T log_rest = internal::number_log1p(-at);
  T value;
  if (internal::is_near(successes, failures, excess)) {
    value = internal::number_log1p(n) + internal::log_binomial_near(successes, failures, excess);
  } else {
    value =
        internal::times_log(successes, at) + (failures == 0 ? T(0) : failures * log_rest) - internal::log_beta_of(p, q);
  }
  const T by_x = (successes == 0 ? T(0) : successes / at) - (failures == 0 ? T(0) : failures / rest);
  T by_a = 0, by_b = 0;
  if constexpr (Differentiable<A>)
    by_a = internal::number_log(at) + internal::number_log1p(q / p) + internal::digamma_step(p, q);
  if constexpr (Differentiable<B>) by_b = log_rest + internal::number_log1p(p / q) + internal::digamma_step(q, p);
  return internal::with_partials<R>(value, x, by_x, a, by_a, b, by_b);
}

VELBO_BY_LANE(student_t_lpdf)
VELBO_BY_LANE(cauchy_lpdf)
VELBO_BY_LANE(laplace_lpdf)
VELBO_BY_LANE(logistic_lpdf)
VELBO_BY_LANE(half_normal_lpdf)
VELBO_BY_LANE(half_cauchy_lpdf)
VELBO_BY_LANE(half_student_t_lpdf)
VELBO_BY_LANE(uniform_lpdf)
VELBO_BY_LANE(beta_lpdf)

}  // namespace velbo
