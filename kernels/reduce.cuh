// reduce.cuh - sums what the blocks of another kernel left, in an order that depends on their number alone.
#pragma once
#include <cstddef>
#include <cstdint>

#include "simt.cuh"

namespace velbo::kernels {

// A block sums 32 columns, so that a warp reads a line of memory, and cuts the parts into slices, so that more than one
// addition is under way.
constexpr unsigned kReduceColumns = 32;
constexpr unsigned kReduceSlices = 8;
constexpr unsigned kReduceBlock = kReduceColumns * kReduceSlices;
constexpr std::size_t kReduceSharedBytes = kReduceBlock * sizeof(double);

// Slice w sums the parts w, w + 8, ... in this order; then the slices are summed in theirs.
template <class T>
__global__ void __launch_bounds__(kReduceBlock)
    reduce_kernel(const T* __restrict__ parts, std::int64_t n_parts, std::int64_t n, double* __restrict__ out) {
  VELBO_SHARED_MEMORY(raw);
  double* const sums = reinterpret_cast<double*>(raw);  // [slices, columns]
  const unsigned lane = threadIdx.x % kReduceColumns, slice = threadIdx.x / kReduceColumns;
  const std::int64_t column = std::int64_t{blockIdx.x} * kReduceColumns + lane;

  double sum = 0;
  if (column < n) {
#pragma unroll 4
    for (std::int64_t part = slice; part < n_parts; part += kReduceSlices) {
      sum += static_cast<double>(parts[part * n + column]);
    }
  }
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (slice == 0 && column < n) {
    for (unsigned other = 1; other < kReduceSlices; ++other) sum += sums[other * kReduceColumns + lane];
    out[column] = sum;
  }
}

// out[i] = sum_p parts[p * n + i], p < n_parts, in double.  [device] parts [n_parts, n], out [n]
template <class T>
cudaError_t reduce(const T* parts, std::int64_t n_parts, std::int64_t n, double* out, cudaStream_t stream) {
  if (n <= 0) return cudaSuccess;
  const unsigned n_blocks = static_cast<unsigned>((n + kReduceColumns - 1) / kReduceColumns);
  VELBO_LAUNCH(reduce_kernel<T>, n_blocks, kReduceBlock, kReduceSharedBytes, stream, parts, n_parts, n, out);
  return cudaGetLastError();
}

}  // namespace velbo::kernels
