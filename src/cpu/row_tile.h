// cpu/row_tile.h - walks rows tile by tile: a few dozen rows that stay in the first-level cache while every product of a
// pass is made of them.
//
// A tile is read in place where its elements are what the loops want; else its rows are converted, centred, scattered and
// padded with zeros into scratch memory.  Rows past the end have weight 0.  Included by the per-instruction-set source
// only.
#pragma once
#include "cpu/isa.h"
#include "cpu/lanes.h"
#include "cpu/row_products.h"

namespace velbo::internal {
namespace {

// Memory of a kernel's caller, handed out piece by piece.
template <class T>
struct Pieces {
  T* next;
  T* take(std::int64_t count) {
    T* const piece = next;
    next += (count + 15) / 16 * 16;
    return piece;
  }
  T* zeros(std::int64_t count) {
    T* const piece = take(count);
    for (std::int64_t i = 0; i < count; ++i) piece[i] = 0;
    return piece;
  }
};

// The per-row columns of a tile, `tile` elements each.
template <class T>
struct RowArrays {
  RowArrays(Pieces<T>& pieces, std::int64_t tile) {
    for (T** column : {&y, &trials, &weights, &offset}) *column = pieces.take(tile);
    for (T** column : {&m, &s, &value, &rho, &c}) *column = pieces.take(tile);
  }
  T *y = nullptr, *trials = nullptr, *weights = nullptr, *offset = nullptr;
  T *m = nullptr, *s = nullptr, *value = nullptr, *rho = nullptr, *c = nullptr;
};
static_assert(kRowArrays >= 9);

// out[r] = source[stored row] or, without a source, `fallback`; `rest` from n on.
template <class T>
void fill_column(const T* source, const std::int64_t* index, std::int64_t begin, std::int64_t n, std::int64_t used,
                 T fallback, T rest, T* __restrict out) {
  if (source == nullptr) {
    for (std::int64_t r = 0; r < n; ++r) out[r] = fallback;
  } else if (index == nullptr) {
    for (std::int64_t r = 0; r < n; ++r) out[r] = source[begin + r];
  } else {
    for (std::int64_t r = 0; r < n; ++r) out[r] = source[index[begin + r]];
  }
  for (std::int64_t r = n; r < used; ++r) out[r] = rest;
}

// y, trials, weight times scale and offset of a walk's rows.
template <class Walk>
void load_columns(const Walk& walk) {
  const auto& rows = walk.rows;
  const auto& a = walk.arrays;
  using T = decltype(+a.y[0]);
  fill_column(rows.y, rows.index, walk.begin, walk.n, walk.used, T(0), T(0), a.y);
  fill_column(rows.trials, rows.index, walk.begin, walk.n, walk.used, T(1), T(1), a.trials);
  fill_column(rows.weights, rows.index, walk.begin, walk.n, walk.used, T(1), T(0), a.weights);
  fill_column(rows.offset, rows.index, walk.begin, walk.n, walk.used, T(0), T(0), a.offset);
  for (std::int64_t r = 0; r < walk.used; ++r) a.weights[r] *= rows.scale;
}

template <class T>
struct TileWalk {
  // may_read_in_place: the caller's products take rows as they are stored, without the intercept's column.
  TileWalk(const Rows<T>& rows_in, std::int64_t begin_in, std::int64_t end_in, bool may_read_in_place,
           Pieces<T>& pieces)
      : rows(rows_in),
        d(rows.n_columns()),
        padded(padded_columns(d)),
        tile(tile_rows<T>(d)),
        next(begin_in),
        end(end_in),
        in_place(may_read_in_place && rows.row_start == nullptr && rows.centre == nullptr &&
                 rows.element == (sizeof(T) == sizeof(float) ? Element::float32 : Element::float64) &&
                 rows.n_features >= Lanes<T>::count),
        stored_columns(in_place ? rows.n_features : d),
        arrays(pieces, tile) {
    constexpr int lanes = Lanes<T>::count;
    columns.vectors = (stored_columns + lanes - 1) / lanes;
    columns.last = in_place ? stored_columns - lanes : (columns.vectors - 1) * lanes;
    if (in_place) return;
    x = pieces.zeros(tile * padded);
    centre_high = pieces.take(padded);
    centre_low = pieces.take(padded);
    for (std::int64_t j = 0; rows.centre != nullptr && j < rows.n_features; ++j) {
      centre_high[j] = static_cast<T>(rows.centre[j]);
      centre_low[j] = static_cast<T>(rows.centre[j] - static_cast<double>(centre_high[j]));
    }
  }

  // Loads the next tile: rows [begin, begin + n), `used` of them with what the vector loops need.  False at the end.
  bool load_tile() {
    begin = next;
    if (begin >= end) return false;
    n = end - begin < tile ? end - begin : tile;
    asked = next = begin + n;
    used = (n + kRowStep - 1) / kRowStep * kRowStep;
    if (in_place) {
      const T* base = static_cast<const T*>(rows.x);
      for (std::int64_t r = 0; r < n; ++r) row[r] = base + stored(begin + r) * rows.stride;
      for (std::int64_t r = n; r < used; ++r) row[r] = row[0];  // of weight 0
    } else {
      for (std::int64_t r = 0; r < used; ++r) row[r] = x + r * padded;
      if (rows.row_start != nullptr) {
        scatter();
      } else if (rows.element == Element::float32) {
        convert_rows(static_cast<const float*>(rows.x));
      } else {
        convert_rows(static_cast<const double*>(rows.x));
      }
      for (std::int64_t i = n * padded; i < used * padded; ++i) x[i] = 0;
    }
    return true;
  }

  std::int64_t stored(std::int64_t i) const { return rows.index != nullptr ? rows.index[i] : i; }

  // Asks for `count` more rows of the next tile, so that they come while this one is worked on: calls spread over the work
  // keep a processor's few places for outstanding lines busy.  At the end of a chunk these are the next chunk's rows.
  // Not inlined, or the products' loops lose registers to it.  It has to write something: GCC takes a function that does
  // nothing but prefetch for one without effect, and drops its calls.
  __attribute__((noinline)) void prefetch(std::int64_t count) {
    if (rows.row_start != nullptr) return;
    const std::int64_t most = next + tile < rows.n_rows ? next + tile : rows.n_rows;
    const std::int64_t from = asked, to = from + count < most ? from + count : most;
    const std::int64_t size = rows.element == Element::float32 ? 4 : 8;
    const char* base = static_cast<const char*>(rows.x);
    const std::int64_t row_bytes = rows.n_features * size, step = rows.stride * size;
    asked = to;
    if (rows.index == nullptr && step <= row_bytes + 64) {  // all of it
      if (in_place) return;  // loads one after the other: the hardware's own prefetch does it, and this costs a tenth
      for (const char* p = base + from * step; p < base + to * step; p += 64) __builtin_prefetch(p, 0, 2);
      return;
    }
    for (std::int64_t i = from; i < to; ++i) {
      const char* first = base + stored(i) * step;
      for (std::int64_t b = 0; b < row_bytes; b += 64) __builtin_prefetch(first + b, 0, 3);
      __builtin_prefetch(first + row_bytes - 1, 0, 3);
    }
  }

  void scatter() {
    for (std::int64_t i = 0; i < n * padded; ++i) x[i] = 0;
    for (std::int64_t r = 0; r < n; ++r) {
      const std::int64_t from = stored(begin + r);
      for (std::int64_t k = rows.row_start[from]; k < rows.row_start[from + 1]; ++k)
        x[r * padded + rows.column[k]] += static_cast<T>(rows.value[k]);
      if (rows.intercept) x[r * padded + rows.n_features] = 1;
    }
  }

  // Columns past D stay zero from the start.
  template <class E>
  void convert_rows(const E* base) {
    const std::int64_t count = rows.n_features;
    std::int64_t r = 0;
    if constexpr (sizeof(E) == sizeof(T)) {
      if (rows.centre != nullptr && count >= Lanes<T>::count) {
        for (; r + 4 <= n; r += 4) centre_rows<4>(base, r);
        for (; r < n; ++r) centre_rows<1>(base, r);
      }
    }
    for (; r < n; ++r) {
      const E* __restrict from = base + stored(begin + r) * rows.stride;
      T* __restrict to = x + r * padded;
      if (rows.centre != nullptr) {
        for (std::int64_t j = 0; j < count; ++j) to[j] = static_cast<T>(static_cast<double>(from[j]) - rows.centre[j]);
      } else {
        for (std::int64_t j = 0; j < count; ++j) to[j] = static_cast<T>(from[j]);
      }
    }
    for (r = 0; rows.intercept && r < n; ++r) x[r * padded + count] = 1;
  }

  // Rows r .. r + K, which share the loads of the centre.  Its two parts keep the digits that one T has not: x - high is
  // exact where x is near it.  The last vector overlaps the one before it.
  template <int K>
  void centre_rows(const T* base, std::int64_t r) {
    constexpr int lanes = Lanes<T>::count;
    const T *high = centre_high, *low = centre_low, *from[K];
    T* to[K];
    for (int k = 0; k < K; ++k) {
      from[k] = base + stored(begin + r + k) * rows.stride;
      to[k] = x + (r + k) * padded;
    }
    const auto move = [&](std::int64_t at) __attribute__((always_inline)) {
      const Vector<T> h = load(high + at), l = load(low + at);
      VELBO_UNROLL
      for (int k = 0; k < K; ++k) store(to[k] + at, (load(from[k] + at) - h) - l);
    };
    const std::int64_t last = rows.n_features - lanes;
    for (std::int64_t j = 0; j < last; j += lanes) move(j);
    move(last);
  }

  // Coefficients [D] as the products want them beside `columns`: whole vectors, zero where lanes come twice or pad.
  void pack(const T* coefficients, T* out) const {
    constexpr int lanes = Lanes<T>::count;
    for (std::int64_t v = 0; v < columns.vectors; ++v)
      for (int k = 0; k < lanes; ++k) {
        const std::int64_t j = (v + 1 < columns.vectors ? v * lanes : columns.last) + k;
        out[v * lanes + k] = j >= v * lanes && j < stored_columns ? coefficients[j] : T(0);
      }
  }

  // Adds sums in that order to out [stored_columns], and clears them.
  void flush(T* sums, double* out) const {
    constexpr int lanes = Lanes<T>::count;
    for (std::int64_t j = 0; j < stored_columns; ++j) {
      const std::int64_t v = j / lanes;
      const std::int64_t place = v + 1 < columns.vectors ? j : v * lanes + (j - columns.last);
      out[j] += static_cast<double>(sums[place]);
    }
    for (std::int64_t i = 0; i < columns.vectors * lanes; ++i) sums[i] = 0;
  }

  const Rows<T> rows;
  const std::int64_t d, padded, tile;
  std::int64_t next, end, begin = 0, n = 0, used = 0, asked = 0;
  const bool in_place;
  const std::int64_t stored_columns;  // of the rows as the products see them
  Columns columns;
  RowArrays<T> arrays;
  T* x = nullptr;
  T *centre_high = nullptr, *centre_low = nullptr;
  const T* row[kMostTileRows];
};

}  // namespace
}  // namespace velbo::internal
