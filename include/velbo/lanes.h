// velbo/lanes.h - several doubles that are worked on by one instruction, as the number behind Dual: rows of a plate for several draws.
//
// How many depends on what the file is compiled for: 2 by default on x86-64, 4 with AVX2 (-march=x86-64-v3), 8 with AVX-512; 1 where
// the compiler has no vectors.  Every lane has the bits that it would have beside any others.  Host only.
//
// Comparisons give a LaneMask, which no `if` takes: choose(mask, a, b) has both sides worked out.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "velbo/dual.h"
#include "velbo/math/elementary.h"

#if defined(__GNUC__) && !defined(__CUDACC__)
#define VELBO_HAVE_LANES 1

namespace velbo {
namespace internal {

#if defined(__AVX512F__)
inline constexpr int kLaneBytes = 64;
#elif defined(__AVX__)
inline constexpr int kLaneBytes = 32;
#else
inline constexpr int kLaneBytes = 16;
#endif

// Of a template, so that files compiled for different instruction sets do not share functions.
template <int kBytes>
struct LaneMaskOf {
  using Bits __attribute__((vector_size(kBytes))) = long long;
  Bits bits;

  friend LaneMaskOf operator&&(LaneMaskOf a, LaneMaskOf b) { return {a.bits & b.bits}; }
  friend LaneMaskOf operator||(LaneMaskOf a, LaneMaskOf b) { return {a.bits | b.bits}; }
  friend LaneMaskOf operator!(LaneMaskOf a) { return {~a.bits}; }
};

template <int kBytes>
struct LanesOf {
  static constexpr int count = kBytes / static_cast<int>(sizeof(double));
  using Vector __attribute__((vector_size(kBytes))) = double;
  using Mask = LaneMaskOf<kBytes>;
  Vector vector;

  LanesOf() = default;
  constexpr LanesOf(double x) : vector(all(x)) {}  // NOLINT(google-explicit-constructor): as numbers convert
  constexpr explicit LanesOf(Vector x, int) : vector(x) {}

  // All lanes x.  GCC takes no list where the size depends on a template, Clang no arithmetic with NaN in constants.
  static constexpr Vector all(double x) {
#if defined(__clang__)
    if constexpr (count == 2) {
      return Vector{x, x};
    } else if constexpr (count == 4) {
      return Vector{x, x, x, x};
    } else {
      return Vector{x, x, x, x, x, x, x, x};
    }
#else
    return x - Vector{};
#endif
  }
  static LanesOf load(const double* p) {
    LanesOf out;
    __builtin_memcpy(&out.vector, p, sizeof(Vector));
    return out;
  }
  void store(double* p) const { __builtin_memcpy(p, &vector, sizeof(Vector)); }

  constexpr friend LanesOf operator+(LanesOf a, LanesOf b) { return LanesOf(a.vector + b.vector, 0); }
  constexpr friend LanesOf operator-(LanesOf a, LanesOf b) { return LanesOf(a.vector - b.vector, 0); }
  constexpr friend LanesOf operator*(LanesOf a, LanesOf b) { return LanesOf(a.vector * b.vector, 0); }
  constexpr friend LanesOf operator/(LanesOf a, LanesOf b) { return LanesOf(a.vector / b.vector, 0); }
  constexpr friend LanesOf operator-(LanesOf a) { return LanesOf(-a.vector, 0); }
  constexpr LanesOf& operator+=(LanesOf b) { return *this = *this + b; }
  constexpr LanesOf& operator-=(LanesOf b) { return *this = *this - b; }
  constexpr LanesOf& operator*=(LanesOf b) { return *this = *this * b; }
  constexpr LanesOf& operator/=(LanesOf b) { return *this = *this / b; }

  friend Mask operator<(LanesOf a, LanesOf b) { return {a.vector < b.vector}; }
  friend Mask operator>(LanesOf a, LanesOf b) { return {a.vector > b.vector}; }
  friend Mask operator<=(LanesOf a, LanesOf b) { return {a.vector <= b.vector}; }
  friend Mask operator>=(LanesOf a, LanesOf b) { return {a.vector >= b.vector}; }
  friend Mask operator==(LanesOf a, LanesOf b) { return {a.vector == b.vector}; }
  friend Mask operator!=(LanesOf a, LanesOf b) { return {a.vector != b.vector}; }
};

template <int kBytes>
inline constexpr bool is_lanes<LanesOf<kBytes>> = true;

template <int kBytes>
VELBO_HD LanesOf<kBytes> choose(LaneMaskOf<kBytes> mask, LanesOf<kBytes> a, LanesOf<kBytes> b) {
  return LanesOf<kBytes>(mask.bits ? a.vector : b.vector, 0);
}

template <int kBytes>
VELBO_HD LanesOf<kBytes> abs_of(LanesOf<kBytes> x) {
  using Bits = typename LaneMaskOf<kBytes>::Bits;
  return LanesOf<kBytes>(reinterpret_cast<typename LanesOf<kBytes>::Vector>(reinterpret_cast<Bits>(x.vector) &
                                                                            std::numeric_limits<long long>::max()),
                         0);
}

template <int kBytes>
struct LaneBits {
  using Vector __attribute__((vector_size(kBytes))) = unsigned long long;
  Vector bits;

  friend LaneBits operator+(LaneBits a, std::uint64_t b) { return {a.bits + static_cast<unsigned long long>(b)}; }
  friend LaneBits operator&(LaneBits a, std::uint64_t b) { return {a.bits & static_cast<unsigned long long>(b)}; }
  friend LaneBits operator|(LaneBits a, std::uint64_t b) { return {a.bits | static_cast<unsigned long long>(b)}; }
  friend LaneBits operator<<(LaneBits a, std::uint64_t b) { return {a.bits << static_cast<unsigned long long>(b)}; }
  friend LaneBits operator>>(LaneBits a, std::uint64_t b) { return {a.bits >> static_cast<unsigned long long>(b)}; }
};

template <int kBytes>
VELBO_HD LaneBits<kBytes> bits_of(LanesOf<kBytes> x) {
  return {reinterpret_cast<typename LaneBits<kBytes>::Vector>(x.vector)};
}
template <int kBytes>
VELBO_HD LanesOf<kBytes> of_bits(LaneBits<kBytes> x) {
  return LanesOf<kBytes>(reinterpret_cast<typename LanesOf<kBytes>::Vector>(x.bits), 0);
}

using Lanes = LanesOf<kLaneBytes>;

// Lane l of a scalar with derivatives, and back.
template <int kBytes, int N>
VELBO_HD Dual<double, N> lane_of(const Dual<LanesOf<kBytes>, N>& x, int l) {
  Dual<double, N> out(x.value.vector[l]);
  for (int i = 0; i < N; ++i) out.derivative[i] = x.derivative[i].vector[l];
  return out;
}
template <class X>
requires std::is_arithmetic_v<X> VELBO_HD X lane_of(X x, int) { return x; }

template <int kBytes, int N>
VELBO_HD void set_lane(Dual<LanesOf<kBytes>, N>& out, int l, const Dual<double, N>& x) {
  out.value.vector[l] = x.value;
  for (int i = 0; i < N; ++i) out.derivative[i].vector[l] = x.derivative[i];
}

// A function that is not made of what all lanes do alike: one lane after the other.
template <class R, class F, class... X>
R by_lane(const F& f, const X&... x) {
  R out(0.0);
  for (int l = 0; l < std::remove_cvref_t<decltype(out.value)>::count; ++l) set_lane(out, l, f(lane_of(x, l)...));
  return out;
}

}  // namespace internal
}  // namespace velbo

template <int kBytes>
class std::numeric_limits<velbo::internal::LanesOf<kBytes>> : public std::numeric_limits<double> {};
#endif
