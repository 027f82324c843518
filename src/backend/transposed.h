// backend/transposed.h - the entries of sparse rows in the order of their columns.
//
// Devices add up columns in that order: deterministic without atomics, and without a dense tile.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace velbo::internal {

// Column j has entries start[j] <= k < start[j + 1], by row; row[k] counts the rows that were asked for.  Host memory.
struct TransposedEntries {
  std::vector<std::int64_t> start;  // [n_columns + 1]
  std::vector<std::int32_t> row;
  std::vector<double> value;
};

// Of rows index[n] or, where it is null, n, for n < n_rows < 2^31; row i has entries row_start[i] <= k < row_start[i + 1].
inline TransposedEntries transposed(const std::int64_t* row_start, const std::int32_t* column, const double* value,
                                    const std::int64_t* index, std::int64_t n_rows, std::int64_t n_columns) {
  TransposedEntries out;
  out.start.assign(static_cast<std::size_t>(n_columns) + 1, 0);
  const auto for_entries = [&](const auto& use) {
    for (std::int64_t n = 0; n < n_rows; ++n) {
      const std::int64_t i = index != nullptr ? index[n] : n;
      for (std::int64_t k = row_start[i]; k < row_start[i + 1]; ++k)
        use(n, static_cast<std::size_t>(column[k]), value[k]);
    }
  };
  for_entries([&](std::int64_t, std::size_t j, double) { ++out.start[j + 1]; });
  for (std::size_t j = 1; j < out.start.size(); ++j) out.start[j] += out.start[j - 1];
  out.row.resize(static_cast<std::size_t>(out.start.back()));
  out.value.resize(out.row.size());
  std::vector<std::int64_t> next(out.start.begin(), out.start.end() - 1);
  for_entries([&](std::int64_t n, std::size_t j, double x) {
    const auto to = static_cast<std::size_t>(next[j]++);
    out.row[to] = static_cast<std::int32_t>(n);
    out.value[to] = x;
  });
  return out;
}

}  // namespace velbo::internal
