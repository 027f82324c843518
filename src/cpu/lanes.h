// cpu/lanes.h - vectors of the instruction set that this file is being compiled for, by the compiler's vector extension.
// Included only by the sources that velbo_isa_sources() compiles once an instruction set; see src/cpu/isa.h.
#pragma once
#include <cstdint>

#if defined(VELBO_VECTOR_BYTES)  // a test asks for a width that its processor has not: the compiler splits the vectors
#elif defined(__AVX512F__)
#define VELBO_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define VELBO_VECTOR_BYTES 32
#else
#define VELBO_VECTOR_BYTES 16
#endif

// Accumulators live in registers only when their loops are unrolled.
#if defined(__clang__)
#define VELBO_UNROLL _Pragma("unroll")
#else
#define VELBO_UNROLL _Pragma("GCC unroll 16")
#endif

namespace velbo::internal {
namespace {  // internal linkage: each instruction set has its own copy, and the linker must never merge them

template <class T>
struct Lanes {
  static constexpr int count = VELBO_VECTOR_BYTES / static_cast<int>(sizeof(T));
  using Vector __attribute__((vector_size(VELBO_VECTOR_BYTES), may_alias)) = T;
  using Unaligned __attribute__((vector_size(VELBO_VECTOR_BYTES), may_alias, aligned(sizeof(T)))) = T;
};

template <class T>
using Vector = typename Lanes<T>::Vector;

// p need only be aligned to its elements; the instructions cost the same where it is aligned to the vector.
template <class T>
inline __attribute__((always_inline)) Vector<T> load(const T* p) {
  return *reinterpret_cast<const typename Lanes<T>::Unaligned*>(p);
}

template <class T>
inline __attribute__((always_inline)) void store(T* p, Vector<T> v) {
  *reinterpret_cast<typename Lanes<T>::Unaligned*>(p) = v;
}

// By a subtraction, which the compiler may drop: value + 0 is another number for value = -0.
template <class T>
inline __attribute__((always_inline)) Vector<T> broadcast(T value) {
  return value - Vector<T>{};
}

// p[0] in the even lanes, p[1] in the odd ones.
template <class T, int... L>
inline __attribute__((always_inline)) Vector<T> broadcast_pair(const T* p) {
  if constexpr (sizeof...(L) < Lanes<T>::count) {
    return broadcast_pair<T, L..., static_cast<int>(sizeof...(L)) % 2>(p);
  } else if constexpr (sizeof(T) == sizeof(float)) {  // as an integer, which no arithmetic changes
    using Integer __attribute__((may_alias, aligned(4))) = long long;
    using Integers __attribute__((vector_size(VELBO_VECTOR_BYTES))) = long long;
    return reinterpret_cast<Vector<T>>(*reinterpret_cast<const Integer*>(p) - Integers{});
  } else {
    using Pair __attribute__((vector_size(2 * sizeof(T)), may_alias, aligned(sizeof(T)))) = T;
    const Pair pair = *reinterpret_cast<const Pair*>(p);
    return __builtin_shufflevector(pair, pair, L...);
  }
}

// One level of the transposing reduction: lane l of the result is the sum of two lanes of a where bit H of l is 0, of b
// where it is 1.
template <class T, int H, int... L>
inline __attribute__((always_inline)) Vector<T> merge_lanes(Vector<T> a, Vector<T> b) {
  constexpr int n = Lanes<T>::count;
  if constexpr (sizeof...(L) < n) {
    return merge_lanes<T, H, L..., static_cast<int>(sizeof...(L))>(a, b);
  } else {
    const auto low = __builtin_shufflevector(a, b, ((L / H) % 2 == 0 ? L : n + L - H)...);
    const auto high = __builtin_shufflevector(a, b, ((L / H) % 2 == 0 ? L + H : n + L)...);
    return low + high;
  }
}

// Lane l of the result is the sum of all lanes of v[l], for `count` vectors.  Destroys v.
template <class T, int H = 1>
inline __attribute__((always_inline)) Vector<T> sums_of_each(Vector<T>* v) {
  constexpr int n = Lanes<T>::count;
  if constexpr (H == n) {
    return v[0];
  } else {
    for (int k = 0; k < n / (2 * H); ++k) v[k] = merge_lanes<T, H>(v[2 * k], v[2 * k + 1]);
    return sums_of_each<T, 2 * H>(v);
  }
}

}  // namespace
}  // namespace velbo::internal
