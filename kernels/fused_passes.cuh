// fused_passes.cuh - what passes over rows make of a row: its predictors, its likelihood terms, and their sums.
#pragma once
#include <cstdint>
#include <tuple>

#include "row_panel.cuh"
#include "row_terms.cuh"

namespace velbo::kernels {

template <class T>
struct FusedArguments {
  RowSource<T> source;
  Chunks chunks;
  int columns = 0;                  // of a block, a multiple of kLanes<T>; block y works on those from y * columns on
  const T* coefficients = nullptr;  // [width, D]
  DrawRule rule{};
  const T* c = nullptr;         // [n_rows] given curvatures; nullptr: ones
  const T* r = nullptr;         // [n_rows] given terms; nullptr: zeros
  T* curvature_rows = nullptr;  // [n_rows] out; nullptr: not wanted
  T* sums = nullptr;            // [chunks, width, D] out; nullptr: not wanted
  double* values = nullptr;     // [chunks, Pass::kValues] out
};

// What passes have in common.  kWidth: terms of a row.
template <class T, int W>
struct PassShape {
  static constexpr int kWidth = W;
  static constexpr int kColumnBlock = W < 4 ? W : 4;  // of coefficients, a thread
  static_assert(W % kColumnBlock == 0);

  // Columns of coefficients against rows, as plain products.
  __device__ static __forceinline__ void multiply(const Lanes<T> (&x)[4], const T* coefficients, int leading,
                                                  T (&sum)[4][kColumnBlock]) {
#pragma unroll
    for (int j = 0; j < kColumnBlock; ++j) {
      const Lanes<T> z = load(coefficients + j * leading);
#pragma unroll
      for (int k = 0; k < kLanes<T>; ++k)
#pragma unroll
        for (int i = 0; i < 4; ++i) sum[i][j] = internal::elementary::mul_add(x[i].of[k], z.of[k], sum[i][j]);
    }
  }
  // Terms times rows, as plain products.
  __device__ static __forceinline__ void accumulate(const T* terms, const Lanes<T>& x, T (&sum)[W][kLanes<T>]) {
#pragma unroll
    for (int w = 0; w < W; ++w)
#pragma unroll
      for (int k = 0; k < kLanes<T>; ++k) sum[w][k] = internal::elementary::mul_add(terms[w], x.of[k], sum[w][k]);
  }
};

// Weighted squares beside the products: sums 0 and 1 are X'rho and the diagonal of X'diag(c)X.
template <class T>
__device__ __forceinline__ void accumulate_squares(const T* terms, const Lanes<T>& x, T (&sum)[2][kLanes<T>]) {
#pragma unroll
  for (int k = 0; k < kLanes<T>; ++k) {
    sum[0][k] = internal::elementary::mul_add(terms[0], x.of[k], sum[0][k]);
    sum[1][k] = internal::elementary::mul_add(terms[1] * x.of[k], x.of[k], sum[1][k]);
  }
}

// Row r's predictor j: the parts in their order.
template <class T>
__device__ __forceinline__ T add_parts(const T* parts, int n_parts, int stride, int at) {
  T sum = T(0);
  for (int k = 0; k < n_parts; ++k) sum += parts[k * stride + at];
  return sum;
}

// Log likelihoods of S draws of the latents and their gradients.  Values: one a draw.
template <class T, int S>
struct DrawsPass : PassShape<T, S> {
  static constexpr int kValues = S;
  static constexpr int kValuesOfAThread = 1;  // thread t only meets draw t % S
  static constexpr bool kPredicts = true;
  static_assert(kThreads % S == 0);

  template <int kRows>
  __device__ static __forceinline__ void rows(const FusedArguments<T>& a, std::int64_t first, std::int64_t end,
                                              const T* parts, int n_parts, T* terms, double (&value)[1]) {
    for (int i = static_cast<int>(threadIdx.x); i < kRows * S; i += kThreads) {
      const std::int64_t n = first + i / S;
      T offset;
      const RowOutcome<T> row = outcome_of(a.source, n, n < end, offset);
      const T eta = add_parts(parts, n_parts, kRows * S, i) + offset;
      const PointTerm<T> term = internal::row_at(a.source.rows.likelihood, eta, row);
      terms[i] = term.rho;
      value[0] += static_cast<double>(term.value);
    }
  }
};

// Expected log likelihoods under a mean-field Gaussian.  Coefficients: mean, sd.  Values: the sum and the absolute one.
template <class T>
struct MeanFieldPass : PassShape<T, 2> {
  static constexpr int kValues = 2;
  static constexpr int kValuesOfAThread = 2;
  static constexpr bool kPredicts = true;

  __device__ static __forceinline__ void multiply(const Lanes<T> (&x)[4], const T* coefficients, int leading,
                                                  T (&sum)[4][2]) {
    const Lanes<T> mean = load(coefficients), sd = load(coefficients + leading);
#pragma unroll
    for (int k = 0; k < kLanes<T>; ++k)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const T scaled = x[i].of[k] * sd.of[k];
        sum[i][0] = internal::elementary::mul_add(x[i].of[k], mean.of[k], sum[i][0]);
        sum[i][1] = internal::elementary::mul_add(scaled, scaled, sum[i][1]);
      }
  }

  template <int kRows>
  __device__ static __forceinline__ void rows(const FusedArguments<T>& a, std::int64_t first, std::int64_t end,
                                              const T* parts, int n_parts, T* terms, double (&value)[2]) {
    for (int r = static_cast<int>(threadIdx.x); r < kRows; r += kThreads) {
      const std::int64_t n = first + r;
      T offset;
      const RowOutcome<T> row = outcome_of(a.source, n, n < end, offset);
      const T m = add_parts(parts, n_parts, kRows * 2, 2 * r) + offset;
      const T variance = add_parts(parts, n_parts, kRows * 2, 2 * r + 1);
      const std::int64_t stored = n < end ? a.source.stored(n) : 0;
      const ExpectedTerm<T> term = expected_term(a.source.rows.likelihood, a.rule, stored, m, variance, row);
      terms[2 * r] = term.rho;
      terms[2 * r + 1] = term.c;
      if (a.curvature_rows != nullptr && n < end) a.curvature_rows[n] = term.c;
      value[0] += static_cast<double>(term.value);
      value[1] += static_cast<double>(internal::abs_of(term.value));
    }
  }

  __device__ static __forceinline__ void accumulate(const T* terms, const Lanes<T>& x, T (&sum)[2][kLanes<T>]) {
    accumulate_squares(terms, x, sum);
  }
};

// X' (c * (X v)).
template <class T>
struct ProductPass : PassShape<T, 1> {
  static constexpr int kValues = 0;
  static constexpr int kValuesOfAThread = 1;
  static constexpr bool kPredicts = true;

  template <int kRows>
  __device__ static __forceinline__ void rows(const FusedArguments<T>& a, std::int64_t first, std::int64_t end,
                                              const T* parts, int n_parts, T* terms, double (&)[1]) {
    for (int r = static_cast<int>(threadIdx.x); r < kRows; r += kThreads) {
      const T c = first + r >= end ? T(0) : a.c != nullptr ? a.c[first + r] : T(1);
      terms[r] = c * add_parts(parts, n_parts, kRows, r);
    }
  }
};

// X'r and the diagonal of X'diag(c)X, for given r and c; the columns may be shared out among blocks.
template <class T>
struct GivenPass : PassShape<T, 2> {
  static constexpr int kValues = 0;
  static constexpr int kValuesOfAThread = 1;
  static constexpr bool kPredicts = false;

  template <int kRows>
  __device__ static __forceinline__ void rows(const FusedArguments<T>& a, std::int64_t first, std::int64_t end,
                                              const T*, int, T* terms, double (&)[1]) {
    for (int r = static_cast<int>(threadIdx.x); r < kRows; r += kThreads) {
      const bool valid = first + r < end;
      terms[2 * r] = valid && a.r != nullptr ? a.r[first + r] : T(0);
      terms[2 * r + 1] = !valid ? T(0) : a.c != nullptr ? a.c[first + r] : T(1);
    }
  }

  __device__ static __forceinline__ void accumulate(const T* terms, const Lanes<T>& x, T (&sum)[2][kLanes<T>]) {
    accumulate_squares(terms, x, sum);
  }
};

// All that are compiled.
template <class T>
using FusedPasses =
    std::tuple<DrawsPass<T, 1>, DrawsPass<T, 4>, DrawsPass<T, 8>, MeanFieldPass<T>, ProductPass<T>, GivenPass<T>>;

}  // namespace velbo::kernels
