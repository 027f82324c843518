// data/csv_cells.h - what every reader of a CSV file asks of its header, its rows and its cells.
#pragma once
#include <string>
#include <vector>

#include "data/csv_rows.h"
#include "velbo/table.h"

namespace velbo::internal {

// Throws Error(file) for a file without a header, Error(data) for names that are empty or there twice.
std::vector<std::string> read_csv_header(CsvRows& rows, const std::string& path);

// The next row; false at the end.  Throws Error(data) unless it has n_columns fields.
bool next_csv_row(CsvRows& rows, const std::string& path, std::size_t n_columns, std::vector<CsvField>& fields);

bool is_missing(const CsvField& field, const CsvOptions& options);

}  // namespace velbo::internal
