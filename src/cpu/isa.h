// cpu/isa.h - the hot loops of the CPU, compiled once an instruction set and chosen at run time.
//
// x86-64 gets three copies (baseline, AVX2 + FMA, AVX-512), other processors one.  Each copy has internal linkage but for
// one function that returns its table.  The bits of normals are the same in all of them; sums over rows agree to rounding.
#pragma once
#include <cstdint>
#include <string_view>

#include "backend/ops.h"

namespace velbo::internal {

// Rows [begin, end) of `rows` and where their sums go; made by src/cpu/*.cpp, which owns threads and chunks.
template <class T>
struct ExpectationChunk {
  const Rows<T>* rows = nullptr;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  const T* mean = nullptr;  // [D]
  // The factor in column blocks of kColumnBlock: [ceil(rank/4)][padded D][4], and each block's first row that is not zero.
  const T* scale_blocks = nullptr;
  const std::int32_t* first_row = nullptr;
  std::int64_t n_blocks = 0;
  const T* variance = nullptr;  // [D] sd^2, or nullptr
  PredictorRule rule;
  double* value = nullptr;           // [2] sum and sum of absolute values
  double* gradient = nullptr;        // [D], or nullptr
  double* gram = nullptr;            // [padded D, padded D] lower blocks, or nullptr
  double* diagonal = nullptr;        // [D], or nullptr
  double* factor_product = nullptr;  // [D, 4 n_blocks], or nullptr
  T* curvature_rows = nullptr;       // [B], or nullptr
};

template <class T>
struct GramChunk {
  const Rows<T>* rows = nullptr;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  const T* c = nullptr;
  const T* r = nullptr;
  bool diagonal = false;
  double* gram = nullptr;    // [padded D, padded D], its diagonal [D], or nullptr
  double* moment = nullptr;  // [D], or nullptr
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

template <class T>
struct DrawsChunk {
  const Rows<T>* rows = nullptr;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  const T* z = nullptr;  // [S, D]
  std::int64_t n_draws = 0;
  double* out = nullptr;       // [S]
  double* gradient = nullptr;  // [S, D], or nullptr
};

// Every function adds to its outputs and needs scratch of scratch_size(D) elements, aligned to 64 bytes.
template <class T>
struct RowKernels {
  void (*expectation)(const ExpectationChunk<T>&, T* scratch);
  void (*gram)(const GramChunk<T>&, T* scratch);
  void (*product)(const ProductChunk<T>&, T* scratch);
  void (*draws)(const DrawsChunk<T>&, T* scratch);
};

struct IsaTable {
  std::string_view name;
  void (*normals)(std::uint64_t key, std::uint32_t step, std::uint32_t draw, std::uint64_t first_block,
                  std::int64_t n_blocks, float* out);
  RowKernels<float> rows_float;
  RowKernels<double> rows_double;
};

inline constexpr int kColumnBlock = 4;

inline std::int64_t padded_columns(std::int64_t d) { return (d + kColumnBlock - 1) / kColumnBlock * kColumnBlock; }

// Rows of a tile: the transposed tile takes about 128 KiB, which leaves room for the factor in a second-level cache.
template <class T>
std::int64_t tile_rows(std::int64_t d) {
  const std::int64_t fit = 131072 / (static_cast<std::int64_t>(sizeof(T)) * padded_columns(d));
  return fit < 64 ? 64 : fit > 1024 ? 1024 : fit / 64 * 64;
}

inline constexpr int kTileVectors = 8;  // per-row arrays beside the tile itself

template <class T>
std::int64_t scratch_size(std::int64_t d) {
  return tile_rows<T>(d) * (padded_columns(d) + kTileVectors);
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
