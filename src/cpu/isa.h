// cpu/isa.h - the hot loops of the CPU, compiled once an instruction set and chosen at run time.
//
// x86-64 gets three copies (baseline, AVX2 + FMA, AVX-512), other processors one.  Each copy has internal linkage but for
// one function that returns its table.  The bits of normals are the same in all of them; sums over rows agree to rounding.
#pragma once
#include <cstdint>
#include <string_view>

#include "backend/ops.h"
#include "velbo/math/hd.h"

namespace velbo::internal {

// A matrix [D, columns] of coefficients in blocks of two vectors of columns.  Block b is row-major [D, its columns]; its rows
// before first[2 b] are zero, and before first[2 b + 1] those of its second vector.  Where the number of vectors is odd the
// last block is one of pairs of rows: [D / 2 rounded up, two vectors], in which lanes 2 p and 2 p + 1 of vector k are the
// elements of the two rows in column 2 p + k.  So every load of a row's elements serves two multiplications.
template <class T>
struct PackedMatrix {
  const T* blocks = nullptr;
  const std::int32_t* first = nullptr;
  std::int64_t vectors = 0;
};

// Rows [begin, end) of `rows` and where their sums go; made by src/cpu/cpu_ops.cpp, which owns threads and chunks.
template <class T>
struct ExpectationChunk {
  const Rows<T>* rows = nullptr;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  const T* mean = nullptr;  // [D]
  const T* sd = nullptr;    // [D], or nullptr
  PackedMatrix<T> factor;   // column 0 is the mean, then the factor's columns; no vectors: no factor
  std::int64_t rank = 0;
  PredictorRule rule;
  double* value = nullptr;           // [2] sum and sum of absolute values
  double* gradient = nullptr;        // [D], or nullptr
  double* gram = nullptr;            // [D, D] lower triangle, or nullptr
  double* diagonal = nullptr;        // [D], or nullptr
  double* factor_product = nullptr;  // [D, rank], or nullptr
  T* curvature_rows = nullptr;       // [B], or nullptr
};

template <class T>
struct GramChunk {
  const Rows<T>* rows = nullptr;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  const T* c = nullptr;  // by row of the batch; nullptr: ones
  const T* r = nullptr;
  double* gram = nullptr;      // [D, D] lower triangle, or nullptr
  double* diagonal = nullptr;  // [D], or nullptr
  double* moment = nullptr;    // [D], or nullptr
};

template <class T>
struct ProductChunk {
  const Rows<T>* rows = nullptr;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  const T* c = nullptr;
  const T* v = nullptr;   // [D]
  double* out = nullptr;  // [D]
};

inline constexpr std::int64_t kMostDraws = 64;  // of one chunk

template <class T>
struct DrawsChunk {
  const Rows<T>* rows = nullptr;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  const T* z = nullptr;      // [S, D]
  PackedMatrix<T> z_matrix;  // the same as [D, S]; not read for fewer draws than few_draws
  std::int64_t n_draws = 0;
  double* out = nullptr;       // [S]
  double* gradient = nullptr;  // [S, D], or nullptr
};

// Every function adds to its outputs.  Scratch is aligned to 64 bytes; see *_scratch() below.
template <class T>
struct RowKernels {
  int lanes;      // elements of a vector
  int few_draws;  // up to so many draws are products of vectors, more are a product of matrices
  void (*expectation)(const ExpectationChunk<T>&, T* scratch);
  void (*gram)(const GramChunk<T>&, T* scratch);
  void (*product)(const ProductChunk<T>&, T* scratch);
  void (*draws)(const DrawsChunk<T>&, T* scratch);
  // The same for compressed sparse rows without a dense tile; no factor, gram or factor product.
  void (*sparse_expectation)(const ExpectationChunk<T>&, T* scratch);
  void (*sparse_gram)(const GramChunk<T>&, T* scratch);
  void (*sparse_product)(const ProductChunk<T>&, T* scratch);
  void (*sparse_draws)(const DrawsChunk<T>&, T* scratch);
};

struct IsaTable {
  std::string_view name;
  void (*normals)(std::uint64_t key, std::uint32_t step, std::uint32_t draw, std::uint64_t first_block,
                  std::int64_t n_blocks, float* out);
  RowKernels<float> rows_float;
  RowKernels<double> rows_double;
};

inline constexpr std::int64_t kMostTileRows = 288;
// Sparse rows of up to so many columns are scattered into a dense tile.
inline constexpr std::int64_t kScatteredColumns = 2048;
inline constexpr std::int64_t kRowArrays = 24;  // per-row arrays beside a tile, at most

// Elements from one row of a tile to the next: room for one column more, in whole vectors, and half a cache line beside
// the lines, so that the same column of neighbouring rows lies in different banks and sets of a cache.
VELBO_HD std::int64_t padded_columns(std::int64_t d) { return (d + 16) / 16 * 16 + 8; }

// Elements of scratch of the sparse kernels.
inline constexpr std::int64_t kSparseScratch = kMostTileRows * (kRowArrays + 8);

// A tile takes up to 28 KiB: it stays in a first-level cache of 32.
template <class T>
VELBO_HD std::int64_t tile_rows(std::int64_t d) {
  const std::int64_t fit = 28672 / (static_cast<std::int64_t>(sizeof(T)) * padded_columns(d)) / 48 * 48;
  return fit < 48 ? 48 : fit > kMostTileRows ? kMostTileRows : fit;
}

// Elements of scratch.  `factor_columns`: columns of the packed factor; gram: a gram or a factor product is wanted.
template <class T>
VELBO_HD std::int64_t expectation_scratch(std::int64_t d, std::int64_t factor_columns, bool gram, bool product) {
  const std::int64_t padded = padded_columns(d), tile = tile_rows<T>(d);
  return tile * (2 * padded + 16 + kRowArrays + (product ? factor_columns : 0)) + (gram ? (d + 4) * padded : 0) +
         (product ? d * factor_columns : 0) + 8 * padded + 1024;
}
template <class T>
VELBO_HD std::int64_t draws_scratch(std::int64_t d, std::int64_t n_draws, bool gradient) {
  const std::int64_t padded = padded_columns(d), columns = n_draws + 32;
  return tile_rows<T>(d) * (padded + kRowArrays + 3 * columns) + (gradient ? 2 : 1) * n_draws * padded + 4 * padded +
         1024;
}

// The best table that this processor can run, or the one that the environment variable VELBO_CPU_ISA names (v1, v3, v4;
// for tests and comparisons; read once).
const IsaTable& isa();
// Throws Error(argument) when the one that VELBO_CPU_ISA names cannot run here.
void require_isa();
// Every table that this processor can run, best first.
struct IsaTables {
  const IsaTable* table[3];
  int count;
};
IsaTables runnable_isa_tables();

}  // namespace velbo::internal
