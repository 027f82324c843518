// velbo/functions.h - the functions that a log density is written with, of numbers and of scalars that carry derivatives.
//
// Each takes float, double, integers (as double) and any Differentiable scalar (velbo/dual.h); functions of several
// arguments take a mixture (velbo/scalar.h).  Written `velbo::exp(x)`, or `exp(x)` after `using velbo::exp;`.  They are
// templates, so that beside `using namespace velbo` the functions of <cmath> are still chosen for numbers.
//
// A derivative is finite wherever the function is finite and differentiable.  At a kink (abs at 0, fmin and fmax of equals)
// it is that of one side, or 0.  Host and device.
#pragma once
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "velbo/dual.h"
#include "velbo/gamma_functions.h"
#include "velbo/host_device.h"
#include "velbo/lanes.h"
#include "velbo/math/elementary.h"
#include "velbo/scalar.h"

namespace velbo {
namespace internal {

template <class X>
concept PlainNumber = std::is_arithmetic_v<X>;

// Of one number, and of one or several.
template <class X>
concept AnyScalar = PlainNumber<X> ||(Differentiable<X> && !HasLanes<X>);
template <class X>
concept AnyLanes = PlainNumber<X> || Differentiable<X>;

// exp, log and log1p: on the host without calls and branches, so that loops over draws are vectorised (velbo/plate.h).
#if defined(__CUDA_ARCH__)
template <class T>
VELBO_HOST_DEVICE T number_exp(T x) {
  return std::exp(x);
}
template <class T>
VELBO_HOST_DEVICE T number_log(T x) {
  return std::log(x);
}
template <class T>
VELBO_HOST_DEVICE T number_log1p(T x) {
  return std::log1p(x);
}
#else
template <class T>
VELBO_HOST_DEVICE T number_exp(T x) {
  return exp_any(x);
}
template <class T>
VELBO_HOST_DEVICE T number_log(T x) {
  return log_any(x);
}
template <class T>
VELBO_HOST_DEVICE T number_log1p(T x) {
  return log1p_any(x);
}
#endif

template <class T>
VELBO_HOST_DEVICE T sigmoid_of(T x) {
  const T e = number_exp(-abs_of(x));
  return choose(x >= T(0), T(1), e) / (T(1) + e);
}

// log(1 + e^x) and its derivative, from one exponential and one division: with e = e^-|x|, log1p(e) = 2 atanh(e / (2 + e)).
template <class T>
struct Softplus {
  T value, derivative;
};
template <class T>
VELBO_HOST_DEVICE Softplus<T> softplus_at(T x) {
  const T e = number_exp(-abs_of(x));
  const T inverse = T(1) / ((T(1) + e) * (T(2) + e));
  const T upper = inverse * (T(2) + e), w = e * inverse * (T(1) + e);
  T series;
  if constexpr (elementary::is_float<T>) {
    series = elementary::log1p_float<T>(w * w);
  } else {
    series = elementary::log1p_double<T>(w * w);
  }
  return {elementary::mul_add(w, series, choose(x > T(0), x, T(0))), choose(x > T(0), upper, e * upper)};
}
template <class T>
VELBO_HOST_DEVICE T softplus_of(T x) {
  return softplus_at(x).value;
}

template <class T>
VELBO_HOST_DEVICE T log1m_exp_of(T x) {
  return x > -kLogTwo<T> ? number_log(-std::expm1(x)) : number_log1p(-number_exp(x));
}

// The inverse Mills ratio and log Phi of x: below the limit by the asymptotic series of Phi(x) (DLMF 7.12.1).
template <class T>
struct LogNormalCdf {
  T value;
  T derivative;
};
template <class T>
VELBO_HOST_DEVICE LogNormalCdf<T> log_normal_cdf_of(T x) {
  constexpr T limit = std::is_same_v<T, float> ? T(-9) : T(-14);
  constexpr int n_terms = std::is_same_v<T, float> ? 6 : 13;
  if (!(x < limit)) {
    const T upper = T(0.5) * std::erfc(x * T(0.70710678118654752440));  // P(Z > x)
    const T lower = T(0.5) * std::erfc(x * T(-0.70710678118654752440));
    const T density = number_exp(T(-0.5) * x * x - kHalfLogTwoPi<T>);
    return {x > 0 ? number_log1p(-upper) : number_log(lower), density / lower};
  }
  const T inverse = 1 / (x * x);
  T minus = 0;  // 1 - |x| Phi(x) / density, by Horner's rule
  for (int k = n_terms; k >= 1; --k) minus = static_cast<T>(2 * k - 1) * inverse * (1 - minus);
  return {T(-0.5) * x * x - kHalfLogTwoPi<T> - number_log(-x) + number_log1p(-minus), -x / (1 - minus)};
}

}  // namespace internal

// NAME of arguments of which one holds several numbers, for functions that are not written for that: one after the other.
#if defined(VELBO_HAVE_LANES)
#define VELBO_BY_LANE(NAME)                                                                               \
  template <class... X>                                                                                   \
  requires(internal::HasLanes<X> || ...) promoted_t<X...> NAME(const X&... x) {                           \
    return internal::by_lane<promoted_t<X...>>([](const auto&... a) { return velbo::NAME(a...); }, x...); \
  }
#else
#define VELBO_BY_LANE(NAME)
#endif

// ---- of one argument -------------------------------------------------------------------------------------------------

// NAME(x) with x as a real number in VALUE, and with its value v as well in DERIVATIVE.  Inside them std:: is spelt out.
#define VELBO_NUMBER_FUNCTION(NAME, VALUE)     \
  template <internal::PlainNumber X>           \
  VELBO_HOST_DEVICE real_t<X> NAME(X number) { \
    using T = real_t<X>;                       \
    const T x = static_cast<T>(number);        \
    return VALUE;                              \
  }
#define VELBO_FUNCTION(NAME, VALUE, DERIVATIVE)                                \
  VELBO_NUMBER_FUNCTION(NAME, VALUE)                                           \
  template <Differentiable X>                                                  \
  requires(!internal::HasLanes<X>) VELBO_HOST_DEVICE X NAME(const X& scalar) { \
    using T = real_t<X>;                                                       \
    const T x = value_of(scalar), v = velbo::NAME(x);                          \
    const T derivative = DERIVATIVE;                                           \
    return chain(scalar, derivative, v);                                       \
  }                                                                            \
  VELBO_BY_LANE(NAME)
// Of several numbers at once too: without branches and calls.
#define VELBO_LANES_FUNCTION(NAME, VALUE, DERIVATIVE) \
  VELBO_NUMBER_FUNCTION(NAME, VALUE)                  \
  template <Differentiable X>                         \
  VELBO_HOST_DEVICE X NAME(const X& scalar) {         \
    using T = real_t<X>;                              \
    const T x = value_of(scalar), v = VALUE;          \
    const T derivative = DERIVATIVE;                  \
    return chain(scalar, derivative, v);              \
  }

VELBO_LANES_FUNCTION(exp, internal::number_exp(x), v)
VELBO_FUNCTION(expm1, std::expm1(x), internal::number_exp(x))
VELBO_LANES_FUNCTION(log, internal::number_log(x), 1 / x)
VELBO_LANES_FUNCTION(log1p, internal::number_log1p(x), 1 / (1 + x))
VELBO_FUNCTION(sqrt, std::sqrt(x), T(0.5) / v)
VELBO_LANES_FUNCTION(square, (x * x), 2 * x)
VELBO_FUNCTION(abs, std::fabs(x), x > 0 ? T(1) : (x < 0 ? T(-1) : T(0)))
VELBO_FUNCTION(sin, std::sin(x), std::cos(x))
VELBO_FUNCTION(cos, std::cos(x), -std::sin(x))
VELBO_FUNCTION(tan, std::tan(x), 1 + v * v)
VELBO_FUNCTION(atan, std::atan(x), 1 / (1 + x * x))
VELBO_FUNCTION(sinh, std::sinh(x), std::cosh(x))
VELBO_FUNCTION(cosh, std::cosh(x), std::sinh(x))
// 1 - v^2 has no digits for large |x|.
VELBO_FUNCTION(tanh, std::tanh(x), 4 * internal::sigmoid_of(2 * x) * internal::sigmoid_of(-2 * x))
// 2 / sqrt(pi).
VELBO_FUNCTION(erf, std::erf(x), T(1.12837916709551257390) * internal::number_exp(-x * x))
VELBO_FUNCTION(erfc, std::erfc(x), T(-1.12837916709551257390) * internal::number_exp(-x * x))

// x > 0; NaN below.
VELBO_FUNCTION(lgamma, internal::log_gamma_of(x), internal::digamma_of(x))
VELBO_FUNCTION(digamma, internal::digamma_of(x), internal::trigamma_of(x))
// The derivative of digamma, of numbers only.
template <internal::PlainNumber X>
VELBO_HOST_DEVICE real_t<X> trigamma(X x) {
  return internal::trigamma_of(static_cast<real_t<X>>(x));
}

// 1 / (1 + e^-x), and its logarithm.
VELBO_LANES_FUNCTION(sigmoid, internal::sigmoid_of(x), internal::sigmoid_of(-x) * v)
VELBO_LANES_FUNCTION(log_sigmoid, -internal::softplus_of(-x), internal::sigmoid_of(-x))
// log(1 + e^x).
VELBO_LANES_FUNCTION(softplus, internal::softplus_of(x), internal::sigmoid_of(x))
// log(1 - e^x), x < 0.
VELBO_FUNCTION(log1m_exp, internal::log1m_exp_of(x), -1 / std::expm1(-x))
// log(x / (1 - x)), 0 < x < 1; where x / (1 - x) is near 1 its distance to 1 is what has the digits.
VELBO_FUNCTION(logit,
               x > T(0.25) && x < T(0.75) ? internal::number_log1p((2 * x - 1) / (1 - x))
                                          : internal::number_log(x / (1 - x)),
               1 / (x * (1 - x)))

#undef VELBO_LANES_FUNCTION
#undef VELBO_FUNCTION
#undef VELBO_NUMBER_FUNCTION

// log P(Z <= x), Z standard normal; accurate in both tails.
template <internal::PlainNumber X>
VELBO_HOST_DEVICE real_t<X> log_normal_cdf(X x) {
  return internal::log_normal_cdf_of(static_cast<real_t<X>>(x)).value;
}
template <Differentiable X>
requires(!internal::HasLanes<X>) VELBO_HOST_DEVICE X log_normal_cdf(const X& x) {
  const auto at = internal::log_normal_cdf_of(value_of(x));
  return chain(x, at.derivative, at.value);
}

// ---- of several arguments --------------------------------------------------------------------------------------------

// condition ? a : b for arguments of any two types.
template <internal::AnyScalar A, internal::AnyScalar B>
VELBO_HOST_DEVICE promoted_t<A, B> select(bool condition, const A& a, const B& b) {
  using R = promoted_t<A, B>;
  return condition ? R(internal::operand<R>(a)) : R(internal::operand<R>(b));
}

// The smaller and the larger; a NaN loses.
template <internal::AnyScalar A, internal::AnyScalar B>
VELBO_HOST_DEVICE promoted_t<A, B> fmin(const A& a, const B& b) {
  using T = real_t<A, B>;
  const T x = internal::number_of<T>(a), y = internal::number_of<T>(b);
  return velbo::select(x <= y || y != y, a, b);
}
template <internal::AnyScalar A, internal::AnyScalar B>
VELBO_HOST_DEVICE promoted_t<A, B> fmax(const A& a, const B& b) {
  using T = real_t<A, B>;
  const T x = internal::number_of<T>(a), y = internal::number_of<T>(b);
  return velbo::select(x >= y || y != y, a, b);
}

// a^b.  The derivative by b wants a > 0, or a = 0 and b > 0.
template <internal::AnyScalar A, internal::AnyScalar B>
VELBO_HOST_DEVICE promoted_t<A, B> pow(const A& a, const B& b) {
  using R = promoted_t<A, B>;
  using T = real_t<R>;
  const T x = internal::number_of<T>(a), y = internal::number_of<T>(b), value = std::pow(x, y);
  T by_a = 0, by_b = 0;
  if constexpr (Differentiable<A>) by_a = y == 0 ? T(0) : y * std::pow(x, y - 1);
  if constexpr (Differentiable<B>) by_b = x == 0 && y > 0 ? T(0) : value * internal::number_log(x);
  return internal::with_partials<R>(value, a, by_a, b, by_b);
}

// log B(a, b), a and b > 0.
template <internal::AnyScalar A, internal::AnyScalar B>
VELBO_HOST_DEVICE promoted_t<A, B> lbeta(const A& a, const B& b) {
  using R = promoted_t<A, B>;
  using T = real_t<R>;
  const T x = internal::number_of<T>(a), y = internal::number_of<T>(b);
  T by_a = 0, by_b = 0;
  if constexpr (Differentiable<A>) by_a = -internal::number_log1p(y / x) - internal::digamma_step(x, y);
  if constexpr (Differentiable<B>) by_b = -internal::number_log1p(x / y) - internal::digamma_step(y, x);
  return internal::with_partials<R>(internal::log_beta_of(x, y), a, by_a, b, by_b);
}

// log(e^a + e^b).  An argument of -infinity has no part in it, nor have its derivatives.
template <internal::AnyScalar A, internal::AnyScalar B>
VELBO_HOST_DEVICE promoted_t<A, B> log_sum_exp(const A& a, const B& b) {
  using R = promoted_t<A, B>;
  using T = real_t<R>;
  const T x = internal::number_of<T>(a), y = internal::number_of<T>(b), difference = x - y;
  if (x == -internal::kInfinity<T> || y == internal::kInfinity<T>) return R(internal::operand<R>(b));
  if (y == -internal::kInfinity<T> || x == internal::kInfinity<T>) return R(internal::operand<R>(a));
  const T value = (difference > 0 ? x : y) + internal::number_log1p(internal::number_exp(-std::fabs(difference)));
  return internal::with_partials<R>(value, a, internal::sigmoid_of(difference), b, internal::sigmoid_of(-difference));
}

// log(e^x[0] + ... + e^x[n - 1]), -infinity for n = 0.
template <internal::AnyScalar X>
VELBO_HOST_DEVICE promoted_t<X> log_sum_exp(const X* x, std::int64_t n) {
  using T = real_t<X>;
  constexpr T infinity = internal::kInfinity<T>;
  T largest = -infinity, sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const T value = internal::number_of<T>(x[i]);
    if (!(value <= largest)) largest = value;  // a NaN stays
    if (largest != largest) return promoted_t<X>(largest);
  }
  if (!internal::is_finite(largest)) return promoted_t<X>(largest);
  for (std::int64_t i = 0; i < n; ++i) sum += internal::number_exp(internal::number_of<T>(x[i]) - largest);
  promoted_t<X> out(largest + internal::number_log(sum));
  if constexpr (Differentiable<X>) {
    for (std::int64_t i = 0; i < n; ++i) {
      const T value = value_of(x[i]);
      if (value > -infinity) out += chain(x[i], internal::number_exp(value - largest) / sum, T(0));
    }
  }
  return out;
}

// log(e^a - e^b): -infinity for a = b, NaN for a < b.
template <internal::AnyScalar A, internal::AnyScalar B>
VELBO_HOST_DEVICE promoted_t<A, B> log_diff_exp(const A& a, const B& b) {
  using R = promoted_t<A, B>;
  using T = real_t<R>;
  const T x = internal::number_of<T>(a), y = internal::number_of<T>(b);
  if (y == -internal::kInfinity<T>) return R(internal::operand<R>(a));
  const T value = x + internal::log1m_exp_of(y - x);
  return internal::with_partials<R>(value, a, -1 / std::expm1(y - x), b, -1 / std::expm1(x - y));
}

// log(p e^a + (1 - p) e^b), 0 <= p <= 1.
template <internal::AnyScalar P, internal::AnyScalar A, internal::AnyScalar B>
VELBO_HOST_DEVICE promoted_t<P, A, B> log_mix(const P& p, const A& a, const B& b) {
  using R = promoted_t<P, A, B>;
  using T = real_t<R>;
  const T share = internal::number_of<T>(p), x = internal::number_of<T>(a), y = internal::number_of<T>(b);
  if (!(share >= 0 && share <= 1)) return R(internal::kNaN<T>);
  const T first = internal::number_log(share) + x, second = internal::number_log1p(-share) + y;
  const T value = velbo::log_sum_exp(first, second);
  return internal::with_partials<R>(value, p, internal::number_exp(x - value) - internal::number_exp(y - value), a,
                                    internal::number_exp(first - value), b, internal::number_exp(second - value));
}

// log_sum_exp of an array is of one number at a time only.
VELBO_BY_LANE(log_normal_cdf)
VELBO_BY_LANE(fmin)
VELBO_BY_LANE(fmax)
VELBO_BY_LANE(pow)
VELBO_BY_LANE(lbeta)
VELBO_BY_LANE(log_sum_exp)
VELBO_BY_LANE(log_diff_exp)
VELBO_BY_LANE(log_mix)

}  // namespace velbo
