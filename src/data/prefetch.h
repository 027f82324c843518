// data/prefetch.h - tells the kernel which rows of a mapped file will be read.
#pragma once
#include <span>

#include "data/batch_order.h"
#include "data/feature_store.h"

namespace velbo::internal {

// Starts reading the rows from the disk and returns at once.  A hint: nothing happens, and nothing fails, where x is not
// mapped.  Ranges are of rows of x.
void prefetch(const FeatureStore& x, std::span<const RowRange> ranges);

}  // namespace velbo::internal
