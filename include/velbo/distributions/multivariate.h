// velbo/distributions/multivariate.h - densities of vectors and of correlation matrices.
//
// Matrices are [n, n], row-major; of a lower triangular one the part above the diagonal is never read.
// Conventions and errors: velbo/distributions.h.
#pragma once
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "velbo/functions.h"
#include "velbo/gamma_functions.h"
#include "velbo/host_device.h"
#include "velbo/scalar.h"

namespace velbo {
namespace internal {

// How far the sum of a simplex, and the square of a row of a correlation's factor, may be from 1.
template <class T>
inline constexpr T kUnitTolerance = std::is_same_v<T, float> ? T(1e-3) : T(1e-8);

}  // namespace internal

// Gamma(sum alpha) prod_k theta[k]^(alpha[k] - 1) / Gamma(alpha[k]); theta and alpha [size], theta on the simplex.  The
// density is that of all elements but one.
template <internal::AnyScalar Theta, internal::AnyScalar Alpha>
VELBO_HOST_DEVICE promoted_t<Theta, Alpha> dirichlet_lpdf(const Theta* theta, const Alpha* alpha, std::int64_t size) {
  using R = promoted_t<Theta, Alpha>;
  using T = real_t<R>;
  T sum_alpha = 0, sum_theta = 0, smallest = 0;
  for (std::int64_t k = 0; k < size; ++k) {
    const T at = internal::number_of<T>(theta[k]), a = internal::number_of<T>(alpha[k]);
    if (!internal::is_positive(a) || at != at) return R(internal::kNaN<T>);
    sum_alpha += a;
    sum_theta += at;
    if (at < smallest) smallest = at;
  }
  if (smallest < 0 || !(std::fabs(sum_theta - 1) <= internal::kUnitTolerance<T>)) return R(-internal::kInfinity<T>);
  T value = internal::log_gamma_of(sum_alpha), by_sum = 0;
  for (std::int64_t k = 0; k < size; ++k) {
    const T at = internal::number_of<T>(theta[k]), a = internal::number_of<T>(alpha[k]);
    value += (a == 1 ? T(0) : (a - 1) * internal::number_log(at)) - internal::log_gamma_of(a);
  }
  R out(value);
  if constexpr (Differentiable<Alpha>) by_sum = internal::digamma_of(sum_alpha);
  for (std::int64_t k = 0; k < size; ++k) {
    const T at = internal::number_of<T>(theta[k]), a = internal::number_of<T>(alpha[k]);
    if constexpr (Differentiable<Theta>) out += chain(theta[k], a == 1 ? T(0) : (a - 1) / at, T(0));
    if constexpr (Differentiable<Alpha>)
      out += chain(alpha[k], by_sum + internal::number_log(at) - internal::digamma_of(a), T(0));
  }
  return out;
}

// The normal density of y [n] with mean mu [n] and covariance L L', L = lower [n, n].  workspace [n] is written.
template <internal::AnyScalar Y, internal::AnyScalar Mu, internal::AnyScalar L>
VELBO_HOST_DEVICE promoted_t<Y, Mu, L> multi_normal_cholesky_lpdf(const Y* y, const Mu* mu, const L* lower,
                                                                  std::int64_t n, real_t<Y, Mu, L>* workspace) {
  using R = promoted_t<Y, Mu, L>;
  using T = real_t<R>;
  T* const z = workspace;  // L^-1 (y - mu)
  T value = -static_cast<T>(n) * internal::kHalfLogTwoPi<T>;
  for (std::int64_t i = 0; i < n; ++i) {
    const L* const row = lower + i * n;
    const T diagonal = internal::number_of<T>(row[i]), center = internal::number_of<T>(mu[i]);
    if (!internal::is_positive(diagonal) || !internal::is_finite(center)) return R(internal::kNaN<T>);
    T rest = internal::number_of<T>(y[i]) - center;
    for (std::int64_t j = 0; j < i; ++j) rest -= internal::number_of<T>(row[j]) * z[j];
    z[i] = rest / diagonal;
    value -= T(0.5) * z[i] * z[i] + internal::number_log(diagonal);
  }
  R out(value);
  if constexpr (Differentiable<R>) {
    // v = L'^-1 z from the end, in place: row i of L needs v[i] and the elements of z up to i.
    for (std::int64_t i = n; i-- > 0;) {
      const L* const row = lower + i * n;
      const T inverse = 1 / internal::number_of<T>(row[i]), own = z[i];
      T rest = own;
      for (std::int64_t j = i + 1; j < n; ++j) rest -= internal::number_of<T>(lower[j * n + i]) * z[j];
      const T v = rest * inverse;
      internal::add_partials(out, y[i], -v, mu[i], v, row[i], v * own - inverse);
      if constexpr (Differentiable<L>) {
        for (std::int64_t j = 0; j < i; ++j) out += chain(row[j], v * z[j], T(0));
      }
      z[i] = v;
    }
  }
  return out;
}
// The same for an n that the compiler knows, without a workspace.
template <int n, internal::AnyScalar Y, internal::AnyScalar Mu, internal::AnyScalar L>
VELBO_HOST_DEVICE promoted_t<Y, Mu, L> multi_normal_cholesky_lpdf(const Y* y, const Mu* mu, const L* lower) {
  real_t<Y, Mu, L> workspace[n];
  return velbo::multi_normal_cholesky_lpdf(y, mu, lower, n, workspace);
}

// The density of Lewandowski, Kurowicka and Joe 2009, proportional to det(L L')^(eta - 1) in the correlations, as that of
// the elements of L = lower [n, n] below the diagonal: prod_k L[k, k]^(n - k + 2 (eta - 1)) / Z with k = 2 .. n.  L is the
// Cholesky factor of a correlation matrix: its rows have length 1, the first is (1).
//
// Row k = m + 1 is uniform but for a power of 1 - |x|^2 on the ball of m dimensions, whose integral is
// pi^(m/2) Gamma(eta + (n - 1 - m) / 2) / Gamma(eta + (n - 1) / 2); Z is their product over m = 1 .. n - 1.
template <internal::AnyScalar L, internal::AnyScalar Eta>
VELBO_HOST_DEVICE promoted_t<L, Eta> lkj_corr_cholesky_lpdf(const L* lower, std::int64_t n, const Eta& eta) {
  using R = promoted_t<L, Eta>;
  using T = real_t<R>;
  const T shape = internal::number_of<T>(eta), log_pi = T(1.14472988584940017414);
  if (!internal::is_positive(shape)) return R(internal::kNaN<T>);
  bool inside = true;
  for (std::int64_t i = 0; i < n; ++i) {
    T squares = 0;
    for (std::int64_t j = 0; j <= i; ++j)
      squares += internal::number_of<T>(lower[i * n + j]) * internal::number_of<T>(lower[i * n + j]);
    if (squares != squares) return R(internal::kNaN<T>);
    inside = inside && internal::number_of<T>(lower[i * n + i]) >= 0 &&
             std::fabs(squares - 1) <= internal::kUnitTolerance<T>;
  }
  if (!inside) return R(-internal::kInfinity<T>);
  const T half_last = T(0.5) * static_cast<T>(n - 1), log_gamma_last = internal::log_gamma_of(shape + half_last);
  T value = 0, by_eta = 0, digamma_last = 0;
  if constexpr (Differentiable<Eta>) digamma_last = internal::digamma_of(shape + half_last);
  for (std::int64_t m = 1; m < n; ++m) {
    const T diagonal = internal::number_of<T>(lower[m * n + m]), log_diagonal = internal::number_log(diagonal);
    const T power = static_cast<T>(n - 1 - m) + 2 * (shape - 1);
    const T argument = shape + half_last - T(0.5) * static_cast<T>(m);
    value += (power == 0 ? T(0) : power * log_diagonal) - T(0.5) * static_cast<T>(m) * log_pi + log_gamma_last -
             internal::log_gamma_of(argument);
    if constexpr (Differentiable<Eta>) by_eta += 2 * log_diagonal + digamma_last - internal::digamma_of(argument);
  }
  R out = internal::with_partials<R>(value, eta, by_eta);
  if constexpr (Differentiable<L>) {
    for (std::int64_t m = 1; m < n; ++m) {
      const L& diagonal = lower[m * n + m];
      const T power = static_cast<T>(n - 1 - m) + 2 * (shape - 1);
      out += chain(diagonal, power == 0 ? T(0) : power / value_of(diagonal), T(0));
    }
  }
  return out;
}

}  // namespace velbo
