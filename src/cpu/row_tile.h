// cpu/row_tile.h - one tile of rows, transposed so that rows lie in vector lanes, and the products that a pass needs.
//
// x is [padded D, R]: element (d, r) at x[d * R + r]; rows past the end and columns past D hold zeros, so that every loop
// runs over whole vectors.  Included by the per-instruction-set source only.
#pragma once
#include "cpu/isa.h"
#include "cpu/lanes.h"

// Accumulators live in registers only when their loops are unrolled.
#if defined(__clang__)
#define VELBO_UNROLL_4 _Pragma("unroll 4")
#else
#define VELBO_UNROLL_4 _Pragma("GCC unroll 4")
#endif

namespace velbo::internal {
namespace {

// Accumulators of one register block: 4 x 4 needs the 32 registers of AVX-512, others have 16.
constexpr int kBlockRows = VELBO_VECTOR_BYTES == 64 ? 4 : 2;
constexpr int kBlock = kColumnBlock;

// out[r] += sum_d coefficient[d] * x[d][r], for `used` rows (a multiple of the lanes).
template <class T>
void add_product(const T* x, const T* coefficient, std::int64_t d, std::int64_t tile, std::int64_t used, T* out) {
  constexpr int n = Lanes<T>::count;
  for (std::int64_t r = 0; r < used; r += 4 * n) {  // four vectors at a time: a tile is a multiple of 64 rows
    Vector<T> sum[4];
    VELBO_UNROLL_4
    for (int k = 0; k < 4; ++k) sum[k] = load(out + r + k * n);
    for (std::int64_t j = 0; j < d; ++j) {
      const Vector<T> b = broadcast(coefficient[j]);
      VELBO_UNROLL_4
      for (int k = 0; k < 4; ++k) sum[k] += b * load(x + j * tile + r + k * n);
    }
    VELBO_UNROLL_4
    for (int k = 0; k < 4; ++k) store(out + r + k * n, sum[k]);
  }
}

// out[r] += sum_d coefficient[d] * x[d][r]^2.
template <class T>
void add_squares(const T* x, const T* coefficient, std::int64_t d, std::int64_t tile, std::int64_t used, T* out) {
  constexpr int n = Lanes<T>::count;
  for (std::int64_t j = 0; j < d; ++j) {
    const Vector<T> b = broadcast(coefficient[j]);
    for (std::int64_t r = 0; r < used; r += n) {
      const Vector<T> v = load(x + j * tile + r);
      store(out + r, load(out + r) + b * v * v);
    }
  }
}

// out[r] += |scale_tril' x_r|^2, with the factor in column blocks (see ExpectationChunk).
template <class T>
void add_factor_squares(const T* x, const T* blocks, const std::int32_t* first_row, std::int64_t n_blocks,
                        std::int64_t padded, std::int64_t tile, std::int64_t used, T* out) {
  constexpr int n = Lanes<T>::count;
  constexpr int wide = kBlockRows;  // vectors of rows at a time
  for (std::int64_t b = 0; b < n_blocks; ++b) {
    const T* block = blocks + b * padded * kBlock;
    for (std::int64_t r = 0; r < used; r += wide * n) {
      Vector<T> v[kBlock][wide] = {};
      for (std::int64_t j = first_row[b]; j < padded; ++j) {
        Vector<T> xs[wide];
        VELBO_UNROLL_4
        for (int k = 0; k < wide; ++k) xs[k] = load(x + j * tile + r + k * n);
        VELBO_UNROLL_4
        for (int i = 0; i < kBlock; ++i) {
          const Vector<T> l = broadcast(block[j * kBlock + i]);
          VELBO_UNROLL_4
          for (int k = 0; k < wide; ++k) v[i][k] += l * xs[k];
        }
      }
      VELBO_UNROLL_4
      for (int k = 0; k < wide; ++k) {
        Vector<T> sum = load(out + r + k * n);
        VELBO_UNROLL_4
        for (int i = 0; i < kBlock; ++i) sum += v[i][k] * v[i][k];
        store(out + r + k * n, sum);
      }
    }
  }
}

// gradient[d] += sum_r x[d][r] * value[r].
template <class T>
void add_moment(const T* x, const T* value, std::int64_t d, std::int64_t tile, std::int64_t used, double* gradient) {
  constexpr int n = Lanes<T>::count;
  for (std::int64_t j = 0; j < d; ++j) {
    Vector<T> sum[4] = {};
    for (std::int64_t r = 0; r < used; r += 4 * n) VELBO_UNROLL_4
    for (int k = 0; k < 4; ++k) sum[k] += load(x + j * tile + r + k * n) * load(value + r + k * n);
    gradient[j] += sum_of_lanes<T>((sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
}

// diagonal[d] += sum_r c[r] * x[d][r]^2.
template <class T>
void add_weighted_squares(const T* x, const T* c, std::int64_t d, std::int64_t tile, std::int64_t used,
                          double* diagonal) {
  constexpr int n = Lanes<T>::count;
  for (std::int64_t j = 0; j < d; ++j) {
    Vector<T> sum[4] = {};
    for (std::int64_t r = 0; r < used; r += 4 * n) VELBO_UNROLL_4
    for (int k = 0; k < 4; ++k) {
      const Vector<T> v = load(x + j * tile + r + k * n);
      sum[k] += load(c + r + k * n) * v * v;
    }
    diagonal[j] += sum_of_lanes<T>((sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
}

// gram (lower blocks) += X' diag(c) X.
template <class T>
void add_gram(const T* x, const T* c, std::int64_t padded, std::int64_t tile, std::int64_t used, double* gram) {
  constexpr int n = Lanes<T>::count;
  constexpr int rows = kBlockRows;
  constexpr int sums = rows * kBlock;
  static_assert(sums % n == 0 || n > sums);
  for (std::int64_t i0 = 0; i0 < padded; i0 += rows) {
    for (std::int64_t j0 = 0; j0 <= i0; j0 += kBlock) {
      constexpr int slots = sums < n ? n : sums;
      Vector<T> sum[slots] = {};
      for (std::int64_t r = 0; r < used; r += n) {
        const Vector<T> w = load(c + r);
        Vector<T> right[kBlock];
        VELBO_UNROLL_4
        for (int j = 0; j < kBlock; ++j) right[j] = load(x + (j0 + j) * tile + r);
        VELBO_UNROLL_4
        for (int i = 0; i < rows; ++i) {
          const Vector<T> left = w * load(x + (i0 + i) * tile + r);
          VELBO_UNROLL_4
          for (int j = 0; j < kBlock; ++j) sum[i * kBlock + j] += left * right[j];
        }
      }
      for (int g = 0; g < slots; g += n) {
        const Vector<T> total = sums_of_each<T>(sum + g);
        for (int k = 0; k < n && g + k < sums; ++k)
          gram[(i0 + (g + k) / kBlock) * padded + j0 + (g + k) % kBlock] += static_cast<double>(total[k]);
      }
    }
  }
}

}  // namespace
}  // namespace velbo::internal
