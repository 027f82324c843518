// velbo/dual.h - forward-mode automatic differentiation: a number and its derivatives in N directions.
//
// A log density that is templated on its scalar is evaluated with Dual<T, N> and gives its gradient, N latents at a time
// (Griewank and Walther 2008, section 3.1).  Functions of Duals: velbo/functions.h.  Host and device; no state.
#pragma once
#include <concepts>
#include <type_traits>
#include <utility>

#include "velbo/host_device.h"

namespace velbo {

namespace internal {
// Of a number that is several (velbo/lanes.h).
template <class T>
inline constexpr bool is_lanes = false;
}  // namespace internal

// T: float or double, or several doubles (velbo/lanes.h).  Compares by value alone: a branch is differentiated along the side that was taken.
template <class T, int N>
struct Dual {
  static_assert((std::is_floating_point_v<T> || internal::is_lanes<T>)&&N >= 1);

  // What constants are written as.
  using Constant = std::conditional_t<internal::is_lanes<T>, double, T>;

  T value = 0;
  T derivative[N] = {};

  Dual() = default;
  // A constant.
  template <class Number>
  requires(std::is_arithmetic_v<Number> || std::is_same_v<Number, T>) VELBO_HOST_DEVICE constexpr Dual(Number constant)
      : value(static_cast<T>(constant)) {}  // NOLINT: as double converts

  // A variable: the derivative in `direction` is 1; in none where direction is outside 0 .. N - 1.
  VELBO_HOST_DEVICE static constexpr Dual variable(T value, int direction) {
    Dual out(value);
    if (direction >= 0 && direction < N) out.derivative[direction] = 1;
    return out;
  }

  VELBO_HOST_DEVICE constexpr Dual& operator+=(const Dual& b) {
    value += b.value;
    for (int i = 0; i < N; ++i) derivative[i] += b.derivative[i];
    return *this;
  }
  VELBO_HOST_DEVICE constexpr Dual& operator-=(const Dual& b) {
    value -= b.value;
    for (int i = 0; i < N; ++i) derivative[i] -= b.derivative[i];
    return *this;
  }
  VELBO_HOST_DEVICE constexpr Dual& operator*=(const Dual& b) { return *this = *this * b; }
  VELBO_HOST_DEVICE constexpr Dual& operator/=(const Dual& b) { return *this = *this / b; }
  VELBO_HOST_DEVICE constexpr Dual& operator+=(Constant b) {
    value += b;
    return *this;
  }
  VELBO_HOST_DEVICE constexpr Dual& operator-=(Constant b) {
    value -= b;
    return *this;
  }
  VELBO_HOST_DEVICE constexpr Dual& operator*=(Constant b) {
    value *= b;
    for (int i = 0; i < N; ++i) derivative[i] *= b;
    return *this;
  }
  VELBO_HOST_DEVICE constexpr Dual& operator/=(Constant b) { return *this = *this / b; }

  VELBO_HOST_DEVICE friend constexpr Dual operator+(const Dual& a) { return a; }
  VELBO_HOST_DEVICE friend constexpr Dual operator-(const Dual& a) { return chain(a, T(-1), -a.value); }

  VELBO_HOST_DEVICE friend constexpr Dual operator+(Dual a, const Dual& b) { return a += b; }
  VELBO_HOST_DEVICE friend constexpr Dual operator-(Dual a, const Dual& b) { return a -= b; }
  VELBO_HOST_DEVICE friend constexpr Dual operator*(const Dual& a, const Dual& b) {
    return chain(a, b.value, b, a.value, a.value * b.value);
  }
  VELBO_HOST_DEVICE friend constexpr Dual operator/(const Dual& a, const Dual& b) {
    const T quotient = a.value / b.value, inverse = 1 / b.value;
    return chain(a, inverse, b, -quotient * inverse, quotient);
  }

  // With constants, whose derivatives nobody needs to work out.
  VELBO_HOST_DEVICE friend constexpr Dual operator+(Dual a, Constant b) { return a += b; }
  VELBO_HOST_DEVICE friend constexpr Dual operator+(Constant a, Dual b) { return b += a; }
  VELBO_HOST_DEVICE friend constexpr Dual operator-(Dual a, Constant b) { return a -= b; }
  VELBO_HOST_DEVICE friend constexpr Dual operator-(Constant a, const Dual& b) { return chain(b, T(-1), a - b.value); }
  VELBO_HOST_DEVICE friend constexpr Dual operator*(Dual a, Constant b) { return a *= b; }
  VELBO_HOST_DEVICE friend constexpr Dual operator*(Constant a, Dual b) { return b *= a; }
  VELBO_HOST_DEVICE friend constexpr Dual operator/(const Dual& a, Constant b) { return chain(a, 1 / b, a.value / b); }
  VELBO_HOST_DEVICE friend constexpr Dual operator/(Constant a, const Dual& b) {
    const T quotient = a / b.value;
    return chain(b, -quotient / b.value, quotient);
  }

  VELBO_HOST_DEVICE friend constexpr auto operator==(const Dual& a, const Dual& b) { return a.value == b.value; }
  VELBO_HOST_DEVICE friend constexpr auto operator<(const Dual& a, const Dual& b) { return a.value < b.value; }
  VELBO_HOST_DEVICE friend constexpr auto operator>(const Dual& a, const Dual& b) { return a.value > b.value; }
  VELBO_HOST_DEVICE friend constexpr auto operator<=(const Dual& a, const Dual& b) { return a.value <= b.value; }
  VELBO_HOST_DEVICE friend constexpr auto operator>=(const Dual& a, const Dual& b) { return a.value >= b.value; }

  // f(a) for f with the value and the derivative given.
  VELBO_HOST_DEVICE friend constexpr Dual chain(const Dual& a, T df_da, T f) {
    Dual out(f);
    for (int i = 0; i < N; ++i) out.derivative[i] = df_da * a.derivative[i];
    return out;
  }
  VELBO_HOST_DEVICE friend constexpr Dual chain(const Dual& a, T df_da, const Dual& b, T df_db, T f) {
    Dual out(f);
    for (int i = 0; i < N; ++i) out.derivative[i] = df_da * a.derivative[i] + df_db * b.derivative[i];
    return out;
  }
};

// The number behind a scalar, and its type.
template <class T, int N>
VELBO_HOST_DEVICE constexpr T value_of(const Dual<T, N>& x) {
  return x.value;
}
template <std::floating_point T>
VELBO_HOST_DEVICE constexpr T value_of(T x) {
  return x;
}

// What chain() and value_of() are there for: scalars that carry derivatives.  The functions and densities of velbo also ask for
// construction from a number, += and + of a number; velbo/matrix_functions.h and most models for all of the arithmetic.
template <class X>
concept Differentiable = !std::is_arithmetic_v<X> && requires(const X& x) {
  value_of(x);
  { chain(x, value_of(x), value_of(x)) } -> std::same_as<X>;
};

namespace internal {
template <class X>
concept HasLanes = Differentiable<X> && is_lanes<std::remove_cvref_t<decltype(value_of(std::declval<const X&>()))>>;
}  // namespace internal

template <class X>
concept ModelScalar = std::floating_point<X> || Differentiable<X>;

}  // namespace velbo
