#include "data/csv_rows.h"

#include <cstring>  // for memchr
#include <new>      // for bad_alloc

#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::size_t kLongestRow = std::size_t{64} << 20U;
constexpr unsigned char kOptions = CSV_STRICT | CSV_STRICT_FINI;

bool has(std::string_view bytes, char c) { return std::memchr(bytes.data(), c, bytes.size()) != nullptr; }

}  // namespace

CsvRows::CsvRows(const std::string& path, char delimiter) : path_(path), lines_(path), delimiter_(delimiter) {
  if (!lines_.can_rewind()) lines_.keep_all();
  if (csv_init(&parser_, kOptions) != 0) throw std::bad_alloc();
  csv_set_delim(&parser_, static_cast<unsigned char>(delimiter));
}

CsvRows::~CsvRows() { csv_free(&parser_); }

void CsvRows::rewind() {
  lines_.rewind();
  csv_free(&parser_);
  if (csv_init(&parser_, kOptions) != 0) throw std::bad_alloc();
  csv_set_delim(&parser_, static_cast<unsigned char>(delimiter_));
  at_end_ = false;
}

void CsvRows::fail(std::int64_t line, const std::string& what) const {
  throw Error(ErrorCode::data, path_ + ":" + std::to_string(line) + ": " + what);
}

// Exceptions must not cross libcsv, which is C.
void CsvRows::on_field(void* text, std::size_t length, void* self) {
  auto* const rows = static_cast<CsvRows*>(self);
  try {
    rows->spans_.push_back({rows->text_.size(), length, rows->parser_.quoted != 0});
    rows->text_.append(static_cast<const char*>(text), length);
  } catch (...) {
    rows->out_of_memory_ = true;
  }
}

void CsvRows::on_row(int /*terminator*/, void* self) { static_cast<CsvRows*>(self)->row_done_ = true; }

void CsvRows::parse(std::string_view bytes) {
  const std::size_t parsed = csv_parse(&parser_, bytes.data(), bytes.size(), &on_field, &on_row, this);
  if (out_of_memory_ || csv_error(&parser_) == CSV_ENOMEM) throw std::bad_alloc();
  if (parsed != bytes.size()) fail(lines_.line_number(), "a quote inside a field; quote the whole field and double it");
}

// csv_parser::quoted is up to date between calls only, so a line with quotes goes in piece by piece: each delimiter and
// each end of line alone.
void CsvRows::feed(std::string_view line) {
  if (parser_.quoted == 0 && !has(line, '"')) {
    parse(line);
    return;
  }
  while (!line.empty()) {
    std::size_t length = 0;
    while (length < line.size() && line[length] != delimiter_ && line[length] != '\n' && line[length] != '\r') ++length;
    if (length == 0) length = 1;
    parse(line.substr(0, length));
    line.remove_prefix(length);
  }
}

void CsvRows::finish() {
  at_end_ = true;
  if (parser_.quoted != 0) {
    // A quoted field that was closed at the end of the file is fine.
    if (csv_fini(&parser_, &on_field, &on_row, this) == 0) return;
    fail(quote_line_, "a quote that is never closed");
  }
  csv_fini(&parser_, &on_field, &on_row, this);
  if (out_of_memory_) throw std::bad_alloc();
}

bool CsvRows::next(std::vector<CsvField>& fields) {
  fields.clear();
  if (at_end_) return false;
  text_.clear();
  spans_.clear();
  row_done_ = false;
  bool in_row = false;
  std::string_view line;
  while (!row_done_) {
    if (!lines_.next(line)) {
      finish();
      if (!row_done_) return false;
      break;
    }
    if (has(line, '\0')) {
      const bool utf16 =
          lines_.line_number() == 1 && (line.substr(0, 2) == "\xFF\xFE" || line.substr(0, 2) == "\xFE\xFF");
      fail(lines_.line_number(), utf16 ? "UTF-16 text, expected UTF-8" : "a NUL byte, expected text");
    }
    if (lines_.line_number() == 1 && line.substr(0, 3) == "\xEF\xBB\xBF") line.remove_prefix(3);
    if (!in_row) row_line_ = lines_.line_number();
    const bool was_quoted = in_row && parser_.quoted != 0;
    const std::size_t n_before = spans_.size();
    feed(line);
    in_row = !row_done_ && (parser_.quoted != 0 || !spans_.empty() || parser_.entry_pos > 0);
    if (in_row && (!was_quoted || spans_.size() != n_before)) quote_line_ = lines_.line_number();
    if (in_row && text_.size() + parser_.entry_pos > kLongestRow)
      fail(quote_line_, "a quote that is not closed within 64 MiB");
  }
  fields.reserve(spans_.size());
  for (const Span& span : spans_) {
    fields.push_back({std::string_view(text_).substr(span.begin, span.length), span.is_quoted});
  }
  return true;
}

}  // namespace velbo::internal
