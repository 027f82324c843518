// data/feature_store.h - what a FeatureMatrix holds, as loops over rows need it.
#pragma once
#include <cstdint>
#include <memory>

#include "backend/element.h"

namespace velbo::internal {

class MappedFile;

// Dense: element (n, j) is x[n * stride + j], of type `element`.  Sparse (row_start is not null): compressed rows; row n has
// columns column[k], increasing, with values value[k] for row_start[n] <= k < row_start[n + 1].
struct FeatureStore {
  std::int64_t n_rows = 0;
  std::int64_t n_columns = 0;
  Element element = Element::float64;
  const void* x = nullptr;
  std::int64_t stride = 0;
  const std::int64_t* row_start = nullptr;  // [N + 1]
  const std::int32_t* column = nullptr;     // [row_start[N]]
  const double* value = nullptr;            // [row_start[N]]
  bool is_mapped = false;                   // x lies in a mapped file: pages come and go
  const MappedFile* file = nullptr;         // that file; null otherwise
  std::shared_ptr<const void> owner;        // keeps the memory; null where it is borrowed
};

// x' b of row n; the features in order, one after the other.  b [n_columns].
inline double dot_row(const FeatureStore& s, std::int64_t n, const double* b, double start = 0) {
  double sum = start;
  if (s.row_start != nullptr) {
    for (std::int64_t k = s.row_start[n]; k < s.row_start[n + 1]; ++k) sum += s.value[k] * b[s.column[k]];
  } else if (s.element == Element::float32) {
    const float* row = static_cast<const float*>(s.x) + n * s.stride;
    for (std::int64_t j = 0; j < s.n_columns; ++j) sum += static_cast<double>(row[j]) * b[j];
  } else {
    const double* row = static_cast<const double*>(s.x) + n * s.stride;
    for (std::int64_t j = 0; j < s.n_columns; ++j) sum += row[j] * b[j];
  }
  return sum;
}

}  // namespace velbo::internal
