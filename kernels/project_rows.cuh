// project_rows.cuh - products of rows with a matrix, X W, of any width, and what is made of them at once.
//
// A block multiplies 64 rows with 64 columns of W at a time, over panels of 32 columns of X.  What becomes of the products
// is the Finish's: the scale of a Gaussian predictor (|factor' x|^2), or log likelihoods of draws.
#pragma once
#include <cstddef>
#include <cstdint>
#include <tuple>

#include "row_panel.cuh"
#include "row_terms.cuh"
#include "simt.cuh"

namespace velbo::kernels {

constexpr int kTileRows = 64;
constexpr int kTileColumns = 64;
constexpr int kPanelColumns = 32;

// W [D, columns] as the kernel reads it: rows padded with zeros to `stride`, a multiple of kTileColumns.  Where
// lead >= 0, column k is zero above row k - lead; such rows of a block of columns are skipped.
template <class T>
struct ProjectArguments {
  RowSource<T> source;
  Chunks chunks;
  const T* w = nullptr;
  std::int64_t stride = 0;
  std::int64_t n_columns = 0;
  std::int64_t lead = -1;
  const T* sd = nullptr;  // [D] adds (sd_d x_nd)^2 to a row's scale; nullptr: zeros
  DrawRule rule{};
  const T* c = nullptr;         // product: [n_rows] curvatures; nullptr: ones
  T* projections = nullptr;     // [n_rows, n_columns] out; nullptr: not wanted
  T* rho = nullptr;             // [n_rows], or [n_rows, n_columns] of draws
  T* curvature_rows = nullptr;  // [n_rows]
  double* values = nullptr;     // [chunks, Finish::kValues]
};

// Thread t has rows t / 16 + 16 i and columns 4 (t % 16) + j.
constexpr int kRowThreads = 16;

// Expectations of rows at predictors of mean X w_0 and variance sum_{k > 0} (X w_k)^2 + sum_d (sd_d x_d)^2.
template <class T>
struct ExpectationFinish {
  static constexpr int kValues = 2;
  static constexpr bool kSquares = true;

  T mean[4] = {}, variance[4] = {};
  double value[2] = {};

  __device__ __forceinline__ void begin_tile() {
#pragma unroll
    for (int i = 0; i < 4; ++i) mean[i] = variance[i] = T(0);
  }
  // sum_d (sd_d x_d)^2 over the columns from `column` on, by one of the threads of a row.
  __device__ __forceinline__ void add_squares(const T* sd, std::int64_t d, std::int64_t column,
                                              const Lanes<T> (&row)[4]) {
#pragma unroll
    for (int e = 0; e < kLanes<T>; ++e) {
      const T scale = column + e < d ? sd[column + e] : T(0);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const T scaled = scale * row[i].of[e];
        variance[i] = internal::elementary::mul_add(scaled, scaled, variance[i]);
      }
    }
  }
  __device__ __forceinline__ void block(const ProjectArguments<T>& a, std::int64_t first, std::int64_t end,
                                        std::int64_t first_column, const T (&product)[4][4]) {
    const int tx = static_cast<int>(threadIdx.x) % kRowThreads, ty = static_cast<int>(threadIdx.x) / kRowThreads;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const std::int64_t n = first + ty + 16 * i;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const std::int64_t column = first_column + 4 * tx + j;
        if (column == 0) {
          mean[i] = product[i][j];
        } else {
          variance[i] = internal::elementary::mul_add(product[i][j], product[i][j], variance[i]);
        }
        if (a.projections != nullptr && n < end && column < a.n_columns)
          a.projections[n * a.n_columns + column] = product[i][j];
      }
    }
  }
  // shared: kTileRows * (kRowThreads + 1) elements, which nobody else uses.
  __device__ __forceinline__ void finish_tile(const ProjectArguments<T>& a, std::int64_t first, std::int64_t end,
                                              T* shared) {
    const int t = static_cast<int>(threadIdx.x), tx = t % kRowThreads, ty = t / kRowThreads;
    constexpr int stride = kRowThreads + 1;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      shared[(ty + 16 * i) * stride + tx] = variance[i];
      if (tx == 0) shared[(ty + 16 * i) * stride + kRowThreads] = mean[i];
    }
    __syncthreads();
    if (t >= kTileRows || first + t >= end) return;
    const std::int64_t n = first + t;
    T total = T(0), offset;
    for (int k = 0; k < kRowThreads; ++k) total += shared[t * stride + k];
    const RowOutcome<T> row = outcome_of(a.source, n, true, offset);
    const T m = shared[t * stride + kRowThreads] + offset;
    const ExpectedTerm<T> term = expected_term(a.source.rows.likelihood, a.rule, a.source.stored(n), m, total, row);
    if (a.rho != nullptr) a.rho[n] = term.rho;
    if (a.curvature_rows != nullptr) a.curvature_rows[n] = term.c;
    value[0] += static_cast<double>(term.value);
    value[1] += static_cast<double>(internal::abs_of(term.value));
  }
  // shared: kWarps * 2 doubles.
  __device__ __forceinline__ void finish_chunk(const ProjectArguments<T>& a, std::int64_t chunk, double* shared) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const double total = block_sum<1>(value[i], shared + i * kWarps);
      if (threadIdx.x == 0) a.values[chunk * 2 + i] = total;
      value[i] = 0;
    }
  }
};

// rho_n = c_n (X v)_n, v the one column of W.
template <class T>
struct ProductFinish {
  static constexpr int kValues = 0;
  static constexpr bool kSquares = false;

  __device__ __forceinline__ void begin_tile() {}
  __device__ __forceinline__ void block(const ProjectArguments<T>& a, std::int64_t first, std::int64_t end,
                                        std::int64_t, const T (&product)[4][4]) {
    const int tx = static_cast<int>(threadIdx.x) % kRowThreads, ty = static_cast<int>(threadIdx.x) / kRowThreads;
    if (tx != 0) return;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const std::int64_t n = first + ty + 16 * i;
      if (n < end) a.rho[n] = (a.c != nullptr ? a.c[n] : T(1)) * product[i][0];
    }
  }
  __device__ __forceinline__ void finish_tile(const ProjectArguments<T>&, std::int64_t, std::int64_t, T*) {}
  __device__ __forceinline__ void finish_chunk(const ProjectArguments<T>&, std::int64_t, double*) {}
};

// Log likelihoods of up to 64 draws, the columns of W, and their derivatives in each row's predictors.
template <class T>
struct DrawsFinish {
  static constexpr int kValues = kTileColumns;
  static constexpr bool kSquares = false;

  double value[4] = {};

  __device__ __forceinline__ void begin_tile() {}
  __device__ __forceinline__ void block(const ProjectArguments<T>& a, std::int64_t first, std::int64_t end,
                                        std::int64_t, const T (&product)[4][4]) {
    const int tx = static_cast<int>(threadIdx.x) % kRowThreads, ty = static_cast<int>(threadIdx.x) / kRowThreads;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const std::int64_t n = first + ty + 16 * i;
      T offset;
      const RowOutcome<T> row = outcome_of(a.source, n, n < end, offset);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const PointTerm<T> term = internal::row_at(a.source.rows.likelihood, product[i][j] + offset, row);
        value[j] += static_cast<double>(term.value);
        if (a.rho != nullptr && n < end && 4 * tx + j < a.n_columns) a.rho[n * a.n_columns + 4 * tx + j] = term.rho;
      }
    }
  }
  __device__ __forceinline__ void finish_tile(const ProjectArguments<T>&, std::int64_t, std::int64_t, T*) {}
  // The sixteen threads of a column are two of each warp: added up there, then over the warps.
  __device__ __forceinline__ void finish_chunk(const ProjectArguments<T>& a, std::int64_t chunk, double* shared) {
    const int t = static_cast<int>(threadIdx.x);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const double total = block_sum<kRowThreads>(value[j], shared + j * kWarps * kRowThreads);
      if (t < kRowThreads && 4 * t + j < a.n_columns) a.values[chunk * a.n_columns + 4 * t + j] = total;
      value[j] = 0;
    }
  }
};

// All that are compiled.
template <class T>
using ProjectFinishes = std::tuple<ExpectationFinish<T>, ProductFinish<T>, DrawsFinish<T>>;

template <class T, class Finish>
struct ProjectLayout {
  static constexpr int kLeading = leading_of<T>(kPanelColumns);
  static constexpr int kStageWords = kTileRows * kLeading + kPanelColumns * kTileColumns;
  static constexpr int kFinishWords = Finish::kSquares ? kTileRows * (kRowThreads + 1) : 0;
  static constexpr int kDoubles = kWarps * (Finish::kValues > 2 ? Finish::kValues : 2);
  static constexpr std::size_t kBytes = kDoubles * sizeof(double) + (2 * kStageWords + kFinishWords) * sizeof(T);
};

template <class T, class Finish>
__global__ void __launch_bounds__(kThreads, kBlocksWanted<T>) project_rows(const ProjectArguments<T> a) {
  using Layout = ProjectLayout<T, Finish>;
  constexpr int lanes = kLanes<T>, leading = Layout::kLeading;
  VELBO_SHARED_MEMORY(raw);
  double* const block_values = reinterpret_cast<double*>(raw);
  T* const stages = reinterpret_cast<T*>(block_values + Layout::kDoubles);
  T* const scratch = stages + 2 * Layout::kStageWords;
  const int t = static_cast<int>(threadIdx.x), tx = t % kRowThreads, ty = t / kRowThreads;
  const std::int64_t d = a.source.rows.n_columns();

  Finish finish;
  for (TileCursor now = TileCursor::first(a.chunks); now.valid(a.chunks); now.advance(a.chunks, kTileRows)) {
    const std::int64_t end = a.chunks.end(now.chunk);
    finish.begin_tile();
    for (std::int64_t first_column = 0; first_column < a.n_columns; first_column += kTileColumns) {
      const std::int64_t zeros = a.lead >= 0 && first_column > a.lead ? first_column - a.lead : 0;
      const std::int64_t begin = zeros / kPanelColumns * kPanelColumns;
      const auto fetch = [&](std::int64_t k, int stage) {
        if (k < d) {
          T* const x = stages + stage * Layout::kStageWords;
          T* const w = x + kTileRows * leading;
          load_panel<kTileRows>(a.source, now.row, end, k, kPanelColumns, x, leading);
          constexpr int vectors = kTileColumns / lanes;
          for (int i = t; i < kPanelColumns * vectors; i += kThreads) {
            const int row = i / vectors, v = i % vectors;
            simt::copy_async<16>(w + row * kTileColumns + v * lanes,
                                 a.w + (k + row) * a.stride + first_column + v * lanes, k + row < d);
          }
        }
        simt::commit_copies();
      };
      T product[4][4] = {};
      fetch(begin, 0);
      int stage = 0;
      for (std::int64_t k = begin; k < d; k += kPanelColumns, stage ^= 1) {
        fetch(k + kPanelColumns, stage ^ 1);
        simt::wait_copies<1>();
        __syncthreads();
        const T* const x = stages + stage * Layout::kStageWords;
        const T* const w = x + kTileRows * leading;
#pragma unroll 2
        for (int v = 0; v < kPanelColumns / lanes; ++v) {
          Lanes<T> row[4];
#pragma unroll
          for (int i = 0; i < 4; ++i) row[i] = load(x + (ty + 16 * i) * leading + v * lanes);
#pragma unroll
          for (int e = 0; e < lanes; ++e) {
            T column[4];
#pragma unroll
            for (int j = 0; j < 4; j += lanes) {
              const Lanes<T> some = load(w + (v * lanes + e) * kTileColumns + 4 * tx + j);
#pragma unroll
              for (int q = 0; q < lanes; ++q) column[j + q] = some.of[q];
            }
#pragma unroll
            for (int i = 0; i < 4; ++i)
#pragma unroll
              for (int j = 0; j < 4; ++j)
                product[i][j] = internal::elementary::mul_add(row[i].of[e], column[j], product[i][j]);
          }
          if constexpr (Finish::kSquares) {
            if (a.sd != nullptr && first_column == 0 && tx == 0) finish.add_squares(a.sd, d, k + v * lanes, row);
          }
        }
        __syncthreads();
      }
      finish.block(a, now.row, end, first_column, product);
    }
    // What these two leave in shared memory is written again only behind the barriers of the next tile's panels.
    finish.finish_tile(a, now.row, end, scratch);
    if (now.last_of_chunk(a.chunks, kTileRows)) finish.finish_chunk(a, now.chunk, block_values);
  }
}

}  // namespace velbo::kernels
