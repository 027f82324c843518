// data/csv_rows.h - the rows of a CSV file as lists of fields, on top of libcsv.
#pragma once
#include <csv.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/line_reader.h"

namespace velbo::internal {

struct CsvField {
  std::string_view text;  // blanks around an unquoted field are gone
  bool is_quoted = false;
};

// libcsv is fed one physical line at a time, so that every row and every quote knows its line.
class CsvRows {
 public:
  // Throws Error(file) as LineReader does.
  CsvRows(const std::string& path, char delimiter);
  ~CsvRows();
  CsvRows(const CsvRows&) = delete;
  CsvRows& operator=(const CsvRows&) = delete;

  // The next row that is not blank; false at the end.  The views hold until the next call.
  // Throws Error(data) `FILE:LINE: ...` for a stray quote, an unclosed quote and a NUL byte.
  bool next(std::vector<CsvField>& fields);
  [[nodiscard]] std::int64_t line() const noexcept { return row_line_; }  // where that row began
  [[nodiscard]] bool saw_bytes() const noexcept { return lines_.line_number() > 0; }

  void rewind();  // to the first row

 private:
  struct Span {
    std::size_t begin;
    std::size_t length;
    bool is_quoted;
  };
  static void on_field(void* text, std::size_t length, void* self);
  static void on_row(int terminator, void* self);

  void feed(std::string_view line);
  void parse(std::string_view bytes);
  void finish();
  [[noreturn]] void fail(std::int64_t line, const std::string& what) const;

  std::string path_;
  LineReader lines_;
  csv_parser parser_{};
  char delimiter_;
  std::string text_;  // the fields of the row, one behind the other
  std::vector<Span> spans_;
  bool row_done_ = false;
  bool out_of_memory_ = false;
  bool at_end_ = false;
  std::int64_t row_line_ = 0;
  std::int64_t quote_line_ = 0;  // where the quote that is still open began
};

}  // namespace velbo::internal
