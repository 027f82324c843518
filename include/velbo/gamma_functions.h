// velbo/gamma_functions.h - log Gamma, its derivatives, and differences of it that keep their digits.
//
// Stirling's series (NIST DLMF 5.11) behind the recurrence Gamma(x + 1) = x Gamma(x).  For numbers x > 0; no globals are
// written, unlike by std::lgamma, so any number of threads may call them.  Of scalars with derivatives: velbo/functions.h.
#pragma once
#include <cmath>
#include <type_traits>

#include "velbo/host_device.h"
#include "velbo/scalar.h"

namespace velbo::internal {

// From here on the series have all the digits that T has.
template <class T>
inline constexpr T kStirlingFrom = std::is_same_v<T, float> ? T(4) : T(10);

// log Gamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2)  (DLMF 5.11.1), x >= kStirlingFrom.
template <class T>
VELBO_HOST_DEVICE T stirling_series(T x) {
  const T inverse = 1 / x, square = inverse * inverse;
  return inverse *
         (T(1.0 / 12) +
          square *
              (T(-1.0 / 360) +
               square * (T(1.0 / 1260) +
                         square * (T(-1.0 / 1680) +
                                   square * (T(1.0 / 1188) +
                                             square * (T(-691.0 / 360360) +
                                                       square * (T(1.0 / 156) + square * T(-3617.0 / 122400))))))));
}

template <class T>
VELBO_HOST_DEVICE T log_gamma_of(T x) {
  if (x == 1 || x == 2) return 0;
  if (!(x >= 0)) return kNaN<T>;
  if (x == kInfinity<T>) return x;
  T product = 1;
  while (x < kStirlingFrom<T>) {
    product *= x;
    x += 1;
  }
  return (x - T(0.5)) * std::log(x) - x + kHalfLogTwoPi<T> + stirling_series(x) - std::log(product);
}

// log x - 1 / (2 x) - digamma(x)  (DLMF 5.11.2), x >= kStirlingFrom.
template <class T>
VELBO_HOST_DEVICE T digamma_series(T x) {
  const T inverse = 1 / x, square = inverse * inverse;
  return square *
         (T(1.0 / 12) +
          square * (T(-1.0 / 120) +
                    square * (T(1.0 / 252) +
                              square * (T(-1.0 / 240) +
                                        square * (T(1.0 / 132) +
                                                  square * (T(-691.0 / 32760) +
                                                            square * (T(1.0 / 12) + square * T(-3617.0 / 8160))))))));
}

template <class T>
VELBO_HOST_DEVICE T digamma_of(T x) {
  if (!(x >= 0)) return kNaN<T>;
  T shift = 0;
  while (x < kStirlingFrom<T>) {
    shift += 1 / x;
    x += 1;
  }
  return std::log(x) - T(0.5) / x - digamma_series(x) - shift;
}

// The derivative of the digamma function, DLMF 5.15.8 and 5.15.5.
template <class T>
VELBO_HOST_DEVICE T trigamma_of(T x) {
  if (!(x >= 0)) return kNaN<T>;
  T shift = 0;
  while (x < kStirlingFrom<T>) {
    shift += 1 / (x * x);
    x += 1;
  }
  const T inverse = 1 / x, square = inverse * inverse;
  const T series =
      square *
      (T(1.0 / 6) +
       square * (T(-1.0 / 30) +
                 square * (T(1.0 / 42) +
                           square * (T(-1.0 / 30) +
                                     square * (T(5.0 / 66) +
                                               square * (T(-691.0 / 2730) +
                                                         square * (T(7.0 / 6) + square * T(-3617.0 / 510))))))));
  return inverse * (1 + T(0.5) * inverse + series) + shift;
}

// log(1 + u) - u, u > -1.  Near 0 with r = u / (2 + u): log(1 + u) = 2 atanh(r) and 2 r - u = -r u (Loader 2000).
template <class T>
VELBO_HOST_DEVICE T log1p_minus(T u) {
  if (!(std::fabs(u) < T(0.25))) return std::log1p(u) - u;
  const T r = u / (2 + u), square = r * r;
  const T series =
      T(1.0 / 3) +
      square * (T(1.0 / 5) +
                square * (T(1.0 / 7) +
                          square * (T(1.0 / 9) +
                                    square * (T(1.0 / 11) +
                                              square * (T(1.0 / 13) +
                                                        square * (T(1.0 / 15) +
                                                                  square * (T(1.0 / 17) + square * T(1.0 / 19))))))));
  return r * (2 * square * series - u);
}

// log Gamma(x + d) - log Gamma(x) - d log x, d >= 0: small for large x, where the two log Gammas have no digits left of it.
template <class T>
VELBO_HOST_DEVICE T log_gamma_step(T x, T d) {
  const T end = x + d;
  if (x < kStirlingFrom<T>) return log_gamma_of(end) - log_gamma_of(x) - (d == 0 ? 0 : d * std::log(x));
  return (end - T(0.5)) * std::log1p(d / x) - d + (stirling_series(end) - stirling_series(x));
}

// digamma(x + d) - digamma(x) - log(1 + d / x), d >= 0.
template <class T>
VELBO_HOST_DEVICE T digamma_step(T x, T d) {
  const T end = x + d;
  if (x < kStirlingFrom<T>) return digamma_of(end) - digamma_of(x) - std::log1p(d / x);
  return T(0.5) * (d / end) / x - (digamma_series(end) - digamma_series(x));
}

// log B(a, b); d/da is -log(1 + b / a) - digamma_step(a, b).
template <class T>
VELBO_HOST_DEVICE T log_beta_of(T a, T b) {
  const T small = a < b ? a : b, large = a < b ? b : a;
  return log_gamma_of(small) - log_gamma_step(large, small) - small * std::log(large);
}

// log C(n, k), 0 <= k <= n.
template <class T>
VELBO_HOST_DEVICE T log_choose_of(T n, T k) {
  if (k == 0 || k == n) return 0;
  return -std::log(n + 1) - log_beta_of(n - k + 1, k + 1);
}

}  // namespace velbo::internal
