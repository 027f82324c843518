// cpu/row_sparse.h - rows of a wide compressed sparse matrix: work in proportion to the entries, no dense tile.
//
// Products with the entries are scalar, since their places are in no order that a vector could use; the per-row
// mathematics is that of dense tiles.  Sums go to double at once.  Included by the per-instruction-set source only.
#pragma once
#include "cpu/isa.h"
#include "cpu/row_draws.h"
#include "cpu/row_normals.h"
#include "cpu/row_terms.h"
#include "cpu/row_tile.h"

namespace velbo::internal {
namespace {

template <class T>
struct SparseWalk {
  SparseWalk(const Rows<T>& rows_in, std::int64_t begin_in, std::int64_t end_in, Pieces<T>& pieces)
      : rows(rows_in), d(rows.n_columns()), next(begin_in), end(end_in), arrays(pieces, tile) {}

  bool load_tile() {
    begin = next;
    if (begin >= end) return false;
    n = end - begin < tile ? end - begin : tile;
    next = begin + n;
    used = (n + kRowStep - 1) / kRowStep * kRowStep;
    return true;
  }

  // use(column, value) for the entries of row r of the tile, the intercept's included.
  template <class Use>
  void entries(std::int64_t r, const Use& use) const {
    const std::int64_t stored = rows.index != nullptr ? rows.index[begin + r] : begin + r;
    for (std::int64_t k = rows.row_start[stored]; k < rows.row_start[stored + 1]; ++k)
      use(static_cast<std::int64_t>(rows.column[k]), rows.value[k]);
    if (rows.intercept) use(rows.n_features, 1.0);
  }

  // out[r] = x_r' v
  void dot(const T* v, T* out) const {
    for (std::int64_t r = 0; r < n; ++r) {
      double sum = 0;
      entries(r, [&](std::int64_t j, double value) { sum += value * static_cast<double>(v[j]); });
      out[r] = static_cast<T>(sum);
    }
    for (std::int64_t r = n; r < used; ++r) out[r] = 0;
  }

  // out += X' a
  void add_moment(const T* a, double* out) const {
    for (std::int64_t r = 0; r < n; ++r) {
      const double factor = static_cast<double>(a[r]);
      entries(r, [&](std::int64_t j, double value) { out[j] += factor * value; });
    }
  }

  // out += the diagonal of X' diag(a) X
  void add_diagonal(const T* a, double* out) const {
    for (std::int64_t r = 0; r < n; ++r) {
      const double factor = static_cast<double>(a[r]);
      entries(r, [&](std::int64_t j, double value) { out[j] += factor * value * value; });
    }
  }

  static constexpr std::int64_t tile = kMostTileRows;
  const Rows<T> rows;
  const std::int64_t d;
  std::int64_t next, end, begin = 0, n = 0, used = 0;
  RowArrays<T> arrays;
};

template <class T>
void sparse_expectation(const ExpectationChunk<T>& chunk, T* scratch) {
  Pieces<T> pieces{scratch};
  SparseWalk<T> walk(*chunk.rows, chunk.begin, chunk.end, pieces);
  T* noise = pieces.take(5 * walk.tile);
  const RowArrays<T>& a = walk.arrays;
  while (walk.load_tile()) {
    load_columns(walk);
    walk.dot(chunk.mean, a.m);
    for (std::int64_t r = 0; r < walk.used; ++r) {
      double square = 0;
      if (chunk.sd != nullptr && r < walk.n) {
        walk.entries(r, [&](std::int64_t j, double value) {
          const double scaled = value * static_cast<double>(chunk.sd[j]);
          square += scaled * scaled;
        });
      }
      a.s[r] = static_cast<T>(square);
      a.m[r] += a.offset[r];
    }
    row_expectations(walk, chunk.rule, noise);
    add_values(a.value, walk.used, chunk.value);
    if (chunk.curvature_rows != nullptr)
      for (std::int64_t r = 0; r < walk.n; ++r) chunk.curvature_rows[walk.begin + r] = a.c[r];
    if (chunk.gradient != nullptr) walk.add_moment(a.rho, chunk.gradient);
    if (chunk.diagonal != nullptr) walk.add_diagonal(a.c, chunk.diagonal);
  }
}

template <class T>
void sparse_gram(const GramChunk<T>& chunk, T* scratch) {
  Pieces<T> pieces{scratch};
  SparseWalk<T> walk(*chunk.rows, chunk.begin, chunk.end, pieces);
  while (walk.load_tile()) {
    fill_column<T>(chunk.c, nullptr, walk.begin, walk.n, walk.used, T(1), T(0), walk.arrays.c);
    if (chunk.diagonal != nullptr) walk.add_diagonal(walk.arrays.c, chunk.diagonal);
    if (chunk.moment != nullptr) walk.add_moment(chunk.r + walk.begin, chunk.moment);
  }
}

template <class T>
void sparse_product(const ProductChunk<T>& chunk, T* scratch) {
  Pieces<T> pieces{scratch};
  SparseWalk<T> walk(*chunk.rows, chunk.begin, chunk.end, pieces);
  while (walk.load_tile()) {
    walk.dot(chunk.v, walk.arrays.m);
    for (std::int64_t r = 0; r < walk.n; ++r) walk.arrays.m[r] *= chunk.c[walk.begin + r];
    walk.add_moment(walk.arrays.m, chunk.out);
  }
}

template <class T>
void sparse_draws(const DrawsChunk<T>& chunk, T* scratch) {
  Pieces<T> pieces{scratch};
  SparseWalk<T> walk(*chunk.rows, chunk.begin, chunk.end, pieces);
  const RowArrays<T>& a = walk.arrays;
  while (walk.load_tile()) {
    load_columns(walk);
    for (std::int64_t s = 0; s < chunk.n_draws; ++s) {
      walk.dot(chunk.z + s * walk.d, a.m);
      for (std::int64_t r = 0; r < walk.used; ++r) a.m[r] += a.offset[r];
      rows_at(walk.rows.likelihood, walk.used, a.m, a.y, a.trials, a.weights, a.value, a.rho);
      double sums[2] = {0, 0};
      add_values(a.value, walk.used, sums);
      chunk.out[s] += sums[0];
      if (chunk.gradient != nullptr) walk.add_moment(a.rho, chunk.gradient + s * walk.d);
    }
  }
}

}  // namespace
}  // namespace velbo::internal
