// cpu/row_kernels.cpp - the hot loops, compiled once an instruction set (VELBO_ISA); see cpu/isa.h.
//
// Nothing here may be shared with another instruction set's copy: no standard library templates, only internal linkage
// and functions that are always inlined.
#include "cpu/isa.h"
#include "cpu/row_draws.h"
#include "cpu/row_expectation.h"
#include "cpu/row_normals.h"
#include "cpu/row_sparse.h"
#include "cpu/row_terms.h"
#include "cpu/row_tile.h"

#define VELBO_JOIN_(a, b) a##b
#define VELBO_JOIN(a, b) VELBO_JOIN_(a, b)
#define VELBO_STRING_(a) #a
#define VELBO_STRING(a) VELBO_STRING_(a)

namespace velbo::internal {
namespace {

template <class T>
void gram(const GramChunk<T>& chunk, T* scratch) {
  constexpr int n = Lanes<T>::count;
  Pieces<T> pieces{scratch};
  TileWalk<T> walk(*chunk.rows, chunk.begin, chunk.end, chunk.gram == nullptr, pieces);
  const std::int64_t length = walk.columns.vectors * n;
  T* moment = pieces.zeros(length);
  T* diagonal = pieces.zeros(length);
  GramSums<T> sums(pieces, walk, chunk.gram != nullptr);
  T* weighted = chunk.gram != nullptr ? pieces.take(walk.tile * walk.padded) : nullptr;
  double ones[2] = {0, 0};  // the intercept's sums of r and c, where rows are read in place
  std::int64_t unflushed = 0;
  const auto flush = [&] {
    if (chunk.moment != nullptr) walk.flush(moment, chunk.moment);
    if (chunk.diagonal != nullptr) walk.flush(diagonal, chunk.diagonal);
    if (chunk.gram != nullptr) sums.flush(walk, chunk.gram, nullptr);
    unflushed = 0;
  };
  while (walk.load_tile()) {
    T *c = walk.arrays.c, *rho = walk.arrays.rho;
    fill_column<T>(chunk.c, nullptr, walk.begin, walk.n, walk.used, T(1), T(0), c);
    fill_column<T>(chunk.r, nullptr, walk.begin, walk.n, walk.used, T(0), T(0), rho);
    for (std::int64_t r = 0; r < walk.used; ++r) {
      ones[0] += static_cast<double>(rho[r]);
      ones[1] += static_cast<double>(c[r]);
    }
    walk.prefetch(walk.tile);
    if (chunk.diagonal != nullptr) {
      add_moments<T, 6>(walk.row, walk.used, walk.columns, 0, rho, c, moment, diagonal);
    } else if (chunk.moment != nullptr) {
      add_outer<T>({rho, 1, 0}, 1, walk.row, walk.used, walk.columns, moment, length, [] {});
    }
    if (chunk.gram != nullptr) sums.add(walk, c, nullptr, weighted);
    unflushed += walk.n;
    if (unflushed >= kRowsOfAFlush) flush();
  }
  flush();
  if (!walk.in_place || !walk.rows.intercept) return;
  if (chunk.moment != nullptr) chunk.moment[walk.d - 1] += ones[0];
  if (chunk.diagonal != nullptr) chunk.diagonal[walk.d - 1] += ones[1];
}

template <class T>
void product(const ProductChunk<T>& chunk, T* scratch) {
  constexpr int n = Lanes<T>::count;
  Pieces<T> pieces{scratch};
  TileWalk<T> walk(*chunk.rows, chunk.begin, chunk.end, true, pieces);
  const std::int64_t length = walk.columns.vectors * n;
  T* v = pieces.take(length);
  T* out = pieces.zeros(length);
  walk.pack(chunk.v, v);
  const bool intercept = walk.in_place && walk.rows.intercept;
  double ones = 0;
  std::int64_t unflushed = 0;
  while (walk.load_tile()) {
    T *m = walk.arrays.m, *c = walk.arrays.c;
    fill_column<T>(chunk.c, nullptr, walk.begin, walk.n, walk.used, T(1), T(0), c);
    dot_rows(walk.row, walk.used, walk.columns, v, intercept ? chunk.v[walk.d - 1] : T(0), m,
             [&] { walk.prefetch(n); });
    for (std::int64_t r = 0; r < walk.used; ++r) {
      m[r] *= c[r];
      ones += static_cast<double>(m[r]);
    }
    add_outer<T>({m, 1, 0}, 1, walk.row, walk.used, walk.columns, out, length, [] {});
    unflushed += walk.n;
    if (unflushed >= kRowsOfAFlush) {
      walk.flush(out, chunk.out);
      unflushed = 0;
    }
  }
  walk.flush(out, chunk.out);
  if (intercept) chunk.out[walk.d - 1] += ones;
}

template <class T>
constexpr RowKernels<T> kernels{.lanes = Lanes<T>::count,
                                .few_draws = kFewDraws<T>,
                                .expectation = expectation<T>,
                                .gram = gram<T>,
                                .product = product<T>,
                                .draws = draws<T>,
                                .sparse_expectation = sparse_expectation<T>,
                                .sparse_gram = sparse_gram<T>,
                                .sparse_product = sparse_product<T>,
                                .sparse_draws = sparse_draws<T>};

}  // namespace

const IsaTable& VELBO_JOIN(isa_table_, VELBO_ISA)();  // declared where it is called, in isa.cpp

const IsaTable& VELBO_JOIN(isa_table_, VELBO_ISA)() {
  static constexpr IsaTable table{.name = VELBO_STRING(VELBO_ISA),
                                  .normals = normals,
                                  .rows_float = kernels<float>,
                                  .rows_double = kernels<double>};
  return table;
}

}  // namespace velbo::internal
