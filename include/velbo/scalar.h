// velbo/scalar.h - what functions of several scalars need: which scalar comes out, and how derivatives are gathered.
//
// Numbers (float, double, integers) and one type of scalars with derivatives mix freely.  The result is that type if there
// is one among the arguments; otherwise double if there is one, float if there is one, and double for integers alone.
#pragma once
#include <limits>
#include <type_traits>
#include <utility>

#include "velbo/dual.h"
#include "velbo/host_device.h"

namespace velbo {
namespace internal {

template <class A, class B>
constexpr auto promote_two() {
  if constexpr (Differentiable<A>) {
    static_assert(!Differentiable<B> || std::is_same_v<A, B>, "two types of scalars with derivatives");
    return std::type_identity<A>{};
  } else if constexpr (Differentiable<B> || std::is_integral_v<A>) {
    return std::type_identity<B>{};
  } else if constexpr (std::is_integral_v<B>) {
    return std::type_identity<A>{};
  } else {
    return std::type_identity<decltype(A() + B())>{};
  }
}

template <class... X>
struct Promote {
  using type = double;  // integers alone
};
template <class X>
requires(!std::is_integral_v<X>) struct Promote<X> {
  using type = X;
};
template <class A, class B, class... X>
struct Promote<A, B, X...> : Promote<typename decltype(promote_two<A, B>())::type, X...> {};

template <class X>
struct RealOf {
  using type = X;
};
template <Differentiable X>
struct RealOf<X> {
  using type = std::remove_cvref_t<decltype(value_of(std::declval<const X&>()))>;
};

}  // namespace internal

// The scalar that a function of such arguments returns, and the number behind it: constants and everything that carries no
// derivatives are worked out in that type, so that a model of floats stays in float.
template <class... X>
using promoted_t = typename internal::Promote<std::remove_cvref_t<X>...>::type;
template <class... X>
using real_t = typename internal::RealOf<promoted_t<X...>>::type;

namespace internal {

template <class T>
inline constexpr T kInfinity = std::numeric_limits<T>::infinity();
template <class T>
inline constexpr T kNaN = std::numeric_limits<T>::quiet_NaN();
template <class T>
inline constexpr T kLogTwo = T(0.69314718055994530942);
template <class T>
inline constexpr T kHalfLogTwoPi = T(0.91893853320467274178);

// The value of any scalar as a T.
template <class T, class X>
VELBO_HOST_DEVICE constexpr T number_of(const X& x) {
  if constexpr (std::is_arithmetic_v<X>) {
    return static_cast<T>(x);
  } else {
    return static_cast<T>(value_of(x));
  }
}

// x as what arithmetic with an R takes: itself if it carries derivatives, or R's number.
template <class R, class X>
VELBO_HOST_DEVICE constexpr auto operand(const X& x) {
  if constexpr (Differentiable<X>) {
    return x;
  } else {
    return static_cast<real_t<R>>(x);
  }
}

template <class T>
VELBO_HOST_DEVICE constexpr auto is_finite(T x) {
  return x - x == T(0);
}
template <class T>
VELBO_HOST_DEVICE constexpr auto is_positive(T x) {
  return x > T(0) && x < T(kInfinity<T>);
}

template <class R>
VELBO_HOST_DEVICE constexpr void add_partials(R&) {}
template <class R, class T, class X, class... Rest>
VELBO_HOST_DEVICE constexpr void add_partials(R& out, const X& x, T partial, const Rest&... rest) {
  if constexpr (Differentiable<X>) out += chain(x, partial, T(0));
  add_partials(out, rest...);
}

// with_partials() below, with x for the first argument that carries derivatives; chain() takes two at a time.
template <class R, class T, class X>
VELBO_HOST_DEVICE constexpr R chain_some(T value, const X& x, T partial) {
  return chain(x, partial, value);
}
template <class R, class T, class X, class Y, class... Rest>
VELBO_HOST_DEVICE constexpr R chain_some(T value, const X& x, T by_x, const Y& y, T by_y, const Rest&... rest) {
  if constexpr (Differentiable<Y>) {
    R out = chain(x, by_x, y, by_y, value);
    add_partials(out, rest...);
    return out;
  } else {
    return chain_some<R>(value, x, by_x, rest...);
  }
}

// A function's value and pairs of an argument and the partial derivative by it; those of plain numbers are passed over,
// and a compiler drops the arithmetic that led to them.
template <class R, class T>
VELBO_HOST_DEVICE constexpr R with_partials(T value) {
  return R(value);
}
template <class R, class T, class X, class... Rest>
VELBO_HOST_DEVICE constexpr R with_partials(T value, const X& x, T partial, const Rest&... rest) {
  if constexpr (Differentiable<X>) {
    return chain_some<R>(value, x, partial, rest...);
  } else {
    return with_partials<R>(value, rest...);
  }
}

}  // namespace internal
}  // namespace velbo
