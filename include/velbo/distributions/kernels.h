// velbo/distributions/kernels.h - terms that several densities have in common.  Of numbers; see velbo/distributions.h.
#pragma once
#include <cmath>

#include "velbo/functions.h"
#include "velbo/gamma_functions.h"
#include "velbo/host_device.h"
#include "velbo/scalar.h"

namespace velbo::internal {

// n log x with 0 log 0 = 0.
template <class T>
VELBO_HOST_DEVICE T times_log(T n, T x) {
  return n == 0 ? T(0) : n * number_log(x);
}

// log(1 + w^2) and w / (1 + w^2), where w^2 may overflow.
template <class T>
VELBO_HOST_DEVICE T log1p_square(T w) {
  return std::fabs(w) < T(1e8) ? number_log1p(w * w) : 2 * number_log(std::fabs(w));
}
template <class T>
VELBO_HOST_DEVICE T over_1p_square(T w) {
  return std::fabs(w) < T(1e8) ? w / (1 + w * w) : 1 / w;
}

// log(m^(a - 1) e^-m / Gamma(a)), a > 0: the Poisson probability of a - 1, the gamma density of m.
template <class T>
VELBO_HOST_DEVICE T log_poisson_of(T a, T m, T log_m) {
  const T k = a - 1;
  if (k >= kStirlingFrom<T> && std::fabs(m - k) < T(0.25) * k)
    return k * log1p_minus((m - k) / k) - stirling_series(k) - T(0.5) * number_log(k) - kHalfLogTwoPi<T>;
  return (k == 0 ? T(0) : k * log_m) - m - log_gamma_of(a);
}

// Whether log_binomial_near() is for these.
template <class T>
VELBO_HOST_DEVICE bool is_near(T a, T b, T excess) {
  const T smaller = a < b ? a : b;
  return smaller >= kStirlingFrom<T> && std::fabs(excess) < T(0.25) * smaller;
}

// log(C(a + b, a) p^a (1 - p)^b) with p = (a + excess) / (a + b): a and b at least kStirlingFrom, not necessarily whole.
template <class T>
VELBO_HOST_DEVICE T log_binomial_near(T a, T b, T excess) {
  const T n = a + b;
  return a * log1p_minus(excess / a) + b * log1p_minus(-excess / b) + stirling_series(n) - stirling_series(a) -
         stirling_series(b) - T(0.5) * (number_log(a) + number_log(b / n)) - kHalfLogTwoPi<T>;
}

}  // namespace velbo::internal
