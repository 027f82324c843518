// data/feature_store.h - what a FeatureMatrix holds, as loops over rows need it.
#pragma once
#include <cstdint>
#include <memory>

#include "backend/element.h"

namespace velbo::internal {

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
  bool is_mapped = false;                   // x is a mapped file: pages come and go
  std::shared_ptr<const void> owner;        // keeps the memory; null where it is borrowed
};

}  // namespace velbo::internal
