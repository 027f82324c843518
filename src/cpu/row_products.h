// cpu/row_products.h - the products of a pass over rows, as blocks of accumulators in registers.
//
// Rows are given by pointers, in a tile of our own or where they are stored.  A row is `Columns`: whole vectors, of which
// the last may overlap the one before it (rows read in place have nothing behind them); what is multiplied with it is
// zero in the lanes that come twice.  Included by the per-instruction-set source only.
#pragma once
#include "cpu/isa.h"
#include "cpu/lanes.h"

namespace velbo::internal {
namespace {

// How D columns lie in vectors: vector v < n - 1 at v * lanes, the last at `last`.
struct Columns {
  std::int64_t vectors = 0;
  std::int64_t last = 0;
};

constexpr int kRowBlock = 6;  // rows of a block of multiply(): 6 x 2 accumulators, 6 broadcasts and 2 loads a step
// Rows are worked on in multiples of this: whole row blocks, and whole vectors of per-row numbers.
constexpr std::int64_t kRowStep = VELBO_VECTOR_BYTES == 64 ? 48 : 24;

// sums[k][v] of  row_k' W  for a block W of two vectors; `start` is added where not null (an intercept's row of W).
template <class T>
inline __attribute__((always_inline)) void multiply_block(const T* const* row, const T* w, const std::int32_t* first,
                                                          std::int64_t d, const T* start,
                                                          Vector<T> (&sum)[kRowBlock][2]) {
  constexpr int n = Lanes<T>::count;
  const T* x[kRowBlock];
  VELBO_UNROLL
  for (int k = 0; k < kRowBlock; ++k) {
    x[k] = row[k];
    VELBO_UNROLL
    for (int v = 0; v < 2; ++v) sum[k][v] = start != nullptr ? load(start + v * n) : Vector<T>{};
  }
  std::int64_t i = first[0];
  for (const std::int64_t second = first[1] < d ? first[1] : d; i < second; ++i) {
    const Vector<T> b = load(w + 2 * i * n);
    VELBO_UNROLL
    for (int k = 0; k < kRowBlock; ++k) sum[k][0] += broadcast(x[k][i]) * b;
  }
  for (; i < d; ++i) {
    const Vector<T> b0 = load(w + 2 * i * n), b1 = load(w + (2 * i + 1) * n);
    VELBO_UNROLL
    for (int k = 0; k < kRowBlock; ++k) {
      const Vector<T> a = broadcast(x[k][i]);  // used at once: not all six fit beside the sums
      sum[k][0] += a * b0;
      sum[k][1] += a * b1;
    }
  }
}

// The same for a last block of one vector, by pairs of the rows of W.
template <class T>
inline __attribute__((always_inline)) void multiply_pairs(const T* const* row, const T* w, std::int64_t first,
                                                          std::int64_t d, bool intercept,
                                                          Vector<T> (&total)[kRowBlock][1]) {
  constexpr int n = Lanes<T>::count;
  Vector<T> sum[kRowBlock][2] = {};
  const T* x[kRowBlock];
  VELBO_UNROLL
  for (int k = 0; k < kRowBlock; ++k) x[k] = row[k];
  std::int64_t i = first / 2 * 2;
  const auto step = [&](int k, Vector<T> a, Vector<T> b0, Vector<T> b1) __attribute__((always_inline)) {
    sum[k][0] += a * b0;
    sum[k][1] += a * b1;
  };
  for (; i + 2 <= d; i += 2) {
    const Vector<T> b0 = load(w + i * n), b1 = load(w + (i + 1) * n);
    VELBO_UNROLL
    for (int k = 0; k < kRowBlock; ++k) step(k, broadcast_pair(x[k] + i), b0, b1);
  }
  if (i < d || intercept) {  // a last pair that lacks a row or has the column of ones
    const Vector<T> b0 = load(w + i * n), b1 = load(w + (i + 1) * n);
    VELBO_UNROLL
    for (int k = 0; k < kRowBlock; ++k) {
      const T one = intercept ? T(1) : T(0), pair[2] = {i < d ? x[k][i] : one, i < d ? one : T(0)};
      step(k, broadcast_pair(pair), b0, b1);
    }
  }
  VELBO_UNROLL
  for (int k = 0; k < kRowBlock; ++k) total[k][0] = merge_lanes<T, 1>(sum[k][0], sum[k][1]);
}

// For every block of rows and of vectors: emit(row, vector, sums[kRowBlock][V]) of X W, W [w_rows, columns].  `rows` is a
// multiple of kRowBlock.  The rows end at column d; where `intercept`, W has a row more, for a column of ones.
// between() is called once a block of rows.
template <class T, class Emit, class Between>
void multiply(const T* const* row, std::int64_t rows, const PackedMatrix<T>& w, std::int64_t w_rows, std::int64_t d,
              bool intercept, const Emit& emit, const Between& between) {
  constexpr int n = Lanes<T>::count;
  for (std::int64_t r = 0; r < rows; r += kRowBlock) {
    between();
    for (std::int64_t v = 0; v < w.vectors; v += 2) {
      const T* block = w.blocks + v * w_rows * n;
      if (v + 1 < w.vectors) {
        Vector<T> sums[kRowBlock][2];
        multiply_block(row + r, block, w.first + v, d, intercept ? block + d * 2 * n : nullptr, sums);
        emit(r, v, sums);
      } else {
        Vector<T> sums[kRowBlock][1];
        multiply_pairs(row + r, block, w.first[v], d, intercept, sums);
        emit(r, v, sums);
      }
    }
  }
}

// One dot product a row: out[r] = start + row_r' v, `rows` a multiple of the lanes, v as Columns.
template <class T, class Between>
void dot_rows(const T* const* row, std::int64_t rows, Columns columns, const T* v, T start, T* out,
              const Between& between) {
  constexpr int n = Lanes<T>::count;
  constexpr int block = n < 8 ? n : 8;
  for (std::int64_t r = 0; r < rows; r += n) {
    between();
    Vector<T> sum[n];
    for (int g = 0; g < n; g += block) {
      Vector<T> s[block] = {};
      const T* x[block];
      VELBO_UNROLL
      for (int k = 0; k < block; ++k) x[k] = row[r + g + k];
      for (std::int64_t j = 0; j < columns.vectors; ++j) {
        const std::int64_t at = j + 1 < columns.vectors ? j * n : columns.last;
        const Vector<T> c = load(v + j * n);
        VELBO_UNROLL
        for (int k = 0; k < block; ++k) s[k] += load(x[k] + at) * c;
      }
      VELBO_UNROLL
      for (int k = 0; k < block; ++k) sum[g + k] = s[k];
    }
    store(out + r, sums_of_each<T>(sum) + start);
  }
}

// m[r] = start + row_r' mean,  s[r] = square + sum_j (sd_j x_rj)^2.
template <class T, class Between>
void dot_and_square_rows(const T* const* row, std::int64_t rows, Columns columns, const T* mean, const T* sd, T start,
                         T square, T* m, T* s, const Between& between) {
  constexpr int n = Lanes<T>::count;
  constexpr int block = n < 4 ? n : 4;
  for (std::int64_t r = 0; r < rows; r += n) {
    between();
    Vector<T> sum[n], squares[n];
    for (int g = 0; g < n; g += block) {
      Vector<T> a[block] = {}, b[block] = {};
      const T* x[block];
      VELBO_UNROLL
      for (int k = 0; k < block; ++k) x[k] = row[r + g + k];
      for (std::int64_t j = 0; j < columns.vectors; ++j) {
        const std::int64_t at = j + 1 < columns.vectors ? j * n : columns.last;
        const Vector<T> c = load(mean + j * n), e = load(sd + j * n);
        VELBO_UNROLL
        for (int k = 0; k < block; ++k) {
          const Vector<T> value = load(x[k] + at);
          const Vector<T> scaled = value * e;
          a[k] += value * c;
          b[k] += scaled * scaled;
        }
      }
      VELBO_UNROLL
      for (int k = 0; k < block; ++k) {
        sum[g + k] = a[k];
        squares[g + k] = b[k];
      }
    }
    store(m + r, sums_of_each<T>(sum) + start);
    store(s + r, sums_of_each<T>(squares) + square);
  }
}

// A [rows, na]: element (r, a) at a[r * row_stride + a * column_stride].
template <class T>
struct LeftFactor {
  const T* a;
  std::int64_t row_stride;
  std::int64_t column_stride;
};

// out[a][v] += sum_r A[r, a] * (vector v of row r), for NA x NB accumulators; vector v at `first` + v lanes of a row, the
// last at `last`; `out` has out_stride elements from one a to the next.
template <class T, int NA, int NB>
void outer_block(const LeftFactor<T>& left, const T* const* row, std::int64_t rows, std::int64_t first,
                 std::int64_t last, T* out, std::int64_t out_stride) {
  constexpr int n = Lanes<T>::count;
  constexpr int chains = NA * NB <= 4 ? 2 : 1;
  Vector<T> sum[chains][NA][NB] = {};
  const T* a0 = left.a;
  const std::int64_t a_step = left.row_stride, a_column = left.column_stride;
  const auto step = [&](std::int64_t r, Vector<T>(&into)[NA][NB]) __attribute__((always_inline)) {
    const T* x = row[r];
    Vector<T> b[NB];
    VELBO_UNROLL
    for (int v = 0; v < NB; ++v) b[v] = load(v + 1 < NB ? x + first + v * n : x + last);
    VELBO_UNROLL
    for (int k = 0; k < NA; ++k) {
      const Vector<T> c = broadcast(a0[r * a_step + k * a_column]);
      VELBO_UNROLL
      for (int v = 0; v < NB; ++v) into[k][v] += c * b[v];
    }
  };
  for (std::int64_t r = 0; r < rows; r += chains) {  // an even number of rows
    step(r, sum[0]);
    if constexpr (chains == 2) step(r + 1, sum[1]);
  }
  VELBO_UNROLL
  for (int k = 0; k < NA; ++k) VELBO_UNROLL
  for (int v = 0; v < NB; ++v) {
    Vector<T> total = sum[0][k][v];
    if constexpr (chains == 2) total += sum[1][k][v];
    T* place = out + k * out_stride + v * n;
    store(place, load(place) + total);
  }
}

// Vectors [v, end) of the columns, at most NB at a time.
template <class T, int NA, int NB, class Between>
void outer_vectors(const LeftFactor<T>& left, const T* const* row, std::int64_t rows, Columns columns, std::int64_t v,
                   std::int64_t end, T* out, std::int64_t out_stride, const Between& between) {
  constexpr int n = Lanes<T>::count;
  if constexpr (NB > 0) {
    for (; end - v >= NB; v += NB) {
      const std::int64_t last = v + NB == columns.vectors ? columns.last : (v + NB - 1) * n;
      between();
      outer_block<T, NA, NB>(left, row, rows, v * n, last, out + v * n, out_stride);
    }
    outer_vectors<T, NA, NB - 1>(left, row, rows, columns, v, end, out, out_stride, between);
  }
}

// out [na, out_stride] += A' X.  between() is called once a block of accumulators.
template <class T, class Between>
void add_outer(const LeftFactor<T>& left, std::int64_t na, const T* const* row, std::int64_t rows, Columns columns,
               T* out, std::int64_t out_stride, const Between& between) {
  std::int64_t a = 0;
  const auto rest = [&] { return LeftFactor<T>{left.a + a * left.column_stride, left.row_stride, left.column_stride}; };
  for (; a + 4 <= na; a += 4)
    outer_vectors<T, 4, 3>(rest(), row, rows, columns, 0, columns.vectors, out + a * out_stride, out_stride, between);
  if (na - a == 3)
    outer_vectors<T, 3, 4>(rest(), row, rows, columns, 0, columns.vectors, out + a * out_stride, out_stride, between);
  if (na - a == 2)
    outer_vectors<T, 2, 6>(rest(), row, rows, columns, 0, columns.vectors, out + a * out_stride, out_stride, between);
  if (na - a == 1)
    outer_vectors<T, 1, 8>(rest(), row, rows, columns, 0, columns.vectors, out + a * out_stride, out_stride, between);
}

// The same for a result of which only the lower triangle is wanted: blocks of 4 rows of `out`, columns up to the
// diagonal.  A panel of three vectors of every row stays in the first-level cache while the blocks pass over it.
template <class T>
void add_outer_lower(const LeftFactor<T>& left, std::int64_t na, const T* const* row, std::int64_t rows,
                     Columns columns, T* out, std::int64_t out_stride) {
  constexpr int n = Lanes<T>::count;
  constexpr std::int64_t panel = 3;
  for (std::int64_t v = 0; v < columns.vectors; v += panel)
    for (std::int64_t a = v * n / 4 * 4; a < na; a += 4) {
      std::int64_t end = (a + 3) / n + 1;
      end = end < v + panel ? end : v + panel;
      end = end < columns.vectors ? end : columns.vectors;
      outer_vectors<T, 4, 3>({left.a + a, left.row_stride, 1}, row, rows, columns, v, end, out + a * out_stride,
                             out_stride, [] {});
    }
}

// gradient[v] += sum_r rho_r x_r,  diagonal[v] += sum_r c_r x_r^2, both in vectors.
template <class T, int NB>
void add_moments(const T* const* row, std::int64_t rows, Columns columns, std::int64_t v, const T* rho, const T* c,
                 T* gradient, T* diagonal) {
  constexpr int n = Lanes<T>::count;
  if constexpr (NB > 0) {
    for (; columns.vectors - v >= NB; v += NB) {
      const std::int64_t last = v + NB == columns.vectors ? columns.last : (v + NB - 1) * n;
      Vector<T> g[NB] = {}, d[NB] = {};
      for (std::int64_t r = 0; r < rows; ++r) {
        const T* x = row[r];
        const Vector<T> a = broadcast(rho[r]), b = broadcast(c[r]);
        VELBO_UNROLL
        for (int k = 0; k < NB; ++k) {
          const Vector<T> value = load(k + 1 < NB ? x + (v + k) * n : x + last);
          g[k] += a * value;
          d[k] += (b * value) * value;
        }
      }
      VELBO_UNROLL
      for (int k = 0; k < NB; ++k) {
        store(gradient + (v + k) * n, load(gradient + (v + k) * n) + g[k]);
        store(diagonal + (v + k) * n, load(diagonal + (v + k) * n) + d[k]);
      }
    }
    add_moments<T, NB - 1>(row, rows, columns, v, rho, c, gradient, diagonal);
  }
}

}  // namespace
}  // namespace velbo::internal
