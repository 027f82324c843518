// velbo/math/elementary.h - exp, log, softplus, sigmoid and the normal distribution for loops over rows, on the host and on devices.
//
// Branch-free and without calls into libm, so that a compiler vectorises a loop around them; GCC wants -O3
// -fno-math-errno -fno-trapping-math for that (neither changes a result).
// T is float or double; the relative error is a few ulp.  Needs IEEE arithmetic: not for -ffast-math, which removes
// the rounding trick in round_to_integer.
#pragma once
#include <cstdint>
#include <limits>
#include <type_traits>

#include "velbo/math/elementary_coefficients.h"
#include "velbo/math/hd.h"

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
  } else if constexpr (std::is_same_v<T, double>) {
    return __builtin_fma(a, b, c);
  } else {
    return a * b + c;
  }
#else
  return a * b + c;
#endif
}

// Polynomials with coefficients lowest power first.  The pack makes every coefficient a literal: device code cannot
// read a host array, and the loop needs no unrolling.  Of several numbers at once (velbo/lanes.h) even and odd powers go side by side:
// there the chain of a single sum is what takes the time.
#define VELBO_POLYNOMIAL(NAME)                                                         \
  template <class T, int I, int kStep>                                                 \
  VELBO_HD constexpr T NAME##_from(T x) {                                              \
    constexpr T coefficient = static_cast<T>(constants::NAME[I]);                      \
    if constexpr (I + kStep >= sizeof(constants::NAME) / sizeof(constants::NAME[0])) { \
      return coefficient;                                                              \
    } else {                                                                           \
      return mul_add(x, NAME##_from<T, I + kStep, kStep>(x), coefficient);             \
    }                                                                                  \
  }                                                                                    \
  template <class T>                                                                   \
  VELBO_HD constexpr T NAME(T x) {                                                     \
    if constexpr (std::is_floating_point_v<T>) {                                       \
      return NAME##_from<T, 0, 1>(x);                                                  \
    } else {                                                                           \
      const T square = x * x;                                                          \
      return mul_add(x, NAME##_from<T, 1, 2>(square), NAME##_from<T, 0, 2>(square));   \
    }                                                                                  \
  }
VELBO_POLYNOMIAL(exp_float)
VELBO_POLYNOMIAL(exp_double)
VELBO_POLYNOMIAL(log1p_float)
VELBO_POLYNOMIAL(log1p_double)
VELBO_POLYNOMIAL(mills_float)
VELBO_POLYNOMIAL(mills_double)
#undef VELBO_POLYNOMIAL

VELBO_HD float of_bits(std::uint32_t x) { return __builtin_bit_cast(float, x); }
VELBO_HD double of_bits(std::uint64_t x) { return __builtin_bit_cast(double, x); }
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
template <class T>
VELBO_HD T power_of_two(T shifted) {
  if constexpr (is_float<T>) {
    return of_bits((bits_of(shifted) + 127U) << 23U);
  } else {
    return of_bits((bits_of(shifted) + std::uint64_t{1023}) << std::uint64_t{52});
  }
}

}  // namespace elementary

// condition ? a : b, with both worked out: also of several numbers at once (velbo/lanes.h).
template <class T>
VELBO_HD T choose(bool condition, T a, T b) {
  return condition ? a : b;
}

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
  const T clamped = choose(x < lowest, lowest, x);
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
  const T above = choose(x < lowest, lowest, x);
  const T clamped = choose(above > highest, highest, above);
  const T n = (clamped * log2_e + shift) - shift;
  // Two factors: 2^n itself may be out of range although e^x is not.
  const T half = (n * T(0.5) + shift) - shift;
  return elementary::exp_reduced(clamped, n) * elementary::power_of_two(half + shift) *
         elementary::power_of_two((n - half) + shift);
}

// log x: -infinity of 0, NaN below, infinity of infinity; subnormal numbers too.  With x = 2^n m and sqrt(1/2) <= m < sqrt(2),
// log m = 2 atanh((m - 1) / (m + 1)).
template <class T>
VELBO_HD T log_any(T x) {
  using elementary::bits_of;
  using elementary::of_bits;
  constexpr bool single = elementary::is_float<T>;
  using Bits = std::conditional_t<single, std::uint32_t, std::uint64_t>;
  constexpr Bits digits = single ? 23 : 52;
  constexpr Bits one = single ? Bits{0x3f800000U} : static_cast<Bits>(0x3ff0000000000000U);
  constexpr Bits root_half = single ? Bits{0x3f3504f3U} : static_cast<Bits>(0x3fe6a09e667f3bcdU);
  constexpr T smallest = single ? T(1.17549435082228751e-38) : T(2.2250738585072014e-308);
  constexpr T lift = single ? T(33554432.0) : T(18014398509481984.0);  // 2^25, 2^54
  // An integer below 2^digits in the low bits of this is that many more; the exponent's bias goes with it.
  constexpr Bits counter = single ? Bits{0x4b000000U} : static_cast<Bits>(0x4330000000000000U);
  constexpr T bias = single ? T(8388608.0 + 127) : T(4503599627370496.0 + 1023);
  constexpr T lifted_bias = single ? T(8388608.0 + 127 + 25) : T(4503599627370496.0 + 1023 + 54);
  constexpr T log2_high = single ? T(0.693359375) : T(0.69314718036912382);
  constexpr T log2_low = single ? T(-2.12194440054690583e-4) : T(1.9082149292705877e-10);
  constexpr T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();

  const auto is_small = x < smallest;
  const auto bits = bits_of(choose(is_small, x * lift, x)) + (one - root_half);
  const T n = of_bits((bits >> digits) | counter) - choose(is_small, lifted_bias, bias);
  const T m = of_bits((bits & ((Bits{1} << digits) - 1)) + root_half);
  const T w = (m - T(1)) / (m + T(1));
  T series;
  if constexpr (single) {
    series = elementary::log1p_float<T>(w * w);
  } else {
    series = elementary::log1p_double<T>(w * w);
  }
  const T value = elementary::mul_add(n, log2_high, elementary::mul_add(w, series, n * log2_low));
  return choose(x > T(0), choose(x < infinity, value, x), choose(x == T(0), -infinity, nan));
}

// log(1 + x): what rounding takes off 1 + x is put back.
template <class T>
VELBO_HD T log1p_any(T x) {
  const T sum = T(1) + x;
  const T value = log_any(sum) + (x - (sum - T(1))) / sum;
  return choose(sum > T(0) && sum < T(std::numeric_limits<T>::infinity()), value, log_any(sum));
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
