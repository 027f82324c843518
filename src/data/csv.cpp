#include <string>
#include <utility>  // for move
#include <vector>

#include "data/csv_cells.h"
#include "data/csv_columns.h"
#include "data/csv_rows.h"
#include "velbo/error.h"
#include "velbo/table.h"

namespace velbo {
namespace {

using internal::ColumnBuilder;
using internal::CsvField;
using internal::CsvRows;

// Only the columns in `chosen` take cells.
void read_cells(CsvRows& rows, const std::string& path, const CsvOptions& options, std::size_t n_columns,
                const std::vector<ColumnBuilder*>& chosen, std::vector<std::int64_t>& line_of_row) {
  std::vector<CsvField> fields;
  line_of_row.clear();
  while (internal::next_csv_row(rows, path, n_columns, fields)) {
    for (std::size_t i = 0; i < n_columns; ++i) {
      if (chosen[i] == nullptr) continue;
      if (internal::is_missing(fields[i], options)) {
        chosen[i]->add_missing();
      } else {
        chosen[i]->add_cell(fields[i].text);
      }
    }
    line_of_row.push_back(rows.line());
  }
}

}  // namespace

Table read_csv(const std::string& path, const CsvOptions& options) {
  if (options.delimiter == '"' || options.delimiter == '\n' || options.delimiter == '\r' || options.delimiter == '\0') {
    throw Error(ErrorCode::argument, "a quote, an end of line or NUL cannot separate the columns of a table");
  }
  CsvRows rows(path, options.delimiter);
  std::vector<ColumnBuilder> builders;
  for (std::string& name : internal::read_csv_header(rows, path)) builders.emplace_back(std::move(name));
  std::vector<ColumnBuilder*> chosen;
  chosen.reserve(builders.size());
  for (ColumnBuilder& builder : builders) chosen.push_back(&builder);
  std::vector<std::int64_t> line_of_row;
  read_cells(rows, path, options, builders.size(), chosen, line_of_row);
  if (line_of_row.empty()) throw Error(ErrorCode::data, path + ": no rows below the header");

  // Mixed columns are rare, so their texts are not kept while they look like numbers: they are read again.
  bool any_mixed = false;
  for (ColumnBuilder*& builder : chosen) {
    if (builder->is_mixed()) {
      builder->read_texts_only();
      any_mixed = true;
    } else {
      builder = nullptr;
    }
  }
  if (any_mixed) {
    rows.rewind();
    const bool same_header = internal::read_csv_header(rows, path).size() == builders.size();
    std::vector<std::int64_t> lines_again;
    if (same_header) read_cells(rows, path, options, builders.size(), chosen, lines_again);
    if (lines_again != line_of_row) throw Error(ErrorCode::file, path + ": changed while it was read");
  }

  Table table;
  table.set_source(path, {});
  for (ColumnBuilder& builder : builders) table.add(builder.take());
  line_of_row.shrink_to_fit();
  table.set_source(path, std::move(line_of_row));
  return table;
}

}  // namespace velbo
