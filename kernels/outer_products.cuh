// outer_products.cuh - sums over rows of outer products, A' diag(c) X: X'diag(c)X, or the gradients of many draws.
//
// A block makes 64 x 64 numbers of the result over a chunk of rows, panels of 32 rows at a time; thread t has rows
// 4 (t / 16) + i and columns 4 (t % 16) + j of them.
#pragma once
#include <cstddef>
#include <cstdint>

#include "row_panel.cuh"
#include "simt.cuh"

namespace velbo::kernels {

constexpr int kOuterTile = 64;
constexpr int kOuterRows = 32;

template <class T>
struct OuterArguments {
  RowSource<T> source;
  Chunks chunks;
  const T* c = nullptr;  // [n_rows]; nullptr: ones
  // A [n_rows, n_left], rows `stride` apart; nullptr: X itself, and only the lower triangle is made.
  const T* left = nullptr;
  std::int64_t stride = 0;
  std::int64_t n_left = 0;
  T* sums = nullptr;  // [chunks, n_left, D] out; what is above the triangle is not written
};

template <class T>
struct OuterLayout {
  static constexpr int kLeading = leading_of<T>(kOuterTile);
  static constexpr int kPanelWords = kOuterRows * kLeading;
  static constexpr std::size_t kBytes = (4 * kPanelWords + 2 * kOuterRows) * sizeof(T);
};

// Tile number of the lower triangle -> its row of tiles: the largest i with i (i + 1) / 2 <= number.
__device__ __forceinline__ int triangle_row(int number) {
  int i = 0;
  while ((i + 1) * (i + 2) / 2 <= number) ++i;
  return i;
}

// Blocks: (chunks in turn, tiles of the result).
template <class T>
__global__ void __launch_bounds__(kThreads, 2) outer_products(const OuterArguments<T> a) {
  using Layout = OuterLayout<T>;
  constexpr int lanes = kLanes<T>, leading = Layout::kLeading;
  VELBO_SHARED_MEMORY(raw);
  T* const panels = reinterpret_cast<T*>(raw);
  T* const curvatures = panels + 4 * Layout::kPanelWords;  // [2, kOuterRows]
  const std::int64_t d = a.source.rows.n_columns();
  const int t = static_cast<int>(threadIdx.x), tx = t % 16, ty = t / 16;
  const int across = static_cast<int>((d + kOuterTile - 1) / kOuterTile), number = static_cast<int>(blockIdx.y);
  const int tile_row = a.left == nullptr ? triangle_row(number) : number / across;
  const int tile_column = a.left == nullptr ? number - tile_row * (tile_row + 1) / 2 : number % across;
  const std::int64_t first_left = static_cast<std::int64_t>(tile_row) * kOuterTile;
  const std::int64_t first_right = static_cast<std::int64_t>(tile_column) * kOuterTile;

  TileCursor now = TileCursor::first(a.chunks), next = now;
  const auto fetch = [&](int stage) {
    if (next.valid(a.chunks)) {
      T* const left = panels + stage * 2 * Layout::kPanelWords;
      const std::int64_t end = a.chunks.end(next.chunk);
      if (a.left == nullptr) {
        load_panel<kOuterRows>(a.source, next.row, end, first_left, kOuterTile, left, leading);
      } else {
        for (int i = t; i < kOuterRows * kOuterTile; i += kThreads) {
          const int r = i / kOuterTile, j = i % kOuterTile;
          const bool valid = next.row + r < end && first_left + j < a.n_left;
          simt::copy_async<static_cast<int>(sizeof(T))>(
              left + r * leading + j, a.left + (valid ? (next.row + r) * a.stride + first_left + j : 0), valid);
        }
      }
      load_panel<kOuterRows>(a.source, next.row, end, first_right, kOuterTile, left + Layout::kPanelWords, leading);
      if (t < kOuterRows) {
        const std::int64_t n = next.row + t;
        curvatures[stage * kOuterRows + t] = n >= end ? T(0) : a.c != nullptr ? a.c[n] : T(1);
      }
      next.advance(a.chunks, kOuterRows);
    }
    simt::commit_copies();
  };

  T sum[4][4] = {};
  fetch(0);
  for (int stage = 0; now.valid(a.chunks); stage ^= 1) {
    fetch(stage ^ 1);
    simt::wait_copies<1>();
    __syncthreads();
    const T* const left = panels + stage * 2 * Layout::kPanelWords;
    const T* const right = left + Layout::kPanelWords;
#pragma unroll 2
    for (int r = 0; r < kOuterRows; ++r) {
      const T c = curvatures[stage * kOuterRows + r];
      T weighted[4], x[4];
#pragma unroll
      for (int j = 0; j < 4; j += lanes) {
        const Lanes<T> some = load(left + r * leading + 4 * ty + j), other = load(right + r * leading + 4 * tx + j);
#pragma unroll
        for (int q = 0; q < lanes; ++q) {
          weighted[j + q] = c * some.of[q];
          x[j + q] = other.of[q];
        }
      }
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) sum[i][j] = internal::elementary::mul_add(weighted[i], x[j], sum[i][j]);
    }
    if (now.last_of_chunk(a.chunks, kOuterRows)) {
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const std::int64_t row = first_left + 4 * ty + i, column = first_right + 4 * tx + j;
          if (row < a.n_left && column < d) a.sums[(now.chunk * a.n_left + row) * d + column] = sum[i][j];
          sum[i][j] = T(0);
        }
    }
    now.advance(a.chunks, kOuterRows);
    __syncthreads();
  }
}

}  // namespace velbo::kernels
