// velbo/distributions/positive.h - densities on (0, inf).  Conventions and errors: velbo/distributions.h.
#pragma once
#include <cmath>

#include "velbo/distributions/kernels.h"
#include "velbo/functions.h"
#include "velbo/host_device.h"
#include "velbo/scalar.h"

namespace velbo {

// The exponential of a normal(mu, sigma): its density at log x, over x.
template <internal::AnyScalar X, internal::AnyScalar Mu, internal::AnyScalar Sigma>
VELBO_HOST_DEVICE promoted_t<X, Mu, Sigma> lognormal_lpdf(const X& x, const Mu& mu, const Sigma& sigma) {
  using R = promoted_t<X, Mu, Sigma>;
  using T = real_t<R>;
  const T at = internal::number_of<T>(x), center = internal::number_of<T>(mu), scale = internal::number_of<T>(sigma);
  if (!internal::is_positive(scale) || !internal::is_finite(center) || at != at) return R(internal::kNaN<T>);
  if (!internal::is_positive(at)) return R(-internal::kInfinity<T>);
  const T log_x = internal::number_log(at), inverse = 1 / scale, z = (log_x - center) * inverse, slope = z * inverse;
  const T value = T(-0.5) * z * z - internal::number_log(scale) - log_x - internal::kHalfLogTwoPi<T>;
  return internal::with_partials<R>(value, x, -(1 + slope) / at, mu, slope, sigma, slope * z - inverse);
}

// rate exp(-rate x)
template <internal::AnyScalar X, internal::AnyScalar Rate>
VELBO_HOST_DEVICE promoted_t<X, Rate> exponential_lpdf(const X& x, const Rate& rate) {
  using R = promoted_t<X, Rate>;
  using T = real_t<R>;
  const T at = internal::number_of<T>(x), r = internal::number_of<T>(rate);
  if (!internal::is_positive(r) || at != at) return R(internal::kNaN<T>);
  if (at < 0) return R(-internal::kInfinity<T>);
  return internal::with_partials<R>(internal::number_log(r) - r * at, x, -r, rate, 1 / r - at);
}

// rate^shape x^(shape - 1) exp(-rate x) / Gamma(shape)
template <internal::AnyScalar X, internal::AnyScalar Shape, internal::AnyScalar Rate>
VELBO_HOST_DEVICE promoted_t<X, Shape, Rate> gamma_lpdf(const X& x, const Shape& shape, const Rate& rate) {
  using R = promoted_t<X, Shape, Rate>;
  using T = real_t<R>;
  const T at = internal::number_of<T>(x), a = internal::number_of<T>(shape), r = internal::number_of<T>(rate);
  if (!internal::is_positive(a) || !internal::is_positive(r) || at != at) return R(internal::kNaN<T>);
  if (at < 0 || at == internal::kInfinity<T>) return R(-internal::kInfinity<T>);
  const T log_rate = internal::number_log(r), m = r * at, log_m = log_rate + internal::number_log(at);
  const T by_x = (a == 1 ? T(0) : (a - 1) / at) - r;
  T by_shape = 0;
  if constexpr (Differentiable<Shape>) by_shape = log_m - internal::digamma_of(a);
  return internal::with_partials<R>(log_rate + internal::log_poisson_of(a, m, log_m), x, by_x, shape, by_shape, rate,
                                    (a - m) / r);
}

// scale^shape x^(-shape - 1) exp(-scale / x) / Gamma(shape): the density of 1 / g, g ~ gamma(shape, rate = scale)
template <internal::AnyScalar X, internal::AnyScalar Shape, internal::AnyScalar Scale>
VELBO_HOST_DEVICE promoted_t<X, Shape, Scale> inverse_gamma_lpdf(const X& x, const Shape& shape, const Scale& scale) {
  using R = promoted_t<X, Shape, Scale>;
  using T = real_t<R>;
  const T at = internal::number_of<T>(x), a = internal::number_of<T>(shape), s = internal::number_of<T>(scale);
  if (!internal::is_positive(a) || !internal::is_positive(s) || at != at) return R(internal::kNaN<T>);
  if (!internal::is_positive(at)) return R(-internal::kInfinity<T>);
  const T log_scale = internal::number_log(s), log_x = internal::number_log(at), m = s / at, log_m = log_scale - log_x;
  T by_shape = 0;
  if constexpr (Differentiable<Shape>) by_shape = log_m - internal::digamma_of(a);
  return internal::with_partials<R>(log_scale - 2 * log_x + internal::log_poisson_of(a, m, log_m), x, (m - a - 1) / at,
                                    shape, by_shape, scale, (a - m) / s);
}

// shape / scale (x / scale)^(shape - 1) exp(-(x / scale)^shape)
template <internal::AnyScalar X, internal::AnyScalar Shape, internal::AnyScalar Scale>
VELBO_HOST_DEVICE promoted_t<X, Shape, Scale> weibull_lpdf(const X& x, const Shape& shape, const Scale& scale) {
  using R = promoted_t<X, Shape, Scale>;
  using T = real_t<R>;
  const T at = internal::number_of<T>(x), a = internal::number_of<T>(shape), s = internal::number_of<T>(scale);
  if (!internal::is_positive(a) || !internal::is_positive(s) || at != at) return R(internal::kNaN<T>);
  if (at < 0 || at == internal::kInfinity<T>) return R(-internal::kInfinity<T>);
  const T log_ratio = internal::number_log(at / s), power = std::pow(at / s, a);
  const T value = internal::number_log(a) - internal::number_log(s) + (a == 1 ? T(0) : (a - 1) * log_ratio) - power;
  const T by_x = a == 1 ? -1 / s : (a - 1 - a * power) / at;
  return internal::with_partials<R>(value, x, by_x, shape, 1 / a + log_ratio * (1 - power), scale, a * (power - 1) / s);
}

VELBO_BY_LANE(lognormal_lpdf)
VELBO_BY_LANE(exponential_lpdf)
VELBO_BY_LANE(gamma_lpdf)
VELBO_BY_LANE(inverse_gamma_lpdf)
VELBO_BY_LANE(weibull_lpdf)

}  // namespace velbo
