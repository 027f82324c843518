// normals.cuh - standard normals as a function of key, step, draw and element: the CPU's bits (src/math/normal.h).
#pragma once
#include <algorithm>
#include <cstdint>

#include "math/normal.h"
#include "simt.cuh"

namespace velbo::kernels {

constexpr unsigned kNormalsBlock = 256;

__device__ __forceinline__ void store_four(const float (&value)[4], float* out) {
  *reinterpret_cast<float4*>(out) = make_float4(value[0], value[1], value[2], value[3]);
}
__device__ __forceinline__ void store_four(const float (&value)[4], double* out) {
  reinterpret_cast<double2*>(out)[0] = make_double2(value[0], value[1]);
  reinterpret_cast<double2*>(out)[1] = make_double2(value[2], value[3]);
}

// One thread makes the four normals of one Philox block.  `fours` = blocks of a draw, n = n_draws * fours < 2^32.
template <class T>
__global__ void __launch_bounds__(kNormalsBlock)
    normals_kernel(std::uint64_t key, std::uint32_t step, std::uint32_t first_draw, std::uint32_t n,
                   std::uint32_t fours, std::int64_t dimension, bool aligned, T* __restrict__ out) {
  const std::uint32_t i = blockIdx.x * kNormalsBlock + threadIdx.x;
  if (i >= n) return;
  const std::uint32_t draw = i / fours, four = i - draw * fours;
  float value[4];
  internal::four_normals(internal::words_at(key, step, first_draw + draw, four), value);
  const std::int64_t element = std::int64_t{four} * 4;
  T* const to = out + draw * dimension + element;
  if (aligned) {
    store_four(value, to);
  } else {
    for (int k = 0; k < 4; ++k) {
      if (element + k < dimension) to[k] = static_cast<T>(value[k]);
    }
  }
}

// out[s * D + d] = normal(key, step, draw first_draw + s, element d), s < n_draws, D = dimension < 2^33.
template <class T>
cudaError_t normals(std::uint64_t key, std::uint32_t step, std::uint32_t first_draw, std::int64_t n_draws,
                    std::int64_t dimension, T* out, cudaStream_t stream) {
  if (n_draws <= 0 || dimension <= 0) return cudaSuccess;
  const std::int64_t fours = (dimension + 3) / 4;
  // So many that a thread's number fits into 32 bits: a 64-bit division would cost as much as its normals.
  constexpr std::int64_t kMostThreads = std::int64_t{1} << 31;
  if (fours > kMostThreads) return cudaErrorInvalidValue;
  const std::int64_t draws_at_once = kMostThreads / fours;
  const bool aligned = dimension % 4 == 0 && reinterpret_cast<std::uintptr_t>(out) % 16 == 0;
  for (std::int64_t s = 0; s < n_draws; s += draws_at_once) {
    const std::uint32_t n = static_cast<std::uint32_t>(std::min(draws_at_once, n_draws - s) * fours);
    VELBO_LAUNCH(normals_kernel<T>, (n + kNormalsBlock - 1) / kNormalsBlock, kNormalsBlock, 0, stream, key, step,
                 first_draw + static_cast<std::uint32_t>(s), n, static_cast<std::uint32_t>(fours), dimension, aligned,
                 out + s * dimension);
  }
  return cudaGetLastError();
}

}  // namespace velbo::kernels
