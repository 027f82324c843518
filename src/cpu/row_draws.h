// cpu/row_draws.h - log likelihoods of draws of the latents, with their gradients.
// Included by the per-instruction-set source only.
#pragma once
#include "cpu/isa.h"
#include "cpu/row_terms.h"
#include "cpu/row_tile.h"

namespace velbo::internal {
namespace {

// Rows after which sums in T are added to those in double.
constexpr std::int64_t kRowsOfAFlush = 1024;

// Up to so many draws are dot products with every row; more fill the lanes of a product of matrices.
template <class T>
constexpr int kFewDraws = Lanes<T>::count / 2 < 2 ? 2 : Lanes<T>::count / 2;

// Draws of a chunk, either way: predictors, derivatives and values, element (row, draw) at row * row_stride +
// draw * draw_stride.
template <class T>
struct DrawnRows {
  DrawnRows(Pieces<T>& pieces, std::int64_t tile, std::int64_t n_draws, bool few)
      : columns(few ? n_draws : (n_draws + Lanes<T>::count - 1) / Lanes<T>::count * Lanes<T>::count),
        row_stride(few ? 1 : columns),
        draw_stride(few ? tile : 1) {
    for (T** array : {&eta, &value, &rho}) *array = pieces.take(tile * columns);
  }
  std::int64_t columns, row_stride, draw_stride;
  T *eta = nullptr, *value = nullptr, *rho = nullptr;
};

// out[draw] += the sum of its values over the tile: of some dozen rows in T where draws lie in lanes, else in double.
template <class T>
void add_draw_values(const DrawnRows<T>& drawn, std::int64_t used, std::int64_t n_draws, double* out) {
  constexpr int n = Lanes<T>::count;
  if (drawn.row_stride != 1) {
    for (std::int64_t s = 0; s < n_draws; s += n) {
      Vector<T> sum[4] = {};
      for (std::int64_t r = 0; r < used; r += 4) VELBO_UNROLL
      for (int k = 0; k < 4; ++k) sum[k] += load(drawn.value + (r + k) * drawn.columns + s);
      const Vector<T> total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
      for (int k = 0; k < n && s + k < n_draws; ++k) out[s + k] += static_cast<double>(total[k]);
    }
    return;
  }
  for (std::int64_t s = 0; s < n_draws; ++s) {
    double sums[2] = {0, 0};
    add_values(drawn.value + s * drawn.draw_stride, used, sums);
    out[s] += sums[0];
  }
}

template <class T>
void few_predictors(const DrawsChunk<T>& chunk, TileWalk<T>& walk, const T* packed, const DrawnRows<T>& drawn) {
  constexpr int n = Lanes<T>::count;
  for (std::int64_t s = 0; s < chunk.n_draws; ++s) {
    T* eta = drawn.eta + s * drawn.draw_stride;
    const bool intercept = walk.in_place && walk.rows.intercept;
    dot_rows(walk.row, walk.used, walk.columns, packed + s * walk.columns.vectors * n,
             intercept ? chunk.z[(s + 1) * walk.d - 1] : T(0), eta, [&] {
               if (s == 0) walk.prefetch(n);
             });
    if (walk.rows.offset != nullptr)
      for (std::int64_t r = 0; r < walk.used; ++r) eta[r] += walk.arrays.offset[r];
  }
}

template <class T>
void many_predictors(const DrawsChunk<T>& chunk, TileWalk<T>& walk, const DrawnRows<T>& drawn) {
  constexpr int n = Lanes<T>::count;
  multiply(
      walk.row, walk.used, chunk.z_matrix, walk.d, walk.stored_columns, walk.in_place && walk.rows.intercept,
      [&]<int V>(std::int64_t r, std::int64_t v, Vector<T>(&sums)[kRowBlock][V]) __attribute__((always_inline)) {
        VELBO_UNROLL
        for (int k = 0; k < kRowBlock; ++k) {
          const Vector<T> offset = broadcast(walk.arrays.offset[r + k]);
          VELBO_UNROLL
          for (int i = 0; i < V; ++i) store(drawn.eta + (r + k) * drawn.columns + (v + i) * n, sums[k][i] + offset);
        }
      },
      // Half of the next tile where gradients, which are as much work, ask for the rest.
      [&] { walk.prefetch(chunk.gradient != nullptr ? kRowBlock / 2 : kRowBlock); });
}

template <class T>
void draws(const DrawsChunk<T>& chunk, T* scratch) {
  constexpr int n = Lanes<T>::count;
  Pieces<T> pieces{scratch};
  TileWalk<T> walk(*chunk.rows, chunk.begin, chunk.end, true, pieces);
  const bool few = chunk.n_draws <= kFewDraws<T>;
  const DrawnRows<T> drawn(pieces, walk.tile, chunk.n_draws, few);
  const std::int64_t length = walk.columns.vectors * n;
  T* packed = few ? pieces.take(chunk.n_draws * length) : nullptr;
  for (std::int64_t s = 0; few && s < chunk.n_draws; ++s) walk.pack(chunk.z + s * walk.d, packed + s * length);
  T* gradient = chunk.gradient != nullptr ? pieces.zeros(chunk.n_draws * length) : nullptr;
  const auto flush = [&] {
    for (std::int64_t s = 0; s < chunk.n_draws; ++s) walk.flush(gradient + s * length, chunk.gradient + s * walk.d);
  };
  const std::int64_t outer_blocks = (chunk.n_draws + 3) / 4 * ((walk.columns.vectors + 2) / 3);
  const std::int64_t rows_of_a_block = walk.tile / 2 / outer_blocks + 1;
  std::int64_t unflushed = 0;
  while (walk.load_tile()) {
    load_columns(walk);
    if (few) {
      few_predictors(chunk, walk, packed, drawn);
      for (std::int64_t s = 0; s < chunk.n_draws; ++s)
        rows_at(walk.rows.likelihood, walk.used, drawn.eta + s * walk.tile, walk.arrays.y, walk.arrays.trials,
                walk.arrays.weights, drawn.value + s * walk.tile, drawn.rho + s * walk.tile);
    } else {
      many_predictors(chunk, walk, drawn);
      rows_at_many(walk.rows.likelihood, walk.used, drawn.columns, drawn.eta, walk.arrays.y, walk.arrays.trials,
                   walk.arrays.weights, drawn.value, drawn.rho);
    }
    add_draw_values(drawn, walk.used, chunk.n_draws, chunk.out);
    if (gradient == nullptr) continue;
    add_outer<T>({drawn.rho, drawn.row_stride, drawn.draw_stride}, chunk.n_draws, walk.row, walk.used, walk.columns,
                 gradient, length, [&] { walk.prefetch(rows_of_a_block); });
    if (walk.in_place && walk.rows.intercept) {
      for (std::int64_t s = 0; s < chunk.n_draws; ++s) {
        double sum = 0;
        for (std::int64_t r = 0; r < walk.used; ++r)
          sum += static_cast<double>(drawn.rho[r * drawn.row_stride + s * drawn.draw_stride]);
        chunk.gradient[(s + 1) * walk.d - 1] += sum;
      }
    }
    unflushed += walk.n;
    if (unflushed >= kRowsOfAFlush) {
      flush();
      unflushed = 0;
    }
  }
  if (gradient != nullptr) flush();
}

}  // namespace
}  // namespace velbo::internal
