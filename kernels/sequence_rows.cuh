// sequence_rows.cuh - what is done to the rows of sequences one by one: densities of their largest, and sums over lists of rows.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>

#include "math/row_likelihood.h"
#include "row_panel.cuh"
#include "simt.cuh"

namespace velbo::kernels {

// Below this one, of the row's largest, a density is 0: the next number would be subnormal.
template <class T>
constexpr T kLeastLog = sizeof(T) == sizeof(float) ? T(-87) : T(-708);

template <class T>
constexpr T kImpossible = -std::numeric_limits<T>::infinity();

// Log densities [n_rows, K], rows `stride` apart, become densities of their row's largest, whose logarithm goes to top.  A warp a row.
template <class T>
__global__ void __launch_bounds__(kThreads)
    scale_densities(std::int64_t n_rows, std::int64_t n_states, std::int64_t stride, T* __restrict__ densities,
                    T* __restrict__ top) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const std::int64_t step = std::int64_t{gridDim.x} * kWarps;
  for (std::int64_t n = std::int64_t{blockIdx.x} * kWarps + threadIdx.x / 32; n < n_rows; n += step) {
    T* const row = densities + n * stride;
    T most = kImpossible<T>;
    for (std::int64_t j = lane; j < n_states; j += 32) most = row[j] > most ? row[j] : most;
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) {
      const T other = __shfl_xor_sync(0xffffffffU, most, offset);
      most = other > most ? other : most;
    }
    for (std::int64_t j = lane; j < n_states; j += 32) {
      const T below = row[j] - most;
      row[j] = below >= kLeastLog<T> ? internal::exp_nonpositive(below) : T(0);
    }
    if (lane == 0) top[n] = most;
  }
}

// The same of symbols: rows of a table [V, K], `stride` apart, that is scaled already, as table_top [V] says.
template <class T>
__global__ void __launch_bounds__(kThreads)
    look_up_densities(const std::int32_t* __restrict__ symbol, std::int64_t n_rows, std::int64_t n_states,
                      std::int64_t stride, const T* __restrict__ table, const T* __restrict__ table_top,
                      T* __restrict__ densities, T* __restrict__ top) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const std::int64_t step = std::int64_t{gridDim.x} * kWarps;
  for (std::int64_t n = std::int64_t{blockIdx.x} * kWarps + threadIdx.x / 32; n < n_rows; n += step) {
    const std::int64_t of = symbol[n];
    for (std::int64_t j = lane; j < n_states; j += 32) densities[n * stride + j] = table[of * stride + j];
    if (lane == 0) top[n] = table_top[of];
  }
}

// Places begin <= i < end of a list of rows.
struct RowList {
  std::int64_t begin, end;
};

constexpr std::size_t kListSharedBytes = kThreads * sizeof(double);

// parts [n_lists, K] = sums of share [n_rows, K], rows `stride` apart, over each list's rows less first_row, in double.  Warps take
// every eighth row; their sums are added in order.
template <class T>
__global__ void __launch_bounds__(kThreads)
    sum_listed_rows(const RowList* __restrict__ lists, std::int64_t n_lists, const std::int64_t* __restrict__ rows,
                    std::int64_t first_row, const T* __restrict__ share, std::int64_t stride, std::int64_t n_states,
                    double* __restrict__ parts) {
  VELBO_SHARED_MEMORY(raw);
  double* const sums = reinterpret_cast<double*>(raw);  // [kWarps, 32]
  const int lane = static_cast<int>(threadIdx.x % 32), warp = static_cast<int>(threadIdx.x / 32);
  for (std::int64_t l = blockIdx.x; l < n_lists; l += gridDim.x) {
    const RowList list = lists[l];
    for (std::int64_t first = 0; first < n_states; first += 32) {
      const std::int64_t j = first + lane;
      double sum = 0;
      for (std::int64_t i = list.begin + warp; i < list.end; i += kWarps)
        if (j < n_states) sum += static_cast<double>(share[(rows[i] - first_row) * stride + j]);
      sums[threadIdx.x] = sum;
      __syncthreads();
      if (warp == 0 && j < n_states) {
        for (int other = 1; other < kWarps; ++other) sum += sums[other * 32 + lane];
        parts[l * n_states + j] = sum;
      }
      __syncthreads();
    }
  }
}

}  // namespace velbo::kernels
