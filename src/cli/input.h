// cli/input.h - reading what --data and its companions name.
#pragma once
#include <string>
#include <vector>

#include "velbo/array.h"
#include "velbo/table.h"

namespace velbo::cli {

// True for .npy: an array instead of a table with named columns.
[[nodiscard]] bool is_array(const std::string& path);

// A .csv file, or a .tsv file with tabs.  Throws Error.
[[nodiscard]] Table read_table(const std::string& path);

// A .npy file as a matrix; and one of n_rows elements as a list (empty path: an empty list).  `option` is for messages.
[[nodiscard]] NpyArray read_matrix(const std::string& path);
[[nodiscard]] std::vector<double> read_list(const std::string& path, const std::string& option);

[[nodiscard]] inline MatrixView<const double> view(const NpyArray& array) {
  return {array.values.data(), array.n_rows, array.n_columns, array.n_columns};
}

}  // namespace velbo::cli
