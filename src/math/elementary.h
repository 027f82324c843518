// elementary.h - exp, softplus, sigmoid and the normal distribution for loops over rows, on the host and on devices.
//
// Branch-free and without calls into libm, so that a compiler vectorises a loop around them; GCC wants -O3
// -fno-math-errno -fno-trapping-math for that (neither changes a result).
// T is float or double; the relative error is a few ulp.  Needs IEEE arithmetic: not for -ffast-math, which removes
// the rounding trick in round_to_integer.
#pragma once
#include <cstdint>
#include <type_traits>

#include "math/elementary_coefficients.h"
#include "math/hd.h"

namespace velbo::internal {

namespace elementary {

template <class T>
inline constexpr bool is_float = std::is_same_v<T, float>;

// a b + c, fused where the instruction set has it (so the last bits differ between instruction sets, but not between
// compilers or optimisation levels).
template <class T>
VELBO_HD constexpr T mul_add(T a, T b, T c) {
#if defined(__FMA__) || defined(__CUDA_ARCH__) || defined(__aarch64__)
  if constexpr (is_float<T>) {
    return __builtin_fmaf(a, b, c);
  } else {
    return __builtin_fma(a, b, c);
  }
#else
  return a * b + c;
#endif
}

// Polynomials with coefficients lowest power first.  The pack makes every coefficient a literal: device code cannot
// read a host array, and the loop needs no unrolling.
#define VELBO_POLYNOMIAL(NAME)                                                     \
  template <class T, int I = 0>                                                    \
  VELBO_HD constexpr T NAME(T x) {                                                 \
    constexpr T coefficient = static_cast<T>(constants::NAME[I]);                  \
    if constexpr (I + 1 == sizeof(constants::NAME) / sizeof(constants::NAME[0])) { \
      return coefficient;                                                          \
    } else {                                                                       \
      return mul_add(x, NAME<T, I + 1>(x), coefficient);                           \
    }                                                                              \
  }
VELBO_POLYNOMIAL(exp_float)
VELBO_POLYNOMIAL(exp_double)
VELBO_POLYNOMIAL(log1p_float)
VELBO_POLYNOMIAL(log1p_double)
VELBO_POLYNOMIAL(mills_float)
VELBO_POLYNOMIAL(mills_double)
#undef VELBO_POLYNOMIAL

VELBO_HD std::uint32_t bits_of(float x) { return __builtin_bit_cast(std::uint32_t, x); }
VELBO_HD std::uint64_t bits_of(double x) { return __builtin_bit_cast(std::uint64_t, x); }

// 1.5 * 2^p added to |x| < 2^(p-1) leaves the nearest integer in the low bits of the sum.
template <class T>
inline constexpr T round_shift = is_float<T> ? T(12582912.0) : T(6755399441055744.0);

// e^r for r = x - n log 2; the two parts of log 2 make n * high exact (Cody & Waite 1980).
template <class T>
VELBO_HD T exp_reduced(T x, T n) {
  constexpr T high = is_float<T> ? T(0.693359375) : T(0.69314718036912382);
  constexpr T low = is_float<T> ? T(-2.12194440054690583e-4) : T(1.9082149292705877e-10);
  const T r = mul_add(n, -low, mul_add(n, -high, x));
  if constexpr (is_float<T>) {
    return T(1) + mul_add(r * r, exp_float<T>(r), r);
  } else {
    return T(1) + mul_add(r * r, exp_double<T>(r), r);
  }
}

// 2^n from the bits of n + round_shift, for n within the range of normal numbers.
VELBO_HD float power_of_two(float shifted) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>((bits_of(shifted) + 127U) << 23U));
}
VELBO_HD double power_of_two(double shifted) {
  return __builtin_bit_cast(double, static_cast<std::uint64_t>((bits_of(shifted) + 1023U) << 52U));
}

}  // namespace elementary

template <class T>
VELBO_HD T max_of(T a, T b) {
  return a > b ? a : b;
}
template <class T>
VELBO_HD T min_of(T a, T b) {
  return a < b ? a : b;
}
template <class T>
VELBO_HD T abs_of(T x) {
  if constexpr (elementary::is_float<T>) {
    return __builtin_fabsf(x);
  } else {
    return __builtin_fabs(x);
  }
}

// e^x for x <= 0.  Below -87 (float) or -708 (double) it stays at e^-87 or e^-708, which callers add to numbers of
// order one; NaN stays NaN.
template <class T>
VELBO_HD T exp_nonpositive(T x) {
  constexpr T lowest = elementary::is_float<T> ? T(-87) : T(-708);
  constexpr T log2_e = T(1.4426950408889634);
  constexpr T shift = elementary::round_shift<T>;
  const T clamped = x < lowest ? lowest : x;
  const T shifted = elementary::mul_add(clamped, log2_e, shift);
  return elementary::exp_reduced(clamped, shifted - shift) * elementary::power_of_two(shifted);
}

// e^x for any x: 0 and infinity at the ends, gradual underflow, NaN stays NaN.
template <class T>
VELBO_HD T exp_any(T x) {
  constexpr T lowest = elementary::is_float<T> ? T(-105) : T(-746);
  constexpr T highest = elementary::is_float<T> ? T(89) : T(710);
  constexpr T log2_e = T(1.4426950408889634);
  constexpr T shift = elementary::round_shift<T>;
  const T above = x < lowest ? lowest : x;
  const T clamped = above > highest ? highest : above;
  const T n = (clamped * log2_e + shift) - shift;
  // Two factors: 2^n itself may be out of range although e^x is not.
  const T half = (n * T(0.5) + shift) - shift;
  return elementary::exp_reduced(clamped, n) * elementary::power_of_two(half + shift) *
         elementary::power_of_two((n - half) + shift);
}

// softplus(x) = log(1 + e^x), its derivative sigmoid(x), and the second derivative sigmoid(x) sigmoid(-x).
template <class T>
struct Logistic {
  T softplus;
  T sigmoid;
  T slope;
};

// All three from one exponential and one division: with e = e^-|x|, softplus = max(x, 0) + log1p(e) and
// log1p(e) = 2 atanh(e / (2 + e)).
template <class T>
VELBO_HD Logistic<T> logistic(T x) {
  const T e = exp_nonpositive(-abs_of(x));
  const T inverse = T(1) / ((T(1) + e) * (T(2) + e));
  const T upper = inverse * (T(2) + e);  // 1 / (1 + e) = sigmoid(|x|)
  const T w = e * inverse * (T(1) + e);  // e / (2 + e)
  const T lower = e * upper;             // sigmoid(-|x|)
  const T positive = T(0.5) * (x + abs_of(x));
  const T sigmoid = x > T(0) ? upper : lower;
  if constexpr (elementary::is_float<T>) {
    return {elementary::mul_add(w, elementary::log1p_float<T>(w * w), positive), sigmoid, lower * upper};
  } else {
    return {elementary::mul_add(w, elementary::log1p_double<T>(w * w), positive), sigmoid, lower * upper};
  }
}

// Phi(x), the standard normal distribution function, and its density.
template <class T>
struct NormalCdf {
  T cdf;
  T pdf;
};

// Phi(-a) = e^(-a^2/2) M(a), with the Mills ratio by one polynomial over all a >= 0.  The relative error of the lower
// tail grows like a^2 times the rounding error.
template <class T>
VELBO_HD NormalCdf<T> normal_cdf(T x) {
  constexpr T shift = T(elementary::is_float<T> ? constants::mills_shift_float : constants::mills_shift_double);
  constexpr T inverse_root_two_pi = T(0.39894228040143267794);
  const T a = abs_of(x);
  const T gauss = exp_nonpositive(T(-0.5) * a * a);
  const T inverse = T(1) / (a + shift);
  const T t = (a - shift) * inverse;
  T lower;
  if constexpr (elementary::is_float<T>) {
    lower = gauss * inverse * elementary::mills_float<T>(t);
  } else {
    lower = gauss * inverse * elementary::mills_double<T>(t);
  }
  return {x > T(0) ? T(1) - lower : lower, gauss * inverse_root_two_pi};
}

}  // namespace velbo::internal
