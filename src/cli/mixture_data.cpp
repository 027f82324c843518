#include "cli/mixture_data.h"

#include <cmath>

#include "cli/input.h"
#include "data/text.h"
#include "velbo/error.h"
#include "velbo/table.h"

namespace velbo::cli {
namespace {

const std::vector<double>& numbers_of(const Table& table, const std::string& name) {
  const Column& column = table.at(name);
  if (column.kind != ColumnKind::number)
    throw Error(ErrorCode::data, (column.first_bad_row >= 0 ? table.place(column.first_bad_row) : table.source()) +
                                     ": column " + internal::quoted(name) + " holds text, expected numbers");
  for (std::size_t n = 0; n < column.numbers.size(); ++n)
    if (!std::isfinite(column.numbers[n]))
      throw Error(ErrorCode::data, table.place(static_cast<std::int64_t>(n)) + ": column " + internal::quoted(name) +
                                       (std::isnan(column.numbers[n]) ? " is missing" : " is infinite") +
                                       "; missing values are not supported, leave such rows out");
  return column.numbers;
}

MixtureInput from_table(const std::string& path, std::vector<std::string> columns, const std::string& weights) {
  const Table table = read_table(path);
  MixtureInput out;
  if (columns.empty()) {
    for (const Column& column : table.columns())
      if (column.kind == ColumnKind::number && column.name != weights) columns.push_back(column.name);
    if (columns.empty()) throw Error(ErrorCode::data, path + ": has no columns of numbers");
  }
  const std::size_t n = static_cast<std::size_t>(table.n_rows()), d = columns.size();
  std::vector<double> values(n * d);
  for (std::size_t j = 0; j < d; ++j) {
    const std::vector<double>& numbers = numbers_of(table, columns[j]);
    for (std::size_t i = 0; i < n; ++i) values[i * d + j] = numbers[i];
  }
  if (!weights.empty()) out.weights = numbers_of(table, weights);
  out.x = FeatureMatrix::adopt(std::move(values), table.n_rows(), static_cast<std::int64_t>(d));
  out.names = std::move(columns);
  return out;
}

}  // namespace

std::vector<std::string> split_names(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::size_t first = text.find_first_not_of(' ', begin),
                      last = text.find_last_not_of(' ', end == 0 ? 0 : end - 1);
    if (first >= end || end == begin)
      throw Error(ErrorCode::argument,
                  "--columns is " + internal::quoted(text) + ", expected names with commas between them");
    out.push_back(text.substr(first, last - first + 1));
    begin = end + 1;
  }
  return out;
}

MixtureInput read_mixture_input(const std::string& path, const std::vector<std::string>& columns,
                                const std::string& weights) {
  if (is_libsvm(path))
    throw Error(ErrorCode::argument, path + " is a LIBSVM file; mixtures take a table (.csv, .tsv) or an array (.npy)");
  if (!is_array(path)) return from_table(path, columns, weights);
  if (!columns.empty())
    throw Error(ErrorCode::argument, "--columns goes with a table; " + path + " is an array without column names");
  MixtureInput out;
  out.x = FeatureMatrix::map_npy(path);
  const List list(weights, "--weights");
  out.weights.assign(list.values().begin(), list.values().end());
  return out;
}

}  // namespace velbo::cli
