// fused_rows.cuh - passes that read every row once: predictors, likelihood terms, and their products with the rows.
//
// A tile of kRows rows is in shared memory while all of that happens, and the next tile is on its way.  Per tile:
//   1. predictors: each thread multiplies 4 rows with up to 4 columns of coefficients over a part of the columns;
//   2. rows: the parts are added, likelihood terms made;
//   3. sums: each thread adds the rows' terms times its own vector of columns, kept in registers over a whole chunk.
#pragma once
#include <cstddef>
#include <cstdint>

#include "row_panel.cuh"
#include "row_terms.cuh"
#include "simt.cuh"

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

// How a block's shared memory is used, for kRows rows and `columns` columns.
template <class T, class Pass, int kRows>
struct FusedLayout {
  static constexpr int kWidth = Pass::kWidth;
  static constexpr int kGroups = kRows / 4 * (kWidth / Pass::kColumnBlock);  // threads that cover the predictors
  static constexpr int kParts = kThreads / kGroups;                          // into which the columns are cut
  static constexpr int kPartWords = kThreads * 4 * Pass::kColumnBlock;
  static_assert(kGroups <= kThreads && kPartWords == kParts * kRows * kWidth);
  static_assert(kThreads / 2 * kWidth * kLanes<T> <= kPartWords || !Pass::kPredicts, "the sums' tree is as large");
  static constexpr int kTreeWords = kThreads / 2 * kWidth * kLanes<T>;
  static constexpr int kScratchWords = kPartWords > kTreeWords ? kPartWords : kTreeWords;
  static constexpr int kTermWords = (kRows * kWidth + 15) / 16 * 16;

  static std::size_t bytes(int columns) {
    const int rows = 2 * kRows + (Pass::kPredicts ? kWidth : 0);
    return (static_cast<std::size_t>(rows) * leading_of<T>(columns) + kScratchWords + kTermWords) * sizeof(T) +
           kWarps * (Pass::kValues > 0 ? Pass::kValues : 1) * sizeof(double);
  }
};

// The block's sums over a chunk: those of the threads with the same columns are added up as a tree, and stored.
template <class T, int W>
__device__ __forceinline__ void store_sums(T (&sum)[W][kLanes<T>], int vectors, int splits, std::int64_t chunk,
                                           std::int64_t first_column, std::int64_t d, T* tree, T* out) {
  constexpr int lanes = kLanes<T>;
  const int t = static_cast<int>(threadIdx.x), split = t / vectors, vector = t % vectors;
  for (int alive = splits; alive > 1; alive = (alive + 1) / 2) {
    const int half = (alive + 1) / 2;
    if (split >= half && split < alive) {
#pragma unroll
      for (int w = 0; w < W; ++w)
#pragma unroll
        for (int k = 0; k < lanes; ++k) tree[(((split - half) * W + w) * vectors + vector) * lanes + k] = sum[w][k];
    }
    __syncthreads();
    if (split + half < alive) {
#pragma unroll
      for (int w = 0; w < W; ++w)
#pragma unroll
        for (int k = 0; k < lanes; ++k) sum[w][k] += tree[((split * W + w) * vectors + vector) * lanes + k];
    }
    __syncthreads();
  }
  if (split == 0) {
#pragma unroll
    for (int w = 0; w < W; ++w)
#pragma unroll
      for (int k = 0; k < lanes; ++k) {
        const std::int64_t column = first_column + vector * lanes + k;
        if (column < d) out[(chunk * W + w) * d + column] = sum[w][k];
      }
  }
#pragma unroll
  for (int w = 0; w < W; ++w)
#pragma unroll
    for (int k = 0; k < lanes; ++k) sum[w][k] = T(0);
}

// Blocks of a multiprocessor that the compiler leaves registers for.  Said at all, it spills none.
template <class T>
constexpr int kBlocksWanted = sizeof(T) == sizeof(float) ? 2 : 1;

template <class T, class Pass, int kRows>
__global__ void __launch_bounds__(kThreads, kBlocksWanted<T>) fused_rows(const FusedArguments<T> a) {
  using Layout = FusedLayout<T, Pass, kRows>;
  constexpr int lanes = kLanes<T>, width = Pass::kWidth, column_block = Pass::kColumnBlock;
  VELBO_SHARED_MEMORY(raw);
  const int vectors = a.columns / lanes, leading = leading_of<T>(a.columns);
  double* const block_values = reinterpret_cast<double*>(raw);
  T* const tiles = reinterpret_cast<T*>(block_values + kWarps * (Pass::kValues > 0 ? Pass::kValues : 1));
  T* const coefficients = tiles + 2 * kRows * leading;
  T* const parts = coefficients + (Pass::kPredicts ? width * leading : 0);
  T* const terms = parts + Layout::kScratchWords;

  const int t = static_cast<int>(threadIdx.x);
  const std::int64_t d = a.source.rows.n_columns(), first_column = static_cast<std::int64_t>(blockIdx.y) * a.columns;
  if constexpr (Pass::kPredicts) {
    for (int w = 0; w < width; ++w)
      for (int j = t; j < a.columns; j += kThreads)
        coefficients[w * leading + j] = j < d ? a.coefficients[w * d + j] : T(0);
  }

  // Of step 1: rows group, group + kRows / 4, ..., coefficients from 4 * column_group on, every kParts-th vector.
  const int part = t / Layout::kGroups, group = t % (kRows / 4);
  const int column_group = t % Layout::kGroups / (kRows / 4);
  const int n_parts = Layout::kParts < vectors ? Layout::kParts : vectors;  // those beyond have no vector
  // Of step 3: vector t % vectors of every splits-th row.
  const int splits = kThreads / vectors, split = t / vectors, vector = t % vectors;

  T sum[width][lanes] = {};
  double value[Pass::kValuesOfAThread] = {};
  TileCursor now = TileCursor::first(a.chunks), next = now;
  const auto fetch = [&](int stage) {
    if (next.valid(a.chunks)) {
      load_panel<kRows>(a.source, next.row, a.chunks.end(next.chunk), first_column, a.columns,
                        tiles + stage * kRows * leading, leading);
      next.advance(a.chunks, kRows);
    }
    simt::commit_copies();
  };
  fetch(0);
  for (int stage = 0; now.valid(a.chunks); stage ^= 1) {
    fetch(stage ^ 1);
    simt::wait_copies<1>();
    __syncthreads();
    const T* const tile = tiles + stage * kRows * leading;
    if constexpr (Pass::kPredicts) {
      if (part < n_parts) {
        T product[4][column_block] = {};
        for (int v = part; v < vectors; v += n_parts) {
          Lanes<T> x[4];
#pragma unroll
          for (int i = 0; i < 4; ++i) x[i] = load(tile + (group + i * (kRows / 4)) * leading + v * lanes);
          Pass::multiply(x, coefficients + column_group * column_block * leading + v * lanes, leading, product);
        }
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
          for (int j = 0; j < column_block; ++j)
            parts[(part * kRows + group + i * (kRows / 4)) * width + column_group * column_block + j] = product[i][j];
      }
      __syncthreads();
    }
    const std::int64_t end = a.chunks.end(now.chunk);
    Pass::template rows<kRows>(a, now.row, end, parts, n_parts, terms, value);
    __syncthreads();
    if (a.sums != nullptr && split < splits) {
      for (int r = split; r < kRows; r += splits)
        Pass::accumulate(terms + r * width, load(tile + r * leading + vector * lanes), sum);
    }
    if (now.last_of_chunk(a.chunks, kRows)) {
      if (a.sums != nullptr) store_sums(sum, vectors, splits, now.chunk, first_column, d, parts, a.sums);
      if constexpr (Pass::kValues > 0) {
        constexpr int groups = Pass::kValuesOfAThread == 1 ? Pass::kValues : 1;
#pragma unroll
        for (int i = 0; i < Pass::kValuesOfAThread; ++i) {
          const double total = block_sum<groups>(value[i], block_values + i * kWarps);
          if (t < groups) a.values[now.chunk * Pass::kValues + i + t] = total;
          value[i] = 0;
        }
      }
    }
    now.advance(a.chunks, kRows);
    __syncthreads();
  }
}

}  // namespace velbo::kernels
