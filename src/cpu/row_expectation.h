// cpu/row_expectation.h - expected log likelihoods of a chunk of rows and their derivatives.
// Included by the per-instruction-set source only.
#pragma once
#include "cpu/isa.h"
#include "cpu/row_draws.h"
#include "cpu/row_normals.h"
#include "cpu/row_terms.h"
#include "cpu/row_tile.h"

namespace velbo::internal {
namespace {

// to[r] = scale_r x_r, and then last_r where not null; `whole` columns, of which those past D are zero in the tile.
template <class T>
void weigh_rows(const TileWalk<T>& walk, std::int64_t whole, const T* scale, const T* last, T* to) {
  constexpr int n = Lanes<T>::count;
  const std::int64_t d = walk.d, padded = walk.padded, used = walk.used;  // a store of a vector may alias anything
  const T* from = walk.x;
  for (std::int64_t r = 0; r < used; ++r, from += padded, to += padded) {
    const Vector<T> by = broadcast(scale[r]);
    for (std::int64_t j = 0; j < whole; j += n) store(to + j, by * load(from + j));
    if (last != nullptr) to[d] = last[r];
  }
}

// X' diag(c) X of the tiles since the last flush, in T.  Rows weighted beforehand leave the inner loop nothing but loads
// and fused multiply-adds.
template <class T>
struct GramSums {
  GramSums(Pieces<T>& pieces, const TileWalk<T>& walk, bool wanted) {
    if (wanted) sums = pieces.zeros((walk.d + 4) * walk.padded);
  }

  // X' rho, where wanted, is one column more on the left.  weighted: [tile, padded] of scratch.
  void add(const TileWalk<T>& walk, const T* c, const T* rho, T* weighted) {
    const std::int64_t left = rho != nullptr ? (walk.d + 4) / 4 * 4 : (walk.d + 3) / 4 * 4;
    weigh_rows<T>(walk, left, c, rho, weighted);
    add_outer_lower<T>({weighted, walk.padded, 1}, left, walk.row, walk.used, walk.columns, sums, walk.padded);
  }

  // For c >= 0: rows times the root of c, in place, are both factors; one tile stays in the first-level cache.  Destroys
  // the tile, c and rho.
  void add_by_roots(const TileWalk<T>& walk, T* c, T* rho) {
    constexpr T least = sizeof(T) == sizeof(float) ? T(1.2e-38) : T(2.3e-308);  // c may be 0 where rho is not
    VELBO_ROWS_INDEPENDENT
    for (std::int64_t r = 0; r < walk.used; ++r) {
      c[r] = sqrt_of(max_of(least, c[r]));
      if (rho != nullptr) rho[r] /= c[r];
    }
    add(walk, c, rho, walk.x);
    for (std::int64_t r = 0; rho != nullptr && r < walk.used; ++r) walk.x[r * walk.padded + walk.d] = 0;
  }

  void flush(const TileWalk<T>& walk, double* gram, double* gradient) {
    for (std::int64_t i = 0; i < walk.d; ++i)
      for (std::int64_t j = 0; j <= i; ++j) gram[i * walk.d + j] += static_cast<double>(sums[i * walk.padded + j]);
    for (std::int64_t j = 0; gradient != nullptr && j < walk.d; ++j)
      gradient[j] += static_cast<double>(sums[walk.d * walk.padded + j]);
    for (std::int64_t i = 0; i < (walk.d + 4) / 4 * 4 * walk.padded; ++i) sums[i] = 0;
  }

  T* sums = nullptr;  // [D + 4, padded]
};

// X' diag(c) (X factor) of the tiles since the last flush; column 0 of the packed factor is the mean.
template <class T>
struct FactorProduct {
  FactorProduct(Pieces<T>& pieces, const TileWalk<T>& walk, std::int64_t vectors, bool wanted)
      : columns(vectors * Lanes<T>::count) {
    if (!wanted) return;
    projections = pieces.take(walk.tile * columns);
    sums = pieces.zeros(walk.d * columns);
    for (std::int64_t r = 0; r < walk.tile; ++r) row[r] = projections + r * columns;
  }
  void flush(std::int64_t d, std::int64_t rank, double* out) {
    for (std::int64_t i = 0; i < d; ++i)
      for (std::int64_t k = 0; k < rank; ++k) out[i * rank + k] += static_cast<double>(sums[i * columns + k + 1]);
    for (std::int64_t i = 0; i < d * columns; ++i) sums[i] = 0;
  }
  std::int64_t columns;
  T* projections = nullptr;  // [tile, columns]
  T* sums = nullptr;         // [D, columns]
  const T* row[kMostTileRows];
};

// m = X mean and s += |factor' x|^2; the projections X [mean, factor] are kept where not null.
template <class T>
void factor_predictors(TileWalk<T>& walk, const PackedMatrix<T>& factor, T* squares, T* projections) {
  constexpr int n = Lanes<T>::count;
  Vector<T> all_but_first = broadcast(T(1));
  all_but_first[0] = 0;
  multiply(
      walk.row, walk.used, factor, walk.d, walk.rows.n_features, walk.rows.intercept,
      [&]<int V>(std::int64_t r, std::int64_t v, Vector<T>(&sums)[kRowBlock][V]) __attribute__((always_inline)) {
        VELBO_UNROLL
        for (int k = 0; k < kRowBlock; ++k) {
          T* const place = squares + (r + k) * n;
          if (projections != nullptr) {
            VELBO_UNROLL
            for (int i = 0; i < V; ++i) store(projections + (r + k) * factor.vectors * n + (v + i) * n, sums[k][i]);
          }
          Vector<T> total;
          if (v == 0) {
            walk.arrays.m[r + k] = sums[k][0][0];
            const Vector<T> first = sums[k][0] * all_but_first;
            total = first * first;
          } else {
            total = load(place) + sums[k][0] * sums[k][0];
          }
          if constexpr (V == 2) total += sums[k][1] * sums[k][1];
          store(place, total);
        }
      },
      [&] { walk.prefetch(kRowBlock); });
  for (std::int64_t r = 0; r < walk.used; r += n) {
    Vector<T> of_rows[n];
    for (int k = 0; k < n; ++k) of_rows[k] = load(squares + (r + k) * n);
    store(walk.arrays.s + r, load(walk.arrays.s + r) + sums_of_each<T>(of_rows));
  }
}

template <class T>
void expectation(const ExpectationChunk<T>& chunk, T* scratch) {
  constexpr int n = Lanes<T>::count;
  const bool with_factor = chunk.factor.vectors > 0;
  const bool with_gram = chunk.gram != nullptr, with_product = chunk.factor_product != nullptr;
  Pieces<T> pieces{scratch};
  TileWalk<T> walk(*chunk.rows, chunk.begin, chunk.end, !with_factor && !with_gram, pieces);
  const std::int64_t length = walk.columns.vectors * n;
  T* mean = pieces.take(length);
  T* sd = pieces.take(length);
  walk.pack(chunk.mean, mean);
  if (chunk.sd != nullptr) walk.pack(chunk.sd, sd);
  T* gradient = pieces.zeros(length);
  T* diagonal = pieces.zeros(length);
  T* squares = pieces.take(walk.tile * n);
  T* noise = pieces.take(5 * walk.tile);  // four normals and the sd of each row
  GramSums<T> gram(pieces, walk, with_gram);
  const bool by_roots = chunk.rule.n_draws == 0;  // means over draws may be negative curvatures
  T* weighted = with_product || !by_roots ? pieces.take(walk.tile * walk.padded) : nullptr;
  FactorProduct<T> product(pieces, walk, chunk.factor.vectors, with_product);
  const RowArrays<T>& a = walk.arrays;
  const bool intercept = walk.in_place && walk.rows.intercept;
  const T start = intercept ? chunk.mean[walk.d - 1] : T(0);
  const T square = intercept && chunk.sd != nullptr ? chunk.sd[walk.d - 1] * chunk.sd[walk.d - 1] : T(0);
  double ones[2] = {0, 0};  // the intercept's sums of rho and c, where rows are read in place
  std::int64_t unflushed = 0;
  const auto flush = [&] {
    if (chunk.gradient != nullptr && !with_gram) walk.flush(gradient, chunk.gradient);
    if (chunk.diagonal != nullptr) walk.flush(diagonal, chunk.diagonal);
    if (with_gram) gram.flush(walk, chunk.gram, chunk.gradient);
    if (with_product) product.flush(walk.d, chunk.rank, chunk.factor_product);
    unflushed = 0;
  };
  while (walk.load_tile()) {
    load_columns(walk);
    const auto between = [&] {
      if (!with_factor) walk.prefetch(n);
    };
    if (chunk.sd != nullptr) {
      dot_and_square_rows(walk.row, walk.used, walk.columns, mean, sd, start, square, a.m, a.s, between);
    } else {
      for (std::int64_t r = 0; r < walk.used; ++r) a.s[r] = 0;
      if (!with_factor) dot_rows(walk.row, walk.used, walk.columns, mean, start, a.m, between);
    }
    if (with_factor) factor_predictors(walk, chunk.factor, squares, product.projections);
    for (std::int64_t r = 0; r < walk.used; ++r) a.m[r] += a.offset[r];
    row_expectations(walk, chunk.rule, noise);
    add_values(a.value, walk.used, chunk.value);
    if (chunk.curvature_rows != nullptr)
      for (std::int64_t r = 0; r < walk.n; ++r) chunk.curvature_rows[walk.begin + r] = a.c[r];
    if (chunk.diagonal != nullptr) {
      add_moments<T, 6>(walk.row, walk.used, walk.columns, 0, a.rho, a.c, gradient, diagonal);
    } else if (chunk.gradient != nullptr && !with_gram) {
      add_outer<T>({a.rho, 1, 0}, 1, walk.row, walk.used, walk.columns, gradient, length, [] {});
    }
    if (with_product) {
      weigh_rows<T>(walk, walk.d, a.c, nullptr, weighted);
      add_outer<T>({weighted, walk.padded, 1}, walk.d, product.row, walk.used,
                   {chunk.factor.vectors, (chunk.factor.vectors - 1) * n}, product.sums, product.columns, [] {});
    }
    if (with_gram) {
      T* const rho = chunk.gradient != nullptr ? a.rho : nullptr;
      by_roots ? gram.add_by_roots(walk, a.c, rho) : gram.add(walk, a.c, rho, weighted);
    }
    for (std::int64_t r = 0; intercept && r < walk.used; ++r) {
      ones[0] += static_cast<double>(a.rho[r]);
      ones[1] += static_cast<double>(a.c[r]);
    }
    unflushed += walk.n;
    if (unflushed >= kRowsOfAFlush) flush();
  }
  flush();
  if (!intercept) return;
  if (chunk.gradient != nullptr) chunk.gradient[walk.d - 1] += ones[0];
  if (chunk.diagonal != nullptr) chunk.diagonal[walk.d - 1] += ones[1];
}

}  // namespace
}  // namespace velbo::internal
