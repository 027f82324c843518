// data/csv_cells.cpp
#include "data/csv_cells.h"

#include <algorithm>  // for any_of
#include <set>

#include "data/text.h"
#include "velbo/error.h"

namespace velbo::internal {

std::vector<std::string> read_csv_header(CsvRows& rows, const std::string& path) {
  std::vector<CsvField> fields;
  if (!rows.next(fields)) {
    throw Error(ErrorCode::file, path + (rows.saw_bytes() ? ": holds blank lines only" : ": is empty") +
                                     ", expected a header line with the columns' names");
  }
  const std::string place = path + ":" + std::to_string(rows.line()) + ": ";
  std::set<std::string_view> seen;
  std::vector<std::string> names;
  for (const CsvField& field : fields) {
    if (field.text.empty())
      throw Error(ErrorCode::data, place + "column " + std::to_string(names.size() + 1) + " has no name in the header");
    if (!seen.insert(field.text).second)
      throw Error(ErrorCode::data, place + "two columns are called " + internal::quoted(field.text));
    names.emplace_back(field.text);
  }
  return names;
}

bool next_csv_row(CsvRows& rows, const std::string& path, std::size_t n_columns, std::vector<CsvField>& fields) {
  if (!rows.next(fields)) return false;
  if (fields.size() == n_columns) return true;
  throw Error(ErrorCode::data, path + ":" + std::to_string(rows.line()) + ": " + std::to_string(fields.size()) +
                                   (fields.size() == 1 ? " field" : " fields") + ", expected " +
                                   std::to_string(n_columns));
}

bool is_missing(const CsvField& field, const CsvOptions& options) {
  if (field.text.empty()) return true;
  if (field.is_quoted) return false;
  return std::any_of(options.missing.begin(), options.missing.end(),
                     [&](const std::string& word) { return field.text == word; });
}

}  // namespace velbo::internal
