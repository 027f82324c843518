// models/column_moments.h - means and sds of the columns of a matrix of features, in one pass over its rows.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "data/feature_store.h"

namespace velbo::internal {

struct ColumnMoments {
  std::vector<double> mean, sd;  // [n_columns]; the sd of a constant column is 0
};

// What a row counts in means and sds.
enum class RowCount {
  weight,    // its weight
  positive,  // one where its weight is positive
};

// weights [n_rows], not negative, or empty: one each.  sd = sqrt(sum w (x - mean)^2 / max(sum w - 1, 1)).
// Dense rows are read once, sparse ones twice, in chunks by their number alone that are added up in order: the same bits
// with any number of threads (0: as many as there are processors).  Sums are of differences to a row of the chunk, so that
// a column 1e6 +- 1 keeps its digits.
// Throws Error(data) `x[ROW, COLUMN] is nan, ...` for the first value that is not finite, and where squares overflow.
ColumnMoments column_moments(const FeatureStore& x, std::span<const double> weights, RowCount count, int threads = 0);

}  // namespace velbo::internal
