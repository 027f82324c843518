// feature_sums.cuh - sums over rows of weights r_nk times features of the row z_n: 1, z_i, or products z_i z_j of two.
//
// That is a product of matrices, R' F, whose panels of F are made in shared memory from the rows' z.  A block makes kLeft x 4096 / kLeft
// numbers of it over a chunk of rows, kFeatureRows at a time.
#pragma once
#include <cstddef>
#include <cstdint>

#include "row_panel.cuh"
#include "simt.cuh"

namespace velbo::kernels {

constexpr int kFeatureRows = 16;

// Feature z_first z_second, where -1 stands for 1.
struct FeaturePair {
  std::int32_t first, second;
};

template <class T>
struct FeatureArguments {
  RowSource<T> source;  // dense, of elements T, not centred, without an intercept
  Chunks chunks;
  const T* r = nullptr;  // [n_rows, n_left], rows `stride` apart; times the rows' weights
  std::int64_t stride = 0;
  std::int64_t n_left = 0;
  const FeaturePair* features = nullptr;  // [n_features]
  std::int64_t n_features = 0;
  unsigned n_tiles = 0;  // of the result
  T* sums = nullptr;     // [chunks, n_left, n_features] out
};

template <class T, int kLeft>
struct FeatureLayout {
  static constexpr int kRight = 4096 / kLeft;
  static constexpr int kLeftLeading = leading_of<T>(kLeft), kRightLeading = leading_of<T>(kRight);
  static constexpr int kStageWords = kFeatureRows * (kLeftLeading + kRightLeading);
  static constexpr std::size_t kBytes = 2 * kStageWords * sizeof(T);
};

// Blocks: (chunks in turn, tiles of the result, more of these).  Thread t makes features t % kRight; it has rows 4 (t / threads) + i and columns
// 4 (t % threads) + j of the result, threads = kRight / 4.
template <class T, int kLeft>
__global__ void __launch_bounds__(kThreads, 2) feature_sums(const FeatureArguments<T> a) {
  using Layout = FeatureLayout<T, kLeft>;
  constexpr int lanes = kLanes<T>, right_size = Layout::kRight, threads = right_size / 4;
  constexpr int left_leading = Layout::kLeftLeading, right_leading = Layout::kRightLeading;
  VELBO_SHARED_MEMORY(raw);
  T* const stages = reinterpret_cast<T*>(raw);
  const int t = static_cast<int>(threadIdx.x), tx = t % threads, ty = t / threads;
  const unsigned tile = blockIdx.z * gridDim.y + blockIdx.y;
  if (tile >= a.n_tiles) return;
  const std::int64_t across = (a.n_features + right_size - 1) / right_size;
  const std::int64_t first_left = tile / across * kLeft, first_right = tile % across * right_size;
  const T* const z = static_cast<const T*>(a.source.rows.x);
  const T* const weights = a.source.rows.weights;
  const std::int64_t feature = first_right + t % right_size;
  const bool is_feature = feature < a.n_features;
  const FeaturePair pair = is_feature ? a.features[feature] : FeaturePair{-1, -1};

  TileCursor now = TileCursor::first(a.chunks), next = now;
  const auto fetch = [&](int stage) {
    if (!next.valid(a.chunks)) return;
    T* const left = stages + stage * Layout::kStageWords;
    T* const right = left + kFeatureRows * left_leading;
    const std::int64_t end = a.chunks.end(next.chunk);
    constexpr int left_step = kThreads / kLeft, right_step = kThreads / right_size;
    // Several loads are under way before the first of their numbers is stored.
    constexpr int lefts = kFeatureRows / left_step, rights = kFeatureRows / right_step, some = rights < 4 ? rights : 4;
    T value[lefts];
#pragma unroll
    for (int i = 0; i < lefts; ++i) {
      const std::int64_t n = next.row + t / kLeft + i * left_step, k = first_left + t % kLeft;
      value[i] = T(0);
      if (n < end && k < a.n_left) {
        value[i] = a.r[n * a.stride + k];
        if (weights != nullptr) value[i] *= weights[a.source.stored(n)];
      }
    }
#pragma unroll
    for (int i = 0; i < lefts; ++i) left[(t / kLeft + i * left_step) * left_leading + t % kLeft] = value[i];
#pragma unroll
    for (int first = 0; first < rights; first += some) {
      T made[some];
#pragma unroll
      for (int i = 0; i < some; ++i) {
        const std::int64_t n = next.row + t / right_size + (first + i) * right_step;
        made[i] = T(0);
        if (n < end && is_feature) {
          const T* const row = z + a.source.of_x(n) * a.source.rows.stride;
          made[i] = pair.first >= 0 ? row[pair.first] : T(1);
          if (pair.second >= 0) made[i] *= row[pair.second];
        }
      }
#pragma unroll
      for (int i = 0; i < some; ++i)
        right[(t / right_size + (first + i) * right_step) * right_leading + t % right_size] = made[i];
    }
    next.advance(a.chunks, kFeatureRows);
  };

  T sum[4][4] = {};
  fetch(0);
  for (int stage = 0; now.valid(a.chunks); stage ^= 1) {
    __syncthreads();  // this stage is whole, and nobody reads the other one any more
    fetch(stage ^ 1);
    const T* const left = stages + stage * Layout::kStageWords;
    const T* const right = left + kFeatureRows * left_leading;
#pragma unroll 4
    for (int r = 0; r < kFeatureRows; ++r) {
      T weight[4], x[4];
#pragma unroll
      for (int j = 0; j < 4; j += lanes) {
        const Lanes<T> some = load(left + r * left_leading + 4 * ty + j),
                       other = load(right + r * right_leading + 4 * tx + j);
#pragma unroll
        for (int q = 0; q < lanes; ++q) {
          weight[j + q] = some.of[q];
          x[j + q] = other.of[q];
        }
      }
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) sum[i][j] = internal::elementary::mul_add(weight[i], x[j], sum[i][j]);
    }
    if (now.last_of_chunk(a.chunks, kFeatureRows)) {
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const std::int64_t row = first_left + 4 * ty + i, column = first_right + 4 * tx + j;
          if (row < a.n_left && column < a.n_features)
            a.sums[(now.chunk * a.n_left + row) * a.n_features + column] = sum[i][j];
          sum[i][j] = T(0);
        }
    }
    now.advance(a.chunks, kFeatureRows);
  }
}

// totals[i] += sums[i].
template <class T>
__global__ void __launch_bounds__(kThreads) add_to_totals(const T* sums, std::int64_t size, T* totals) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < size) totals[i] += sums[i];
}

}  // namespace velbo::kernels
