#include "cli/input.h"

#include "cli/output.h"
#include "velbo/error.h"

namespace velbo::cli {

bool is_array(const std::string& path) { return has_extension(path, ".npy"); }

Table read_table(const std::string& path) {
  CsvOptions options;
  if (has_extension(path, ".tsv")) options.delimiter = '\t';
  return read_csv(path, options);
}

NpyArray read_matrix(const std::string& path) { return read_npy(path); }

std::vector<double> read_list(const std::string& path, const std::string& option) {
  if (path.empty()) return {};
  if (!is_array(path))
    throw Error(ErrorCode::argument, option + " is " + path + ", expected a .npy file, as --data is one");
  NpyArray array = read_npy(path);
  if (array.n_columns != 1)
    throw Error(ErrorCode::shape, path + ": has " + std::to_string(array.n_columns) + " columns, expected one");
  return std::move(array.values);
}

}  // namespace velbo::cli
