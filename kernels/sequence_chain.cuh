// sequence_chain.cuh - forward-backward recursions of many sequences, scaled at each row (Rabiner 1989).
//
// A block goes through a sequence, forwards and backwards; its threads share out the states.  What a step reads of rows is on its way
// while the steps before are made.  A step has one barrier: the new weights lie beside the last ones, and are divided by their sum by those
// who read them.
#pragma once
#include <cstddef>
#include <cstdint>

#include "math/row_likelihood.h"
#include "row_panel.cuh"
#include "simt.cuh"
#include "velbo/math/elementary.h"

namespace velbo::kernels {

constexpr int kMostStateThreads = 256;
constexpr int kStateBlocks = 4;  // of a multiprocessor; left to itself the compiler spills for the sake of more
constexpr int kStepsAhead = 4;   // rows of the ring that is filled ahead
constexpr std::int64_t kStatesAhead = 256;  // of more states a row takes long enough

// Row-major matrices of rows [n_rows, K] lie `stride` elements apart.
template <class T>
struct ChainArguments {
  std::int64_t n_sequences = 0;
  const std::int64_t* start = nullptr;  // [n_sequences + 1]
  std::int64_t n_states = 0, stride = 0;
  const T* initial = nullptr;     // [K]
  const T* transition = nullptr;  // [K, K], from row to column
  const T* transposed = nullptr;  // [K, K], from column to row
  const T* top = nullptr;         // [n_rows] log of the largest density of the row
  T* emission =
      nullptr;  // in: densities, of their largest.  out: weights of the path from here on, seen from the row before
  T* forward = nullptr;         // out: shares given the rows so far
  T* share = nullptr;           // out: shares given all rows
  T* scale = nullptr;           // [n_rows] out: sums of the forward weights
  double* log_total = nullptr;  // [n_sequences] out: sum of log(scale) + top
  std::int32_t* failed =
      nullptr;  // [n_sequences] out: 1 where T loses paths; emission and forward are then zeros, share is nothing
  T least = T(0), most = T(0);  // internal::ChainLimits
  bool shared_transition = false;
};

// Elements of T in a block's shared memory; K times K + 1 or K + 2, an odd number, of the transitions, so that rows and columns of them are
// read without bank conflicts.
struct ChainLayout {
  std::int64_t k;
  int threads;
  bool ahead, shared_transition;

  VELBO_HD std::int64_t leading() const { return k | 1; }
  VELBO_HD std::int64_t stage() const { return 2 * k + threads; }  // emission, forward, scale by thread
  VELBO_HD std::int64_t transition_at() const { return ahead ? kStepsAhead * stage() : 0; }
  VELBO_HD std::int64_t values_at() const { return transition_at() + (shared_transition ? k * leading() : 0); }
  VELBO_HD std::int64_t rest_at() const { return values_at() + 2 * k; }
  VELBO_HD std::int64_t elements() const { return rest_at() + k; }
  // The sums of warps, in double, come first.
  template <class T>
  std::size_t bytes() const {
    return 3 * kWarps * sizeof(double) + static_cast<std::size_t>(elements()) * sizeof(T);
  }
};

// The sum over the block of every thread's value, in a fixed order, for all threads.  `shared`: a number a warp.  Has a barrier; the
// next but one use of the same `shared` is safe.
template <class X>
__device__ __forceinline__ X sum_of_team(X value, X* shared) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffU, value, offset);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  X sum = shared[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) sum += shared[warp];
  return sum;
}

// What a thread reads of rows to come.  Each thread reads what it has copied itself, so that waiting takes no barrier.
template <class T, bool kAhead>
struct RowRing {
  const ChainArguments<T>& a;
  T* stages;
  std::int64_t stage_size;
  bool backwards;

  __device__ __forceinline__ T* stage(std::int64_t step) const { return stages + step % kStepsAhead * stage_size; }

  // Row `row` is that of step `step`; past the sequence's end it is not valid.
  __device__ __forceinline__ void fetch(std::int64_t step, std::int64_t row, bool valid) const {
    if constexpr (kAhead) {
      const int t = static_cast<int>(threadIdx.x);
      const auto k = static_cast<int>(a.n_states);
      T* const to = stage(step);
      if (valid) {
        for (int j = t; j < k; j += static_cast<int>(blockDim.x)) {
          simt::copy_async<static_cast<int>(sizeof(T))>(to + j, a.emission + row * a.stride + j);
          if (backwards) simt::copy_async<static_cast<int>(sizeof(T))>(to + k + j, a.forward + row * a.stride + j);
        }
        if (backwards) simt::copy_async<static_cast<int>(sizeof(T))>(to + 2 * k + t, a.scale + row);
      }
      simt::commit_copies();
    }
  }
  __device__ __forceinline__ void wait() const {
    if constexpr (kAhead) simt::wait_copies<kStepsAhead - 1>();
  }
  __device__ __forceinline__ T emission(std::int64_t step, std::int64_t row, std::int64_t j) const {
    if constexpr (kAhead) return stage(step)[j];
    return a.emission[row * a.stride + j];
  }
  __device__ __forceinline__ T forward(std::int64_t step, std::int64_t row, std::int64_t j) const {
    if constexpr (kAhead) return stage(step)[a.n_states + j];
    return a.forward[row * a.stride + j];
  }
  __device__ __forceinline__ T scale(std::int64_t step, std::int64_t row) const {
    if constexpr (kAhead) return stage(step)[2 * a.n_states + threadIdx.x];
    return a.scale[row];
  }
};

// sum_i x_i m_i of K numbers, those of m `apart` from each other.
template <class T>
__device__ __forceinline__ T product_with(const T* x, const T* m, std::int64_t apart, std::int64_t k) {
  T sum = T(0);
  const auto n = static_cast<int>(k);
#pragma unroll 4
  for (int i = 0; i < n; ++i, m += apart) sum = internal::elementary::mul_add(x[i], *m, sum);
  return sum;
}

// Blocks of 32 to 256 threads, whole warps; they take sequences in turn.
template <class T, bool kAhead>
__global__ void __launch_bounds__(kMostStateThreads, kStateBlocks) sequence_chain(const ChainArguments<T> a) {
  VELBO_SHARED_MEMORY(raw);
  const std::int64_t k = a.n_states;
  const ChainLayout layout{k, static_cast<int>(blockDim.x), kAhead, a.shared_transition};
  double* const logs = reinterpret_cast<double*>(raw);   // [kWarps]
  T* const parts = reinterpret_cast<T*>(logs + kWarps);  // [2, kWarps]
  T* const memory = reinterpret_cast<T*>(logs + 3 * kWarps);
  T* const values = memory + layout.values_at();  // [2, K]
  T* const rest = memory + layout.rest_at();      // [K] weights of what follows, from each state; a thread's own
  const std::int64_t t = threadIdx.x, n_threads = blockDim.x;

  // From state i to state j: `into` + i * into_row + j, and `from` + j * from_row + i.
  const T *into = a.transition, *from = a.transposed;
  std::int64_t into_row = k, from_row = k, into_state = 1, from_state = 1;
  if (a.shared_transition) {
    T* const own = memory + layout.transition_at();
    for (std::int64_t i = t; i < k * k; i += n_threads) own[i / k * layout.leading() + i % k] = a.transition[i];
    into = from = own;
    into_row = from_state = layout.leading();
    from_row = 1;  // read by others behind the barrier of a sequence's first row
  }

  for (std::int64_t s = blockIdx.x; s < a.n_sequences; s += gridDim.x) {
    const std::int64_t first = a.start[s], n = a.start[s + 1] - first;
    bool sound = true;
    {
      const RowRing<T, kAhead> ring{a, memory, layout.stage(), false};
      for (int step = 0; step < kStepsAhead - 1; ++step) ring.fetch(step, first + step, step < n);
      T inverse = T(1);
      for (std::int64_t step = 0; step < n; ++step) {
        const std::int64_t row = first + step;
        ring.fetch(step + kStepsAhead - 1, row + kStepsAhead - 1, step + kStepsAhead - 1 < n);
        ring.wait();
        T* const now = values + step % 2 * k;
        const T* const last = values + (step + 1) % 2 * k;
        T mine = T(0);
        for (std::int64_t j = t; j < k; j += n_threads) {
          T value = step == 0 ? a.initial[j] : product_with(last, into + j * into_state, into_row, k) * inverse;
          value *= ring.emission(step, row, j);
          now[j] = value;
          mine += value;
        }
        const T sum = sum_of_team(mine, parts + step % 2 * kWarps);
        if (!(sum >= a.least)) {
          sound = false;
          break;
        }
        inverse = T(1) / sum;
        for (std::int64_t j = t; j < k; j += n_threads) a.forward[row * a.stride + j] = now[j] * inverse;
        if (t == 0) a.scale[row] = sum;
      }
      simt::wait_copies<0>();
    }
    __syncthreads();
    if (sound) {
      double log_total = 0;
      for (std::int64_t row = first + t; row < first + n; row += n_threads)
        log_total += internal::log_of(static_cast<double>(a.scale[row])) + static_cast<double>(a.top[row]);
      log_total = sum_of_team(log_total, logs);
      if (t == 0) a.log_total[s] = log_total;

      const RowRing<T, kAhead> ring{a, memory, layout.stage(), true};
      for (int step = 0; step < kStepsAhead - 1; ++step) ring.fetch(step, first + n - 1 - step, step < n);
      for (std::int64_t j = t; j < k; j += n_threads) rest[j] = T(1);
      T lost = T(0);
      for (std::int64_t step = 0; step < n; ++step) {
        const std::int64_t row = first + n - 1 - step;
        ring.fetch(step + kStepsAhead - 1, row - kStepsAhead + 1, step + kStepsAhead - 1 < n);
        ring.wait();
        T* const now = values + step % 2 * k;
        const T inverse = T(1) / ring.scale(step, row);
        T mine = T(0);
        for (std::int64_t j = t; j < k; j += n_threads) {
          const T above = rest[j] * inverse;
          if (!(above <= a.most)) lost = T(1);
          now[j] = ring.emission(step, row, j) * above;
          mine += ring.forward(step, row, j) * rest[j];
        }
        // 1 but for rounding, which would pile up over rows.
        const T shares = sum_of_team(mine, parts + step % 2 * kWarps), once = T(1) / shares;
        if (!(shares > T(0))) lost = T(1);
        for (std::int64_t j = t; j < k; j += n_threads) {
          a.share[row * a.stride + j] = ring.forward(step, row, j) * rest[j] * once;
          a.emission[row * a.stride + j] = row > first ? now[j] * once : T(0);
        }
        if (row > first)
          for (std::int64_t i = t; i < k; i += n_threads)
            rest[i] = product_with(now, from + i * from_state, from_row, k) * once;
      }
      simt::wait_copies<0>();
      __syncthreads();
      sound = sum_of_team(lost, parts) == T(0);
    }
    if (t == 0) a.failed[s] = sound ? 0 : 1;
    for (std::int64_t i = t; !sound && i < n * k; i += n_threads) {
      const std::int64_t at = (first + i / k) * a.stride + i % k;
      a.emission[at] = a.forward[at] = T(0);
    }
    __syncthreads();
  }
}

}  // namespace velbo::kernels
