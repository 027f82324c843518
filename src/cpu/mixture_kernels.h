// cpu/mixture_kernels.h - the local step of Gaussian mixtures for a chunk of rows, compiled once an instruction set.
#pragma once
#include <cstdint>

#include "backend/mixture_ops.h"
#include "velbo/math/hd.h"

namespace velbo::internal {

// Rows of a tile, and of a block of the triangular products.
inline constexpr std::int64_t kMixtureTile = 64, kTriangleRows = 4;

// x[j] x[(j + s) mod D] for s = 0 .. D / 2 are all products of two features, in runs of D.
VELBO_HD std::int64_t cyclic_shifts(std::int64_t d) { return d / 2 + 1; }

// Coefficients of one triangular product: blocks of kTriangleRows rows; block b has those of features 0 .. min(last row of it, D - 1),
// kTriangleRows each.
VELBO_HD std::int64_t triangle_size(std::int64_t d) {
  std::int64_t size = 0;
  for (std::int64_t i = 0; i < d; i += kTriangleRows)
    size += kTriangleRows * (i + kTriangleRows < d ? i + kTriangleRows : d);
  return size;
}
VELBO_HD std::int64_t triangle_rows(std::int64_t d) { return (d + kTriangleRows - 1) / kTriangleRows * kTriangleRows; }

template <class T>
struct MixtureChunk {
  MixtureForm form = MixtureForm::full;
  std::int64_t d = 0, k = 0;
  MixtureRows rows;
  std::int64_t begin = 0, end = 0, first = 0;  // first: the row at the front of `locals`
  const T *centre_high = nullptr, *centre_low = nullptr, *inverse_scale = nullptr;  // [D]
  const T* constant = nullptr;                                                      // [K]
  const T* triangles = nullptr;  // full [K, triangle_size], tied [triangle_size]
  const T* scale = nullptr;      // diagonal [K, D]; tied [K, D] of ones
  const T* shift = nullptr;      // full [K, triangle_rows]; else [K, D]
  MixtureLocals locals;
  bool wants_sums = false;
  // Out: count [K], then [K, D (1 + shifts)] of z and its products (shifts: full cyclic_shifts, diagonal 1, tied 0), and of tied
  // [D cyclic_shifts].
  double* sums = nullptr;
  double* value = nullptr;
};

VELBO_HD std::int64_t shifts_of(MixtureForm form, std::int64_t d) {
  return form == MixtureForm::full ? cyclic_shifts(d) : form == MixtureForm::diagonal ? 1 : 0;
}
VELBO_HD std::int64_t mixture_sums_size(MixtureForm form, std::int64_t d, std::int64_t k) {
  return k + k * d * (1 + shifts_of(form, d)) + (form == MixtureForm::tied ? d * cyclic_shifts(d) : 0);
}

template <class T>
struct MixtureKernels {
  std::int64_t (*scratch)(MixtureForm form, std::int64_t d, std::int64_t k);  // elements, aligned to 64 bytes
  void (*local_step)(const MixtureChunk<T>& chunk, T* scratch);
};

struct MixtureTable {
  MixtureKernels<float> of_float;
  MixtureKernels<double> of_double;
};

}  // namespace velbo::internal
