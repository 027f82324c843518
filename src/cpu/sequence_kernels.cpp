// cpu/sequence_kernels.cpp - forward-backward recursions scaled at each row (Rabiner 1989), states in vector lanes.
//
// Nothing here may be shared with another instruction set's copy: no standard library templates, only internal linkage and functions
// that are always inlined.
#include "cpu/sequence_kernels.h"

#include "backend/sequence_ops.h"
#include "cpu/lanes.h"
#include "velbo/math/elementary.h"

#define VELBO_JOIN_(a, b) a##b
#define VELBO_JOIN(a, b) VELBO_JOIN_(a, b)

namespace velbo::internal {
namespace {

constexpr std::int64_t kStepsInT = 512;  // sums of so many steps are T's

template <class T>
constexpr int kCount = Lanes<T>::count;

// The lanes' sum, and the largest, in a fixed order.
template <class T>
inline __attribute__((always_inline)) T lanes_sum(Vector<T> v) {
  T sum = v[0];
  VELBO_UNROLL
  for (int l = 1; l < kCount<T>; ++l) sum += v[l];
  return sum;
}
template <class T>
inline __attribute__((always_inline)) T lanes_most(Vector<T> v) {
  T most = v[0];
  VELBO_UNROLL
  for (int l = 1; l < kCount<T>; ++l) most = v[l] > most ? v[l] : most;
  return most;
}

// kBlock vectors of out = in' M.
template <class T, int kBlock>
inline __attribute__((always_inline)) void multiply_block(const T* in, const T* m, std::int64_t k, std::int64_t stride,
                                                          T* out) {
  Vector<T> sum[kBlock] = {};
  for (std::int64_t i = 0; i < k; ++i) {
    const Vector<T> factor = broadcast(in[i]);
    VELBO_UNROLL
    for (int v = 0; v < kBlock; ++v) sum[v] += factor * load(m + i * stride + v * kCount<T>);
  }
  VELBO_UNROLL
  for (int v = 0; v < kBlock; ++v) store(out + v * kCount<T>, sum[v]);
}
// out [stride] = in' M, M [K, stride].
template <class T>
inline __attribute__((always_inline)) void multiply(const T* in, const T* m, std::int64_t k, std::int64_t stride,
                                                    T* out) {
  constexpr int n = kCount<T>;
  std::int64_t j = 0;
  for (; j + 4 * n <= stride; j += 4 * n) multiply_block<T, 4>(in, m + j, k, stride, out + j);
  for (; j + 2 * n <= stride; j += 2 * n) multiply_block<T, 2>(in, m + j, k, stride, out + j);
  for (; j < stride; j += n) multiply_block<T, 1>(in, m + j, k, stride, out + j);
}

template <class T>
void densities(const ScaledChain<T>& c) {
  constexpr int n = kCount<T>;
  for (std::int64_t t = 0; t < c.n_rows; ++t) {
    const T* const row = c.density + t * c.stride;
    Vector<T> most = load(row);
    for (std::int64_t j = n; j < c.stride; j += n) {
      const Vector<T> other = load(row + j);
      most = other > most ? other : most;
    }
    c.top[t] = lanes_most<T>(most);
  }
  // Below this one a density is nothing: subnormal numbers are slow, and ChainLimits sees where one would have mattered.
  constexpr T least = sizeof(T) == sizeof(float) ? T(-87) : T(-708);
  for (std::int64_t t = 0; t < c.n_rows; ++t) {
    const T top = c.top[t];
    for (std::int64_t j = 0; j < c.stride; ++j) {
      const T below = c.density[t * c.stride + j] - top, e = exp_nonpositive(below);
      c.emission[t * c.stride + j] = below < least ? T(0) : e;
    }
  }
}

template <class T>
bool forwards(const ScaledChain<T>& c) {
  constexpr int n = kCount<T>;
  for (std::int64_t t = 0; t < c.n_rows; ++t) {
    T* const forward = c.share + t * c.stride;
    const T* const emission = c.emission + t * c.stride;
    if (t == 0) {
      for (std::int64_t j = 0; j < c.stride; ++j) forward[j] = c.initial[j];
    } else {
      multiply(forward - c.stride, c.transition, c.n_states, c.stride, forward);
    }
    Vector<T> sums = {};
    for (std::int64_t j = 0; j < c.stride; j += n) {
      const Vector<T> weight = load(forward + j) * load(emission + j);
      store(forward + j, weight);
      sums += weight;
    }
    const T sum = lanes_sum<T>(sums);
    if (!(sum >= ChainLimits<T>::least)) return false;
    const Vector<T> inverse = broadcast(1 / sum);
    for (std::int64_t j = 0; j < c.stride; j += n) store(forward + j, load(forward + j) * inverse);
    c.scale[t] = sum;
  }
  return true;
}

// Adds the sums of some steps to `products`.
template <class T>
void flush(const ScaledChain<T>& c) {
  for (std::int64_t i = 0; i < c.n_states * c.stride; ++i) {
    c.products[i] += static_cast<double>(c.steps[i]);
    c.steps[i] = 0;
  }
}

template <class T>
bool backwards(const ScaledChain<T>& c) {
  constexpr int n = kCount<T>;
  for (std::int64_t i = 0; i < c.n_states * c.stride; ++i) c.products[i] = c.steps[i] = 0;
  for (std::int64_t j = 0; j < c.stride; ++j) c.rest[j] = 1;
  for (std::int64_t t = c.n_rows - 1; t >= 0; --t) {
    T* const forward = c.share + t * c.stride;
    const Vector<T> inverse = broadcast(1 / c.scale[t]);
    Vector<T> sums = {}, most = {};
    for (std::int64_t j = 0; j < c.stride; j += n) {
      const Vector<T> rest = load(c.rest + j), above = rest * inverse, share = load(forward + j) * rest;
      most = above > most ? above : most;
      store(c.next + j, load(c.emission + t * c.stride + j) * above);
      store(forward + j, share);
      sums += share;
    }
    const T shares = lanes_sum<T>(sums);
    if (!(lanes_most<T>(most) <= ChainLimits<T>::most) || !(shares > 0)) return false;
    // They add up to 1 but for rounding, which would pile up over rows.
    const Vector<T> once = broadcast(1 / shares);
    for (std::int64_t j = 0; j < c.stride; j += n) store(forward + j, load(forward + j) * once);
    if (t == 0) break;
    for (std::int64_t j = 0; j < c.stride; j += n) store(c.next + j, load(c.next + j) * once);
    for (std::int64_t i = 0; i < c.n_states; ++i) {
      const Vector<T> before = broadcast(forward[i - c.stride]);
      T* const to = c.steps + i * c.stride;
      for (std::int64_t j = 0; j < c.stride; j += n) store(to + j, load(to + j) + before * load(c.next + j));
    }
    if (t % kStepsInT == 0) flush(c);
    multiply(c.next, c.transposed, c.n_states, c.stride, c.rest);
  }
  flush(c);
  return true;
}

template <class T>
bool expect(const ScaledChain<T>& c) {
  densities(c);
  return forwards(c) && backwards(c);
}

template <class T>
constexpr SequenceKernels<T> kernels{.lanes = kCount<T>, .expect = expect<T>};

}  // namespace

const SequenceTable& VELBO_JOIN(sequence_table_, VELBO_ISA)();  // declared where it is called, in sequence_ops.cpp

const SequenceTable& VELBO_JOIN(sequence_table_, VELBO_ISA)() {
  static constexpr SequenceTable table{.of_float = kernels<float>, .of_double = kernels<double>};
  return table;
}

}  // namespace velbo::internal
