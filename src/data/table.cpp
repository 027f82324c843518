#include "velbo/table.h"

#include <algorithm>      // for sort
#include <limits>         // for numeric_limits
#include <numeric>        // for iota
#include <unordered_map>  // for unordered_map
#include <utility>        // for move

#include "data/text.h"
#include "velbo/error.h"

namespace velbo {

void Table::add(Column column) {
  const std::size_t n = column.kind == ColumnKind::text ? column.codes.size() : column.numbers.size();
  if (column.name.empty()) throw Error(ErrorCode::argument, source_ + ": a column needs a name");
  if (find(column.name) != nullptr) {
    throw Error(ErrorCode::argument, source_ + ": there are two columns " + internal::quoted(column.name));
  }
  if ((!columns_.empty() && static_cast<std::int64_t>(n) != n_rows_) ||
      (column.kind == ColumnKind::mixed && column.codes.size() != n)) {
    throw Error(ErrorCode::shape, source_ + ": column " + internal::quoted(column.name) + " has " + std::to_string(n) +
                                      " rows, expected " + std::to_string(n_rows_));
  }
  for (const std::int32_t code : column.codes) {
    if (code < -1 || code >= static_cast<std::int64_t>(column.levels.size())) {
      throw Error(ErrorCode::argument, source_ + ": column " + internal::quoted(column.name) + " has the code " +
                                           std::to_string(code) + " and " + std::to_string(column.levels.size()) +
                                           " levels");
    }
  }
  n_rows_ = static_cast<std::int64_t>(n);
  columns_.push_back(std::move(column));
}

void Table::add_numbers(std::string name, std::vector<double> values) {
  Column column;
  column.name = std::move(name);
  column.numbers = std::move(values);
  add(std::move(column));
}

void Table::add_text(std::string name, const std::vector<std::string>& values) {
  Column column;
  column.name = std::move(name);
  column.kind = ColumnKind::text;
  column.levels = values;
  std::sort(column.levels.begin(), column.levels.end());
  column.levels.erase(std::unique(column.levels.begin(), column.levels.end()), column.levels.end());
  if (!column.levels.empty() && column.levels.front().empty()) column.levels.erase(column.levels.begin());
  std::unordered_map<std::string_view, std::int32_t> code_of;
  for (std::size_t i = 0; i < column.levels.size(); ++i)
    code_of.emplace(column.levels[i], static_cast<std::int32_t>(i));
  column.codes.reserve(values.size());
  for (const std::string& value : values) column.codes.push_back(value.empty() ? -1 : code_of.at(value));
  add(std::move(column));
}

const Column* Table::find(std::string_view name) const noexcept {
  for (const Column& column : columns_) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

const Column& Table::at(std::string_view name) const {
  if (const Column* column = find(name)) return *column;
  std::vector<std::string> names;
  names.reserve(columns_.size());
  for (const Column& column : columns_) names.push_back(column.name);
  const std::string nearest = internal::nearest_name(name, names);
  throw Error(ErrorCode::formula, source_ + ": no column " + internal::quoted(name) +
                                      (nearest.empty() ? "" : "; did you mean " + internal::quoted(nearest) + "?") +
                                      (nearest.empty() ? "; columns are " : " Columns are ") + internal::listed(names));
}

std::string Table::place(std::int64_t row) const {
  if (row >= 0 && row < static_cast<std::int64_t>(line_of_row_.size())) {
    return source_ + ":" + std::to_string(line_of_row_[static_cast<std::size_t>(row)]);
  }
  return "row " + std::to_string(row + 1);
}

void Table::set_source(std::string source, std::vector<std::int64_t> line_of_row) {
  if (!line_of_row.empty() && !columns_.empty() && static_cast<std::int64_t>(line_of_row.size()) != n_rows_) {
    throw Error(ErrorCode::shape, source + ": " + std::to_string(line_of_row.size()) + " line numbers for " +
                                      std::to_string(n_rows_) + " rows");
  }
  source_ = std::move(source);
  line_of_row_ = std::move(line_of_row);
}

}  // namespace velbo
