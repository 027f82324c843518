// mixture_densities.cuh - log densities of rows under Gaussian components, and from them expected labels of the rows.
//
// log rho_nk = constant_k - |U_k z_n + shift_k|^2 / 2.  A block makes the products of 64 rows with 64 columns at a time, over panels of
// columns of z; a column is a row of some U_k, or a component whose U is diagonal.  Once it has a tile's rows under all components, it
// normalises them, a warp a row.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>

#include "math/row_likelihood.h"
#include "project_rows.cuh"
#include "row_panel.cuh"
#include "row_terms.cuh"
#include "simt.cuh"

namespace velbo::kernels {

enum class DensityKind {
  triangles,   // a lower triangular U for each component
  projection,  // the rows of one U z, for densities of kind scales
  scales,      // diagonal ones
};

// How columns lie in tiles: several components in one, each `padded` columns, or one component in several.
struct DensityTiles {
  int padded = 4;  // columns of a component in a tile: a multiple of 4, so that a thread's columns are one component's
  int components = 1;      // of a tile
  int of_component = 1;    // tiles of a component
  std::int64_t count = 0;  // of all tiles

  static DensityTiles of(DensityKind kind, std::int64_t d, std::int64_t n_components) {
    DensityTiles out;
    if (kind == DensityKind::scales) {
      out.components = kTileColumns;
    } else if (d > kTileColumns) {
      out.padded = kTileColumns;
      out.of_component = static_cast<int>((d + kTileColumns - 1) / kTileColumns);
    } else {
      out.padded = static_cast<int>((d + 3) / 4 * 4);
      out.components = kTileColumns / out.padded;
    }
    out.count = (n_components + out.components - 1) / out.components * out.of_component;
    return out;
  }
};

template <class T>
struct DensityArguments {
  RowSource<T> source;  // z
  Chunks chunks;
  DensityTiles tiles;
  std::int64_t n_components = 0;
  const T* constant = nullptr;  // [K]
  // Tile by tile, each padded with zeros to kTileColumns: rows of U as columns [D, columns]; of scales [2, D, columns], scale and shift.
  const T* w = nullptr;
  const T* shift = nullptr;  // [tiles, columns] of triangles
  // [n_rows, K] log densities, or responsibilities where they are normalised; of a projection U z [n_rows, D].  Rows `stride` apart.
  T* out = nullptr;
  std::int64_t stride = 0;
  bool normalise = true;
  double* log_normaliser = nullptr;  // [n_rows]; nullptr: not wanted
  double* values = nullptr;          // [chunks] sums of weight * log normaliser
};

template <class T, DensityKind kKind>
struct DensityLayout {
  static constexpr bool kScales = kKind == DensityKind::scales;
  static constexpr int kPanel = kScales ? 16 : 32;
  static constexpr int kMatrices = kScales ? 2 : 1;
  static constexpr int kLeading = leading_of<T>(kPanel);
  static constexpr int kStageWords = kTileRows * kLeading + kMatrices * kPanel * kTileColumns;
  static constexpr int kPartStride = kRowThreads + 1;
  static constexpr int kPartWords = kKind == DensityKind::triangles ? kTileRows * kPartStride : 0;
  static constexpr std::size_t kBytes = kWarps * sizeof(double) + (2 * kStageWords + kPartWords) * sizeof(T);
};

// Densities below this one, of the row's largest, are nothing, as they are to the CPU.
template <class T>
constexpr T kLeastLogDensity = sizeof(T) == sizeof(float) ? T(-60) : T(-600);

template <class T>
constexpr T kNoComponent = -std::numeric_limits<T>::infinity();

template <class T>
__device__ __forceinline__ T relative_density(T log_density, T most) {
  const T below = log_density - most;
  const T e = internal::exp_nonpositive(below);
  return below < kLeastLogDensity<T> ? T(0) : e;
}

// Log densities of a tile's rows, which the block has written, to responsibilities.  A lane holds its first few components.
template <class T>
__device__ __forceinline__ void normalise_rows(const DensityArguments<T>& a, std::int64_t first, std::int64_t end,
                                               double& value) {
  constexpr int held = 8;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (std::int64_t n = first + static_cast<int>(threadIdx.x) / 32; n < end && n < first + kTileRows; n += kWarps) {
    T* const row = a.out + n * a.stride;
    T density[held], most = kNoComponent<T>, sum = T(0);
#pragma unroll
    for (int i = 0; i < held; ++i) {
      density[i] = lane + 32 * i < a.n_components ? row[lane + 32 * i] : kNoComponent<T>;
      most = density[i] > most ? density[i] : most;
    }
    for (std::int64_t k = lane + 32 * held; k < a.n_components; k += 32) most = row[k] > most ? row[k] : most;
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) {
      const T other = __shfl_xor_sync(0xffffffffU, most, offset);
      most = other > most ? other : most;
    }
#pragma unroll
    for (int i = 0; i < held; ++i) {
      density[i] = relative_density(density[i], most);
      sum += density[i];
    }
    for (std::int64_t k = lane + 32 * held; k < a.n_components; k += 32) {
      const T e = relative_density(row[k], most);
      row[k] = e;
      sum += e;
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffffU, sum, offset);
    const T share = T(1) / sum;
#pragma unroll
    for (int i = 0; i < held; ++i)
      if (lane + 32 * i < a.n_components) row[lane + 32 * i] = density[i] * share;
    for (std::int64_t k = lane + 32 * held; k < a.n_components; k += 32) row[k] *= share;
    if (lane == 0) {
      const auto log_normaliser = static_cast<double>(most + internal::log_of(sum));
      if (a.log_normaliser != nullptr) a.log_normaliser[n] = log_normaliser;
      const T* const weights = a.source.rows.weights;
      value += (weights != nullptr ? static_cast<double>(weights[a.source.stored(n)]) : 1.0) * log_normaliser;
    }
  }
}

// A panel of a tile of columns of a tile of rows: what a block works on at a time.
struct DensityStep {
  TileCursor rows;
  std::int64_t tile = 0;
  std::int64_t component = 0;  // the tile's first
  int part = 0;                // which of its component's tiles it is
  int column = 0;              // of z, the panel's first

  // Columns of z that the tile needs: those behind a triangle's last row are zeros.
  __device__ __forceinline__ int needed(const DensityTiles& tiles, int d) const {
    const int most = (part + 1) * kTileColumns;
    return tiles.of_component > 1 && most < d ? most : d;
  }
  __device__ __forceinline__ void advance(const Chunks& chunks, const DensityTiles& tiles, int d, int panel) {
    column += panel;
    if (column < needed(tiles, d)) return;
    column = 0;
    ++tile;
    if (++part == tiles.of_component) {
      part = 0;
      component += tiles.components;
    }
    if (tile < tiles.count) return;
    tile = 0;
    component = 0;
    rows.advance(chunks, kTileRows);
  }
};

// Thread t has rows t / 16 + 16 i and columns 4 (t % 16) + j.
template <class T, DensityKind kKind>
__global__ void __launch_bounds__(kThreads, kBlocksWanted<T>) mixture_densities(const DensityArguments<T> a) {
  using Layout = DensityLayout<T, kKind>;
  constexpr int lanes = kLanes<T>, leading = Layout::kLeading, panel = Layout::kPanel, matrices = Layout::kMatrices;
  VELBO_SHARED_MEMORY(raw);
  double* const block_values = reinterpret_cast<double*>(raw);
  T* const stages = reinterpret_cast<T*>(block_values + kWarps);
  T* const parts = stages + 2 * Layout::kStageWords;  // [kTileRows, kPartStride]
  const int t = static_cast<int>(threadIdx.x), tx = t % kRowThreads, ty = t / kRowThreads;
  const int d = static_cast<int>(a.source.rows.n_features);

  DensityStep now{TileCursor::first(a.chunks)}, next = now;
  const auto fetch = [&](int stage) {
    if (next.rows.valid(a.chunks)) {
      T* const x = stages + stage * Layout::kStageWords;
      load_panel<kTileRows>(a.source, next.rows.row, a.chunks.end(next.rows.chunk), next.column, panel, x, leading);
      constexpr int vectors = kTileColumns / lanes;
      for (int i = t; i < matrices * panel * vectors; i += kThreads) {
        const int row = i / vectors, v = i % vectors, matrix = row / panel;
        const int of_z = next.column + row % panel;
        simt::copy_async<16>(x + kTileRows * leading + row * kTileColumns + v * lanes,
                             a.w + ((next.tile * matrices + matrix) * d + of_z) * kTileColumns + v * lanes, of_z < d);
      }
      next.advance(a.chunks, a.tiles, d, panel);
    }
    simt::commit_copies();
  };

  T product[4][4];  // of scales: the sums of squares so far
  T square[4] = {};
  double value = 0;
  fetch(0);
  for (int stage = 0; now.rows.valid(a.chunks); stage ^= 1) {
    const std::int64_t end = a.chunks.end(now.rows.chunk);
    const int needed = now.needed(a.tiles, d);
    fetch(stage ^ 1);
    simt::wait_copies<1>();
    __syncthreads();
    const T* const x = stages + stage * Layout::kStageWords;
    const T* const w = x + kTileRows * leading;
    if (now.column == 0) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        T start = T(0);
        if constexpr (kKind == DensityKind::triangles) start = a.shift[now.tile * kTileColumns + 4 * tx + j];
#pragma unroll
        for (int i = 0; i < 4; ++i) product[i][j] = start;
      }
    }
    const int vectors = (min(needed - now.column, panel) + lanes - 1) / lanes;
#pragma unroll 2
    for (int v = 0; v < vectors; ++v) {
      Lanes<T> row[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) row[i] = load(x + (ty + 16 * i) * leading + v * lanes);
#pragma unroll
      for (int e = 0; e < lanes; ++e) {
        T column[4], shift[4];
#pragma unroll
        for (int j = 0; j < 4; j += lanes) {
          const Lanes<T> some = load(w + (v * lanes + e) * kTileColumns + 4 * tx + j);
#pragma unroll
          for (int q = 0; q < lanes; ++q) column[j + q] = some.of[q];
          if constexpr (Layout::kScales) {
            const Lanes<T> more = load(w + (panel + v * lanes + e) * kTileColumns + 4 * tx + j);
#pragma unroll
            for (int q = 0; q < lanes; ++q) shift[j + q] = more.of[q];
          }
        }
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
          for (int j = 0; j < 4; ++j) {
            if constexpr (Layout::kScales) {
              const T y = internal::elementary::mul_add(row[i].of[e], column[j], shift[j]);
              product[i][j] = internal::elementary::mul_add(y, y, product[i][j]);
            } else {
              product[i][j] = internal::elementary::mul_add(row[i].of[e], column[j], product[i][j]);
            }
          }
      }
    }
    if (now.column + panel >= needed) {  // the tile's products are whole
      if constexpr (kKind != DensityKind::triangles) {
        const std::int64_t width = Layout::kScales ? a.n_components : d;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const std::int64_t n = now.rows.row + ty + 16 * i;
#pragma unroll
          for (int j = 0; j < 4; ++j) {
            const std::int64_t column = now.tile * kTileColumns + 4 * tx + j;
            if (n >= end || column >= width) continue;
            if constexpr (Layout::kScales) {
              a.out[n * a.stride + column] = a.constant[column] - T(0.5) * product[i][j];
            } else {
              a.out[n * a.stride + column] = product[i][j];
            }
          }
        }
      } else {
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
          for (int j = 0; j < 4; ++j)
            square[i] = internal::elementary::mul_add(product[i][j], product[i][j], square[i]);
        if (now.part + 1 == a.tiles.of_component) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            parts[(ty + 16 * i) * Layout::kPartStride + tx] = square[i];
            square[i] = T(0);
          }
          __syncthreads();
          const int here = a.tiles.components, threads = a.tiles.padded / 4;
          for (int i = t; i < kTileRows * here; i += kThreads) {
            const int row = i / here, component = i % here;
            const std::int64_t n = now.rows.row + row, k = now.component + component;
            if (n >= end || k >= a.n_components) continue;
            const T* const mine = parts + row * Layout::kPartStride + component * threads;
            T sum = mine[0];
            for (int q = 1; q < threads; ++q) sum += mine[q];
            a.out[n * a.stride + k] = a.constant[k] - T(0.5) * sum;
          }
        }
      }
      if constexpr (kKind != DensityKind::projection) {
        if (a.normalise && now.tile + 1 == a.tiles.count) {
          __syncthreads();
          normalise_rows(a, now.rows.row, end, value);
          if (now.rows.last_of_chunk(a.chunks, kTileRows)) {
            const double total = block_sum<1>(value, block_values);
            if (t == 0) a.values[now.rows.chunk] = total;
            value = 0;
          }
        }
      }
    }
    now.advance(a.chunks, a.tiles, d, panel);
    __syncthreads();
  }
}

}  // namespace velbo::kernels
