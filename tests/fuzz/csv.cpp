// tests/fuzz/csv.cpp - CSV files: a table is consistent, and written again it is read again as the same table.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "fuzz/fuzz.h"

namespace velbo::fuzz {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string cell(const Column& column, std::size_t row) {
  if (!column.numbers.empty() && !std::isnan(column.numbers[row])) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.17g", column.numbers[row]);
    // A mixed column's number is a level too, spelt as in the file.
    return column.kind == ColumnKind::mixed ? column.levels[static_cast<std::size_t>(column.codes[row])] : text.data();
  }
  if (column.kind == ColumnKind::number || column.codes[row] < 0) return "NA";
  return quoted(column.levels[static_cast<std::size_t>(column.codes[row])]);
}

std::string written(const Table& table) {
  std::string out;
  for (const Column& column : table.columns())
    out += (&column == table.columns().data() ? "" : ",") + quoted(column.name);
  for (std::size_t row = 0; row < static_cast<std::size_t>(table.n_rows()); ++row) {
    out += "\n";
    for (const Column& column : table.columns())
      out += (&column == table.columns().data() ? "" : ",") + cell(column, row);
  }
  return out + "\n";
}

void expect_consistent(const Table& table, const Column& column) {
  const auto n = static_cast<std::size_t>(table.n_rows());
  expect(!column.name.empty() && table.find(column.name) == &column, "a column is found by its name");
  expect(column.numbers.size() == (column.kind == ColumnKind::text ? 0 : n), "a number column has a number a row");
  expect(column.codes.size() == (column.kind == ColumnKind::number ? 0 : n), "a text column has a code a row");
  expect(std::is_sorted(column.levels.begin(), column.levels.end()), "levels are sorted");
  expect(std::adjacent_find(column.levels.begin(), column.levels.end()) == column.levels.end(), "levels are distinct");
  for (const std::int32_t code : column.codes)
    expect(code >= -1 && code < static_cast<std::int32_t>(column.levels.size()), "a code has a level");
  expect((column.kind == ColumnKind::mixed) == (column.first_bad_row >= 0), "a mixed column knows its first text");
}

void expect_same(const Column& a, const Column& b) {
  expect(a.name == b.name, "names are read back");
  expect(a.kind == b.kind, "kinds are read back");
  expect(a.levels == b.levels && a.codes == b.codes, "texts are read back");
  expect(a.first_bad_row == b.first_bad_row, "the first text of a mixed column is read back");
  expect(std::equal(a.numbers.begin(), a.numbers.end(), b.numbers.begin(), b.numbers.end(),
                    [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); }),
         "numbers are read back");
}

void check(std::string_view bytes) {
  const std::string path = as_file(bytes);
  Table table;
  if (!accepts([&] { table = read_csv(path); })) return;
  expect(!table.columns().empty(), "a table has a column");
  expect(static_cast<std::size_t>(table.n_rows()) <= bytes.size(), "a row has a byte");
  for (const Column& column : table.columns()) expect_consistent(table, column);
  for (std::int64_t row = 0; row < table.n_rows(); ++row) expect(!table.place(row).empty(), "a row has a place");

  const std::string text = written(table);
  Table again;
  expect(accepts([&] { again = read_csv(as_file(text)); }), "a table that is written can be read");
  expect(again.n_rows() == table.n_rows(), "rows are read back");
  expect(again.columns().size() == table.columns().size(), "columns are read back");
  for (std::size_t i = 0; i < table.columns().size(); ++i) expect_same(table.columns()[i], again.columns()[i]);
}

}  // namespace
}  // namespace velbo::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  velbo::fuzz::check(velbo::fuzz::as_text(data, size));
  return 0;
}
