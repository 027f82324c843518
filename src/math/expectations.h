// expectations.h - expected log likelihoods of one row, eta ~ N(m, s^2), with their derivatives in m and s^2.
//
// Scalar functions for loops over rows and for kernels: no branches on the data in the fixed rules, no allocation.
// A row's Expectation does not include its weight.
#pragma once
#include <cmath>
#include <utility>

#include "math/quadrature_nodes.h"
#include "velbo/math/elementary.h"

namespace velbo::internal {

// softplus(-a) = log(1 + e^-a) and sigmoid(-a) for a >= 0: logistic() without what only matters on the other side.
template <class T>
struct LogisticTail {
  T softplus;
  T sigmoid;
};

// From e = e^-a: a loop over rows may make that in a loop of its own.
template <class T>
VELBO_HD LogisticTail<T> logistic_tail_of(T e) {
  const T inverse = T(1) / ((T(1) + e) * (T(2) + e));
  const T w = e * inverse * (T(1) + e);  // e / (2 + e)
  const T sigmoid = e * inverse * (T(2) + e);
  if constexpr (elementary::is_float<T>) {
    return {w * elementary::log1p_float<T>(w * w), sigmoid};
  } else {
    return {w * elementary::log1p_double<T>(w * w), sigmoid};
  }
}

template <class T>
VELBO_HD LogisticTail<T> logistic_tail(T a) {
  return logistic_tail_of(exp_nonpositive(-a));
}

// value = E[f(eta)], d_mean = dE/dm = E[f'], curvature = -2 dE/d(s^2) = -E[f''] (Opper & Archambeau 2009, eq. 15-17:
// derivatives of a Gaussian expectation in its mean and variance).
template <class T>
struct Expectation {
  T value;
  T d_mean;
  T curvature;
};

// ---- logistic: E softplus(eta), E sigmoid(eta), E sigmoid'(eta) ---------------------------------------------------

namespace gauss_hermite {

template <class T, int Q>
struct Rule;

#define VELBO_HERMITE(Q)                                                                                          \
  template <class T>                                                                                              \
  struct Rule<T, Q> {                                                                                             \
    static constexpr T limit =                                                                                    \
        T(sizeof(T) == sizeof(float) ? constants::hermite_limit_float_##Q : constants::hermite_limit_double_##Q); \
    template <int I>                                                                                              \
    static constexpr T node = static_cast<T>(constants::hermite_node_##Q[I]);                                     \
    template <int I>                                                                                              \
    static constexpr T weight = static_cast<T>(constants::hermite_weight_##Q[I]);                                 \
  }
VELBO_HERMITE(4);
VELBO_HERMITE(6);
VELBO_HERMITE(8);
VELBO_HERMITE(12);
VELBO_HERMITE(16);
VELBO_HERMITE(20);
VELBO_HERMITE(24);
VELBO_HERMITE(32);
#undef VELBO_HERMITE

template <class T, int Q, int I>
VELBO_HD void add_pair(T m, T s, Logistic<T>& sum) {
  constexpr T node = Rule<T, Q>::template node<I>;
  constexpr T weight = Rule<T, Q>::template weight<I>;
  const Logistic<T> above = logistic(elementary::mul_add(s, node, m));
  const Logistic<T> below = logistic(elementary::mul_add(s, -node, m));
  sum.softplus = elementary::mul_add(weight, above.softplus + below.softplus, sum.softplus);
  sum.sigmoid = elementary::mul_add(weight, above.sigmoid + below.sigmoid, sum.sigmoid);
  sum.slope = elementary::mul_add(weight, above.slope + below.slope, sum.slope);
}

template <class T, int Q, int... I>
VELBO_HD Logistic<T> all_pairs(T m, T s, std::integer_sequence<int, I...> /*nodes*/) {
  Logistic<T> sum{T(0), T(0), T(0)};
  (add_pair<T, Q, I>(m, s, sum), ...);
  return sum;
}

}  // namespace gauss_hermite

// Gauss-Hermite with Q nodes: within gauss_hermite::Rule<T, Q>::limit >= s the absolute error is below 2.5e-7 (float,
// before rounding) or 1e-10 (double).  Any m; s = 0 is exact.
template <int Q, class T>
VELBO_HD Logistic<T> logistic_expectation_gh(T m, T s) {
  return gauss_hermite::all_pairs<T, Q>(m, s, std::make_integer_sequence<int, Q / 2>{});
}

// For s up to this, two terms of the Taylor series in s^2 are within the same errors as the rules above: one logistic
// function instead of four.
template <class T>
inline constexpr T taylor_limit = T(sizeof(T) == sizeof(float) ? 0.129 : 0.04);

// E f(m + s z) = f + s^2/2 f'' + s^4/8 f'''' + O(s^6), with the derivatives of the logistic function as polynomials in
// p = sigmoid and q = p (1 - p).
template <class T>
VELBO_HD Logistic<T> logistic_expectation_taylor(T m, T s) {
  const Logistic<T> at = logistic(m);
  const T q = at.slope;
  const T half = T(0.5) * s * s, eighth = T(0.5) * half * half;  // s^2 / 2, s^4 / 8
  const T second = q * (T(1) - T(2) * at.sigmoid);               // derivatives of the sigmoid
  const T third = q * (T(1) - T(6) * q);
  const T fourth = second * (T(1) - T(12) * q);
  const T fifth = q * (T(1) - q * (T(30) - T(120) * q));
  return {elementary::mul_add(eighth, third, elementary::mul_add(half, q, at.softplus)),
          elementary::mul_add(eighth, fourth, elementary::mul_add(half, second, at.sigmoid)),
          elementary::mul_add(eighth, fifth, elementary::mul_add(half, third, q))};
}

namespace wide_rule {

template <class T>
inline constexpr bool is_float = sizeof(T) == sizeof(float);
template <class T>
inline constexpr int n_nodes = is_float<T> ? sizeof(constants::wide_value_float) / sizeof(double)
                                           : sizeof(constants::wide_value_double) / sizeof(double);
template <class T>
inline constexpr T step = T(is_float<T> ? constants::wide_step_float : constants::wide_step_double);
template <class T, int K>
inline constexpr T value = T(is_float<T> ? constants::wide_value_float[is_float<T> ? K : 0]
                                         : constants::wide_value_double[K]);
template <class T, int K>
inline constexpr T first = T(is_float<T> ? constants::wide_first_float[is_float<T> ? K : 0]
                                         : constants::wide_first_double[K]);
template <class T, int K>
inline constexpr T second = T(is_float<T> ? constants::wide_second_float[is_float<T> ? K : 0]
                                          : constants::wide_second_double[K]);

template <class T, int K>
VELBO_HD void add_pair(T m, T inverse, Logistic<T>& sum) {
  constexpr T x = T(K) * step<T>;
  const T above = (x - m) * inverse;
  const T below = (x + m) * inverse;
  const T e_above = exp_nonpositive(T(-0.5) * above * above);
  const T e_below = exp_nonpositive(T(-0.5) * below * below);
  constexpr T d0 = value<T, K>;
  constexpr T d1 = first<T, K>;
  constexpr T d2 = second<T, K>;
  sum.softplus = elementary::mul_add(d0, e_above + e_below, sum.softplus);
  sum.sigmoid = elementary::mul_add(d1, e_above - e_below, sum.sigmoid);
  sum.slope = elementary::mul_add(d2, e_above + e_below, sum.slope);
}

template <class T, int... K>
VELBO_HD Logistic<T> all_pairs(T m, T inverse, std::integer_sequence<int, K...> /*nodes*/) {
  const T t = m * inverse;
  const T e = exp_nonpositive(T(-0.5) * t * t);
  constexpr T d0 = value<T, 0>;
  constexpr T d2 = second<T, 0>;
  Logistic<T> sum{d0 * e, T(0), d2 * e};
  (add_pair<T, K + 1>(m, inverse, sum), ...);
  return sum;
}

}  // namespace wide_rule

// Smallest s of logistic_expectation_wide.
template <class T>
inline constexpr T wide_limit = T(wide_rule::is_float<T> ? 1.19 : 1.0);

// For s >= wide_limit, where Gauss-Hermite needs too many nodes.  Softplus is split into a smoothed hinge whose
// expectation is closed,
//   h(x) = x Phi(x/c) + c phi(x/c),   E h = m Phi(m/r) + r phi(m/r),   r^2 = c^2 + s^2,
// and the difference d = softplus - h, which is even, falls like e^-|x| and is analytic for |Im x| < pi.  So the
// trapezoid sum  E d = (step / s) sum_k d(k step) phi((k step - m)/s)  converges like
// exp(-2 pi^2 / step) + exp(-2 pi^2 s^2 / step^2) (Trefethen & Weideman 2014), its nodes do not depend on m and s, and
// d is a table.  d' and d'' share the Gaussian weights.  Fewer exponentials than Gauss-Laguerre on the two half-lines,
// whose residual has a kink at 0 and which is poor for s < 1.5.
template <class T>
VELBO_HD Logistic<T> logistic_expectation_wide(T m, T s) {
  constexpr T c2 = T(constants::wide_smoothing * constants::wide_smoothing);
  const T inverse = T(1) / s;
  const Logistic<T> sum =
      wide_rule::all_pairs(m, inverse, std::make_integer_sequence<int, wide_rule::n_nodes<T> - 1>{});
#if defined(__CUDA_ARCH__)
  const T r = sqrt(c2 + s * s);
#else
  const T r = std::sqrt(c2 + s * s);
#endif
  const T inverse_r = T(1) / r;
  const NormalCdf<T> normal = normal_cdf(m * inverse_r);
  // The truth is positive; where it is below the rule's error, the sum may not be.
  return {max_of(T(0), m * normal.cdf + r * normal.pdf + inverse * sum.softplus),
          min_of(T(1), max_of(T(0), normal.cdf + inverse * sum.sigmoid)),
          max_of(T(0), normal.pdf * inverse_r + inverse * sum.slope)};
}

// The rules a loop over rows can choose from; `mixed` evaluates a Gauss-Hermite rule and the wide one and selects.
enum class LogisticRule { taylor, gh4, gh6, gh8, gh12, gh16, gh20, gh24, wide, mixed };

// Number of Gauss-Hermite nodes that suffice for all s up to max_s, or 0 where none does.
template <class T>
VELBO_HD int gh_nodes_for(T max_s) {
  using gauss_hermite::Rule;
  if (max_s <= Rule<T, 4>::limit) return 4;
  if (max_s <= Rule<T, 6>::limit) return 6;
  if (max_s <= Rule<T, 8>::limit) return 8;
  if (max_s <= Rule<T, 12>::limit) return 12;
  if (max_s <= Rule<T, 16>::limit) return 16;
  if (sizeof(T) == sizeof(float)) return 0;
  if (max_s <= Rule<T, 20>::limit) return 20;
  if (max_s <= Rule<T, 24>::limit) return 24;
  return 0;
}

// The cheapest rule that is accurate for every s in [min_s, max_s].
template <class T>
VELBO_HD LogisticRule logistic_rule_for(T min_s, T max_s) {
  if (max_s <= taylor_limit<T>) return LogisticRule::taylor;
  switch (gh_nodes_for(max_s)) {
    case 4: return LogisticRule::gh4;
    case 6: return LogisticRule::gh6;
    case 8: return LogisticRule::gh8;
    case 12: return LogisticRule::gh12;
    case 16: return LogisticRule::gh16;
    case 20: return LogisticRule::gh20;
    case 24: return LogisticRule::gh24;
    default: return min_s >= wide_limit<T> ? LogisticRule::wide : LogisticRule::mixed;
  }
}

// One rule by name, for loops that call it with a constant R.
template <LogisticRule R, class T>
VELBO_HD Logistic<T> logistic_expectation_by(T m, T s) {
  if constexpr (R == LogisticRule::taylor) return logistic_expectation_taylor(m, s);
  if constexpr (R == LogisticRule::gh4) return logistic_expectation_gh<4>(m, s);
  if constexpr (R == LogisticRule::gh6) return logistic_expectation_gh<6>(m, s);
  if constexpr (R == LogisticRule::gh8) return logistic_expectation_gh<8>(m, s);
  if constexpr (R == LogisticRule::gh12) return logistic_expectation_gh<12>(m, s);
  if constexpr (R == LogisticRule::gh16) return logistic_expectation_gh<16>(m, s);
  if constexpr (R == LogisticRule::gh20) return logistic_expectation_gh<20>(m, s);
  if constexpr (R == LogisticRule::gh24) return logistic_expectation_gh<24>(m, s);
  if constexpr (R == LogisticRule::wide) return logistic_expectation_wide(m, s);
  if constexpr (R == LogisticRule::mixed) {
    constexpr int nodes = sizeof(T) == sizeof(float) ? 16 : 24;
    constexpr T limit = wide_limit<T>;
    const Logistic<T> narrow = logistic_expectation_gh<nodes>(m, min_of(s, limit));
    const Logistic<T> wide = logistic_expectation_wide(m, max_of(s, limit));
    const bool is_wide = s > limit;
    return {is_wide ? wide.softplus : narrow.softplus, is_wide ? wide.sigmoid : narrow.sigmoid,
            is_wide ? wide.slope : narrow.slope};
  }
}

// Calls visit.operator()<R>() with the rule as a constant:
//   with_logistic_rule(rule, [&]<LogisticRule R>() { for (...) ... logistic_expectation_by<R>(m[i], s[i]) ... });
template <class Visitor>
void with_logistic_rule(LogisticRule rule, Visitor&& visit) {
  switch (rule) {
    case LogisticRule::taylor: visit.template operator()<LogisticRule::taylor>(); break;
    case LogisticRule::gh4: visit.template operator()<LogisticRule::gh4>(); break;
    case LogisticRule::gh6: visit.template operator()<LogisticRule::gh6>(); break;
    case LogisticRule::gh8: visit.template operator()<LogisticRule::gh8>(); break;
    case LogisticRule::gh12: visit.template operator()<LogisticRule::gh12>(); break;
    case LogisticRule::gh16: visit.template operator()<LogisticRule::gh16>(); break;
    case LogisticRule::gh20: visit.template operator()<LogisticRule::gh20>(); break;
    case LogisticRule::gh24: visit.template operator()<LogisticRule::gh24>(); break;
    case LogisticRule::wide: visit.template operator()<LogisticRule::wide>(); break;
    case LogisticRule::mixed: visit.template operator()<LogisticRule::mixed>(); break;
  }
}

// Any m and any s >= 0, by the rule that s asks for.
template <class T>
VELBO_HD Logistic<T> logistic_expectation(T m, T s) {
  switch (logistic_rule_for(s, s)) {
    case LogisticRule::taylor: return logistic_expectation_taylor(m, s);
    case LogisticRule::gh4: return logistic_expectation_gh<4>(m, s);
    case LogisticRule::gh6:
    case LogisticRule::gh8: return logistic_expectation_gh<8>(m, s);
    case LogisticRule::gh12:
    case LogisticRule::gh16: return logistic_expectation_gh<16>(m, s);
    case LogisticRule::gh20:
    case LogisticRule::gh24: return logistic_expectation_gh<24>(m, s);
    default: return logistic_expectation_wide(m, s);
  }
}

// ---- likelihoods --------------------------------------------------------------------------------------------------

// y successes of n (bernoulli: n = 1): E[y eta - n softplus(eta)] + log C(n, y).
template <class T>
VELBO_HD Expectation<T> binomial_expectation(T y, T n, T log_choose, T m, const Logistic<T>& e) {
  return {y * m - n * e.softplus + log_choose, y - n * e.sigmoid, n * e.slope};
}
template <class T>
VELBO_HD Expectation<T> bernoulli_expectation(T y, T m, const Logistic<T>& e) {
  return {y * m - e.softplus, y - e.sigmoid, e.slope};
}

// Poisson with log link: E e^eta = e^(m + s^2/2).  log_factorial = log y!.  The exponent stops at 80 (float) or 700
// (double), so that a far too long step scores a finite, terrible value instead of a NaN further on.
template <class T>
VELBO_HD Expectation<T> poisson_expectation(T y, T log_factorial, T m, T variance) {
  constexpr T highest = sizeof(T) == sizeof(float) ? T(80) : T(700);
  const T rate = exp_any(min_of(m + T(0.5) * variance, highest));
  return {y * m - rate - log_factorial, y - rate, rate};
}

// Gaussian with known scale; precision = 1 / scale^2, log_scale = log(scale).
template <class T>
VELBO_HD Expectation<T> gaussian_expectation(T y, T precision, T log_scale, T m, T variance) {
  constexpr T half_log_two_pi = T(0.91893853320467274178);
  const T residual = y - m;
  return {T(-0.5) * precision * (residual * residual + variance) - log_scale - half_log_two_pi, precision * residual,
          precision};
}

}  // namespace velbo::internal
