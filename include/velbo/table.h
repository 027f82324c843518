// velbo/table.h - columns of numbers and text, as read from a CSV file or given by a program.
//
// A Table is what formulas are evaluated on.  It lives in host memory; numbers are double, a missing value is NaN in a
// number column and code -1 in a text column.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "velbo/export.h"

namespace velbo {

enum class ColumnKind {
  number,
  text,
  mixed,  // numbers, but for some cells: usable as factor(x) only; elsewhere an error that names the first such cell
};

// One column.  Text is stored as codes into its distinct values in alphabetical (byte) order, which are the levels of
// the factor that a formula makes of it.
struct VELBO_EXPORT Column {
  std::string name;
  ColumnKind kind = ColumnKind::number;
  std::vector<double> numbers;      // [n_rows] for number and mixed columns; NaN = missing (mixed: or not a number)
  std::vector<std::int32_t> codes;  // [n_rows] for text and mixed columns; -1 = missing
  std::vector<std::string> levels;  // distinct texts, sorted; for text and mixed columns
  std::int64_t first_bad_row = -1;  // mixed columns: the first row whose cell is not a number
};

class VELBO_EXPORT Table {
 public:
  Table() = default;

  // Adds a column; the first column fixes n_rows().
  // Throws Error(shape) when the length differs, Error(argument) when the name is empty or already there.
  void add_numbers(std::string name, std::vector<double> values);
  void add_text(std::string name, const std::vector<std::string>& values);  // an empty text is missing
  void add(Column column);

  [[nodiscard]] std::int64_t n_rows() const noexcept { return n_rows_; }
  [[nodiscard]] const std::vector<Column>& columns() const noexcept { return columns_; }
  // nullptr when there is none of that name.
  [[nodiscard]] const Column* find(std::string_view name) const noexcept;
  // Throws Error(formula) `FILE: no column "x"; columns are a, b, c` (with the nearest name, where one is near).
  [[nodiscard]] const Column& at(std::string_view name) const;

  // Where row i (0-based) came from, for messages: "wells.csv:17", or "row 16" for a table made in memory.
  [[nodiscard]] std::string place(std::int64_t row) const;
  // The file's name as it was given, or "the table".
  [[nodiscard]] const std::string& source() const noexcept { return source_; }
  void set_source(std::string source, std::vector<std::int64_t> line_of_row);

 private:
  std::vector<Column> columns_;
  std::int64_t n_rows_ = 0;
  std::string source_ = "the table";
  std::vector<std::int64_t> line_of_row_;  // [n_rows] 1-based physical line of each row's start; empty: unknown
};

struct CsvOptions {
  char delimiter = ',';
  // Cells (unquoted, after trimming blanks) that mean "missing".
  std::vector<std::string> missing = {"", "NA", "NaN", "nan", "null", "NULL"};
};

// Reads a comma-separated file with a header line (RFC 4180: quoted fields, "" inside quotes, LF or CRLF, newlines in
// quoted fields; a UTF-8 byte order mark is skipped).  Inf and -Inf are numbers here; what uses them decides.
// Throws Error(file) when the path cannot be read or is empty, Error(data) with `FILE:LINE: ...` for ragged rows,
// duplicate or empty header names and unclosed quotes.
VELBO_EXPORT Table read_csv(const std::string& path, const CsvOptions& options = {});

// A two-dimensional array in host memory, row-major [n_rows, n_columns].
struct VELBO_EXPORT NpyArray {
  std::int64_t n_rows = 0;
  std::int64_t n_columns = 1;
  int n_dimensions = 1;
  std::vector<double> values;
};

// Reads a NumPy .npy file (format 1.0 to 3.0; float32/float64/integer/bool, little-endian, C or Fortran order, 1-D or 2-D).
// Throws Error(file) for what is not such a file (naming what was found), Error(shape) for other ranks.
VELBO_EXPORT NpyArray read_npy(const std::string& path);
// Writes format 1.0, float64, C order; whole or not at all.  Throws Error(file) or Error(io).
VELBO_EXPORT void write_npy(const std::string& path, std::span<const double> values, std::int64_t n_rows,
                            std::int64_t n_columns);

}  // namespace velbo
