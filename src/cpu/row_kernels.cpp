// cpu/row_kernels.cpp - the hot loops, compiled once an instruction set (VELBO_ISA); see cpu/isa.h.
//
// Nothing here may be shared with another instruction set's copy: no standard library templates, only internal linkage
// and functions that are always inlined.
#include "cpu/isa.h"
#include "cpu/row_terms.h"
#include "cpu/row_tile.h"
#include "math/normal.h"

#define VELBO_JOIN_(a, b) a##b
#define VELBO_JOIN(a, b) VELBO_JOIN_(a, b)
#define VELBO_STRING_(a) #a
#define VELBO_STRING(a) VELBO_STRING_(a)

namespace velbo::internal {
namespace {

// Walks rows [begin, end) tile by tile, with the tile transposed and the per-row columns filled up with harmless rows of
// weight 0.
template <class T>
struct TileWalk {
  TileWalk(const Rows<T>& rows_in, T* scratch)
      : rows(rows_in), d(rows.n_columns()), padded(padded_columns(d)), tile(tile_rows<T>(d)), x(scratch) {
    T* next = scratch + tile * padded;
    for (T** column : {&y, &trials, &weights, &m, &s, &value, &rho, &c}) {
      *column = next;
      next += tile;
    }
  }

  // Loads rows [begin, begin + n), n <= tile; `used` is n rounded up to what the vector loops need.
  void load_tile(std::int64_t begin, std::int64_t n) {
    used = (n + 63) / 64 * 64;
    transpose(begin, n);
    for (std::int64_t r = 0; r < used; ++r) {
      const bool real = r < n;
      const std::int64_t row = real ? stored(begin + r) : 0;
      y[r] = real && rows.y != nullptr ? rows.y[row] : T(0);
      trials[r] = real && rows.trials != nullptr ? rows.trials[row] : T(1);
      weights[r] = !real ? T(0) : rows.weights != nullptr ? rows.scale * rows.weights[row] : rows.scale;
      m[r] = real && rows.offset != nullptr ? rows.offset[row] : T(0);
    }
  }

  std::int64_t stored(std::int64_t row) const { return rows.index != nullptr ? rows.index[row] : row; }

  void transpose(std::int64_t begin, std::int64_t n) {
    for (std::int64_t i = 0; i < padded * tile; ++i) x[i] = 0;
    for (std::int64_t r = 0; r < n; ++r) {
      const std::int64_t row = stored(begin + r);
      if (rows.row_start != nullptr) {
        for (std::int64_t k = rows.row_start[row]; k < rows.row_start[row + 1]; ++k)
          x[rows.column[k] * tile + r] = static_cast<T>(rows.value[k]);
      } else {
        for (std::int64_t j = 0; j < rows.n_features; ++j) {
          const double centre = rows.centre != nullptr ? rows.centre[j] : 0.0;
          const double element = rows.element == Element::float32
                                   ? static_cast<double>(static_cast<const float*>(rows.x)[row * rows.stride + j])
                                   : static_cast<const double*>(rows.x)[row * rows.stride + j];
          x[j * tile + r] = static_cast<T>(element - centre);
        }
      }
      if (rows.intercept) x[rows.n_features * tile + r] = 1;
    }
  }

  const Rows<T>& rows;
  std::int64_t d, padded, tile, used = 0;
  T* x;
  T *y = nullptr, *trials = nullptr, *weights = nullptr, *m = nullptr, *s = nullptr, *value = nullptr, *rho = nullptr,
    *c = nullptr;
};
static_assert(kTileVectors == 8);

template <class T>
void expectation(const ExpectationChunk<T>& chunk, T* scratch) {
  TileWalk<T> walk(*chunk.rows, scratch);
  for (std::int64_t begin = chunk.begin; begin < chunk.end; begin += walk.tile) {
    const std::int64_t n = chunk.end - begin < walk.tile ? chunk.end - begin : walk.tile;
    walk.load_tile(begin, n);
    add_product(walk.x, chunk.mean, walk.d, walk.tile, walk.used, walk.m);
    for (std::int64_t r = 0; r < walk.used; ++r) walk.s[r] = 0;
    if (chunk.variance != nullptr) add_squares(walk.x, chunk.variance, walk.d, walk.tile, walk.used, walk.s);
    add_factor_squares(walk.x, chunk.scale_blocks, chunk.first_row, chunk.n_blocks, walk.padded, walk.tile, walk.used,
                       walk.s);
    expected_terms(walk.rows.likelihood, RowTerms<T>{walk.used, walk.y, walk.trials, walk.weights, walk.m, walk.s,
                                                     walk.value, walk.rho, walk.c});
    add_values(walk.value, walk.used, chunk.value);
    if (chunk.gradient != nullptr) add_moment(walk.x, walk.rho, walk.d, walk.tile, walk.used, chunk.gradient);
    if (chunk.curvature_rows != nullptr)
      for (std::int64_t r = 0; r < n; ++r) chunk.curvature_rows[begin + r] = walk.c[r];
    if (chunk.diagonal != nullptr)
      add_weighted_squares(walk.x, walk.c, walk.d, walk.tile, walk.used, chunk.diagonal);
    if (chunk.gram != nullptr) add_gram(walk.x, walk.c, walk.padded, walk.tile, walk.used, chunk.gram);
  }
}

template <class T>
void gram(const GramChunk<T>& chunk, T* scratch) {
  TileWalk<T> walk(*chunk.rows, scratch);
  for (std::int64_t begin = chunk.begin; begin < chunk.end; begin += walk.tile) {
    const std::int64_t n = chunk.end - begin < walk.tile ? chunk.end - begin : walk.tile;
    walk.load_tile(begin, n);
    for (std::int64_t r = 0; r < walk.used; ++r) {
      walk.c[r] = r >= n ? T(0) : chunk.c != nullptr ? chunk.c[begin + r] : T(1);
      walk.rho[r] = r < n && chunk.r != nullptr ? chunk.r[begin + r] : T(0);
    }
    if (chunk.gram != nullptr && chunk.diagonal) {
      add_weighted_squares(walk.x, walk.c, walk.d, walk.tile, walk.used, chunk.gram);
    } else if (chunk.gram != nullptr) {
      add_gram(walk.x, walk.c, walk.padded, walk.tile, walk.used, chunk.gram);
    }
    if (chunk.moment != nullptr) add_moment(walk.x, walk.rho, walk.d, walk.tile, walk.used, chunk.moment);
  }
}

template <class T>
void product(const ProductChunk<T>& chunk, T* scratch) {
  TileWalk<T> walk(*chunk.rows, scratch);
  for (std::int64_t begin = chunk.begin; begin < chunk.end; begin += walk.tile) {
    const std::int64_t n = chunk.end - begin < walk.tile ? chunk.end - begin : walk.tile;
    walk.load_tile(begin, n);
    for (std::int64_t r = 0; r < walk.used; ++r) walk.m[r] = 0;
    add_product(walk.x, chunk.v, walk.d, walk.tile, walk.used, walk.m);
    for (std::int64_t r = 0; r < walk.used; ++r) walk.m[r] *= r < n ? chunk.c[begin + r] : T(0);
    add_moment(walk.x, walk.m, walk.d, walk.tile, walk.used, chunk.out);
  }
}

template <class T>
void draws(const DrawsChunk<T>& chunk, T* scratch) {
  TileWalk<T> walk(*chunk.rows, scratch);
  for (std::int64_t begin = chunk.begin; begin < chunk.end; begin += walk.tile) {
    const std::int64_t n = chunk.end - begin < walk.tile ? chunk.end - begin : walk.tile;
    walk.load_tile(begin, n);
    for (std::int64_t draw = 0; draw < chunk.n_draws; ++draw) {
      for (std::int64_t r = 0; r < walk.used; ++r) walk.s[r] = walk.m[r];  // the offset
      add_product(walk.x, chunk.z + draw * walk.d, walk.d, walk.tile, walk.used, walk.s);
      row_log_likelihood(walk.rows.likelihood, RowTerms<T>{walk.used, walk.y, walk.trials, walk.weights, walk.s, walk.s,
                                                           walk.value, walk.rho, walk.c});
      double sums[2] = {0, 0};
      add_values(walk.value, walk.used, sums);
      chunk.out[draw] += sums[0];
      if (chunk.gradient == nullptr) continue;
      for (std::int64_t r = 0; r < walk.used; ++r) walk.c[r] = 0;
      expected_terms(walk.rows.likelihood, RowTerms<T>{walk.used, walk.y, walk.trials, walk.weights, walk.s, walk.c,
                                                       walk.value, walk.rho, walk.c});
      add_moment(walk.x, walk.rho, walk.d, walk.tile, walk.used, chunk.gradient + draw * walk.d);
    }
  }
}

void normals(std::uint64_t key, std::uint32_t step, std::uint32_t draw, std::uint64_t first_block,
             std::int64_t n_blocks, float* out) {
  for (std::int64_t b = 0; b < n_blocks; ++b) {
    float four[4];
    four_normals(words_at(key, step, draw, first_block + static_cast<std::uint64_t>(b)), four);
    for (int k = 0; k < 4; ++k) out[4 * b + k] = four[k];
  }
}

}  // namespace

const IsaTable& VELBO_JOIN(isa_table_, VELBO_ISA)();  // declared where it is called, in isa.cpp

const IsaTable& VELBO_JOIN(isa_table_, VELBO_ISA)() {
  static constexpr IsaTable table{.name = VELBO_STRING(VELBO_ISA),
                                  .normals = normals,
                                  .rows_float = {.expectation = expectation<float>,
                                                 .gram = gram<float>,
                                                 .product = product<float>,
                                                 .draws = draws<float>},
                                  .rows_double = {.expectation = expectation<double>,
                                                  .gram = gram<double>,
                                                  .product = product<double>,
                                                  .draws = draws<double>}};
  return table;
}

}  // namespace velbo::internal
