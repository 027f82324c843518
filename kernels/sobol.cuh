// sobol.cuh - normals of scrambled Sobol points: the CPU's bits (src/math/sobol.h).
#pragma once
#include <cstdint>

#include "math/sobol.h"
#include "simt.cuh"

namespace velbo::kernels {

constexpr unsigned kSobolBlock = 256;

// Coordinate j of a point.  directions [covered, 32]: sobol_directions(covered), covered = as many coordinates as there are,
// or kSobolDimensions; coordinates beyond are independent draws.
__device__ __forceinline__ float sobol_normal(std::uint64_t key, std::uint32_t step, std::int64_t point, std::int64_t j,
                                              const std::uint32_t* directions) {
  if (j < internal::kSobolDimensions) {
    const std::uint32_t word = internal::sobol_word(directions + 32 * j, static_cast<std::uint32_t>(point));
    return internal::normal_of_word(internal::owen_scrambled(word, internal::sobol_seed(key, step, j)));
  }
  float four[4];
  internal::four_normals(
      internal::words_at(key, step, static_cast<std::uint32_t>(point), static_cast<std::uint64_t>(j / 4)), four);
  // Selected without an index, which would put the four into local memory.
  const std::int64_t k = j % 4;
  return k == 0 ? four[0] : k == 1 ? four[1] : k == 2 ? four[2] : four[3];
}

// One thread makes one coordinate of one point.
template <class T>
__global__ void __launch_bounds__(kSobolBlock)
    sobol_kernel(std::uint64_t key, std::uint32_t step, std::int64_t n_points, std::int64_t dimension,
                 const std::uint32_t* __restrict__ directions, T* __restrict__ out) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kSobolBlock + threadIdx.x;
  if (i >= n_points * dimension) return;
  const std::int64_t point = i / dimension;
  out[i] = static_cast<T>(sobol_normal(key, step, point, i - point * dimension, directions));
}

// out [n_points, dimension]: what SobolNormals(dimension).fill(key, step, n_points, out) gives.
template <class T>
cudaError_t sobol_normals(std::uint64_t key, std::uint32_t step, std::int64_t n_points, std::int64_t dimension,
                          const std::uint32_t* directions, T* out, cudaStream_t stream) {
  if (n_points <= 0 || dimension <= 0) return cudaSuccess;
  const std::int64_t blocks = (n_points * dimension + kSobolBlock - 1) / kSobolBlock;
  if (blocks > 0x7fffffff) return cudaErrorInvalidValue;
  VELBO_LAUNCH(sobol_kernel<T>, static_cast<unsigned>(blocks), kSobolBlock, 0, stream, key, step, n_points, dimension,
               directions, out);
  return cudaGetLastError();
}

}  // namespace velbo::kernels
