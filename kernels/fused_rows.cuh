// fused_rows.cuh - passes that read every row once: predictors, likelihood terms, and their products with the rows.
//
// A tile of kRows rows is in shared memory while all of that happens, and the next tile is on its way.  Per tile:
//   1. predictors: each thread multiplies 4 rows with up to 4 columns of coefficients over a part of the columns;
//   2. rows: the parts are added, likelihood terms made;
//   3. sums: each thread adds the rows' terms times its own vector of columns, kept in registers over a whole chunk.
#pragma once
#include <cstddef>
#include <cstdint>

#include "fused_passes.cuh"
#include "row_panel.cuh"
#include "row_terms.cuh"
#include "simt.cuh"

namespace velbo::kernels {

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
