// sparse_rows.cuh - passes over the entries of wide sparse rows: a warp a row for predictors, a warp a column for sums.
//
// Sums over columns read the entries in the order of their columns (Transposed), which makes them as deterministic as the
// rest without atomics.  All sums are in double.
#pragma once
#include <cstddef>
#include <cstdint>

#include "row_panel.cuh"
#include "row_terms.cuh"
#include "simt.cuh"

namespace velbo::kernels {

// The entries of rows 0 ... n_rows - 1 (of the index, where there is one) by column, and within it by row.
struct Transposed {
  const std::int64_t* start = nullptr;  // [n_features + 1]
  const std::int32_t* row = nullptr;
  const double* value = nullptr;
};

template <class T>
struct SparseArguments {
  RowSource<T> source;
  Chunks chunks;
  const double* coefficients = nullptr;  // [width, D]
  DrawRule rule{};
  const T* c = nullptr;         // product: [n_rows]; nullptr: ones
  T* rho = nullptr;             // [n_rows, draws or 1] out; nullptr: not wanted
  T* curvature_rows = nullptr;  // [n_rows] out; nullptr: not wanted
  double* values = nullptr;     // [chunks, kValues] out
};

// sum over row's entries of use(column, value), the same in every lane.  The intercept's is lane 0's first.
template <int W, class T, class Use>
__device__ __forceinline__ void sum_entries(const RowSource<T>& source, std::int64_t n, double (&sum)[W],
                                            const Use& use) {
  const Rows<T>& rows = source.rows;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t stored = source.stored(n), end = rows.row_start[stored + 1];
  if (rows.intercept && lane == 0) use(rows.n_features, 1.0, sum);
  for (std::int64_t k = rows.row_start[stored] + lane; k < end; k += 32) use(rows.column[k], rows.value[k], sum);
#pragma unroll
  for (int w = 0; w < W; ++w)
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) sum[w] += __shfl_xor_sync(0xffffffffU, sum[w], offset);
}

// What is made of a row; finish() is called by every lane with the row's sums and adds to the lane's values.
template <class T>
struct SparseExpectation {
  static constexpr int kWidth = 2, kValues = 2;
  __device__ static __forceinline__ void entry(const SparseArguments<T>& a, std::int64_t d, std::int64_t column,
                                               double x, double (&sum)[2]) {
    const double scaled = x * a.coefficients[d + column];
    sum[0] += x * a.coefficients[column];
    sum[1] += scaled * scaled;
  }
  __device__ static __forceinline__ void finish(const SparseArguments<T>& a, std::int64_t n, int lane,
                                                const double (&sum)[2], double (&value)[2]) {
    if (lane != 0) return;
    T offset;
    const RowOutcome<T> row = outcome_of(a.source, n, true, offset);
    const ExpectedTerm<T> term = expected_term(a.source.rows.likelihood, a.rule, a.source.stored(n),
                                               static_cast<T>(sum[0]) + offset, static_cast<T>(sum[1]), row);
    if (a.rho != nullptr) a.rho[n] = term.rho;
    if (a.curvature_rows != nullptr) a.curvature_rows[n] = term.c;
    value[0] += static_cast<double>(term.value);
    value[1] += static_cast<double>(internal::abs_of(term.value));
  }
};

template <class T, int S>
struct SparseDraws {
  static constexpr int kWidth = S, kValues = S;
  __device__ static __forceinline__ void entry(const SparseArguments<T>& a, std::int64_t d, std::int64_t column,
                                               double x, double (&sum)[S]) {
#pragma unroll
    for (int s = 0; s < S; ++s) sum[s] += x * a.coefficients[s * d + column];
  }
  __device__ static __forceinline__ void finish(const SparseArguments<T>& a, std::int64_t n, int lane,
                                                const double (&sum)[S], double (&value)[S]) {
    if (lane != 0) return;
    T offset;
    const RowOutcome<T> row = outcome_of(a.source, n, true, offset);
#pragma unroll
    for (int s = 0; s < S; ++s) {
      const PointTerm<T> term = internal::row_at(a.source.rows.likelihood, static_cast<T>(sum[s]) + offset, row);
      if (a.rho != nullptr) a.rho[n * S + s] = term.rho;
      value[s] += static_cast<double>(term.value);
    }
  }
};

template <class T>
struct SparseProduct {
  static constexpr int kWidth = 1, kValues = 0;
  __device__ static __forceinline__ void entry(const SparseArguments<T>& a, std::int64_t, std::int64_t column, double x,
                                               double (&sum)[1]) {
    sum[0] += x * a.coefficients[column];
  }
  __device__ static __forceinline__ void finish(const SparseArguments<T>& a, std::int64_t n, int lane,
                                                const double (&sum)[1], double (&)[1]) {
    if (lane == 0) a.rho[n] = (a.c != nullptr ? a.c[n] : T(1)) * static_cast<T>(sum[0]);
  }
};

// Shared memory: kWarps doubles.
template <class T, class Pass>
__global__ void __launch_bounds__(kThreads, 3) sparse_rows(const SparseArguments<T> a) {
  VELBO_SHARED_MEMORY(raw);
  constexpr int values = Pass::kValues > 0 ? Pass::kValues : 1;
  const std::int64_t d = a.source.rows.n_columns();
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  for (std::int64_t chunk = blockIdx.x; chunk < a.chunks.count; chunk += gridDim.x) {
    double value[values] = {};
    for (std::int64_t n = a.chunks.begin(chunk) + warp; n < a.chunks.end(chunk); n += kWarps) {
      double sum[Pass::kWidth] = {};
      sum_entries(a.source, n, sum, [&](std::int64_t column, double x, double(&into)[Pass::kWidth]) {
        Pass::entry(a, d, column, x, into);
      });
      Pass::finish(a, n, lane, sum, value);
    }
    for (int k = 0; k < Pass::kValues; ++k) {
      const double total = block_sum<1>(value[k], reinterpret_cast<double*>(raw));
      if (threadIdx.x == 0) a.values[chunk * Pass::kValues + k] = total;
      __syncthreads();
    }
  }
}

// out[j] = sum_n a[n * stride] x_nj or, squared, a[n * stride] x_nj^2, for the features j; a warp each.
template <class T>
__global__ void __launch_bounds__(kThreads) sparse_columns(const Transposed entries, std::int64_t n_features,
                                                           const T* a, std::int64_t stride, bool squared, double* out) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t warps = static_cast<std::int64_t>(gridDim.x) * kWarps;
  for (std::int64_t j = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32; j < n_features; j += warps) {
    double sum = 0;
    for (std::int64_t k = entries.start[j] + lane; k < entries.start[j + 1]; k += 32) {
      const double x = entries.value[k], term = a != nullptr ? static_cast<double>(a[entries.row[k] * stride]) : 1.0;
      sum += term * (squared ? x * x : x);
    }
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffffU, sum, offset);
    if (lane == 0) out[j] = sum;
  }
}

// values[chunk] = sum of a[n * stride] over the chunk's rows; nullptr: of ones.  Shared memory: kWarps doubles.
template <class T>
__global__ void __launch_bounds__(kThreads)
    sum_of_rows(const Chunks chunks, const T* a, std::int64_t stride, double* values) {
  VELBO_SHARED_MEMORY(raw);
  for (std::int64_t chunk = blockIdx.x; chunk < chunks.count; chunk += gridDim.x) {
    double value = 0;
    for (std::int64_t n = chunks.begin(chunk) + threadIdx.x; n < chunks.end(chunk); n += kThreads)
      value += a != nullptr ? static_cast<double>(a[n * stride]) : 1.0;
    const double total = block_sum<1>(value, reinterpret_cast<double*>(raw));
    if (threadIdx.x == 0) values[chunk] = total;
    __syncthreads();
  }
}

}  // namespace velbo::kernels
