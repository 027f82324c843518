// data/libsvm.cpp - text in LIBSVM's format, straight into compressed rows.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>
#include <string_view>

#include "data/line_reader.h"
#include "data/text.h"
#include "velbo/data.h"
#include "velbo/error.h"

namespace velbo {
namespace {

constexpr std::int64_t kMostColumns = std::numeric_limits<std::int32_t>::max();

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'; }

// Takes the next word off the front; empty at the end.
std::string_view next_word(std::string_view& text) {
  std::size_t begin = 0;
  while (begin < text.size() && is_blank(text[begin])) ++begin;
  std::size_t end = begin;
  while (end < text.size() && !is_blank(text[end])) ++end;
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

class Reader {
 public:
  Reader(const std::string& path, std::int64_t n_columns) : path_(path), lines_(path), most_(n_columns) {
    if (n_columns < 0 || n_columns > kMostColumns)
      throw Error(ErrorCode::argument,
                  fmt::format("n_columns is {}, expected 0 (as many as the file has) to {}", n_columns, kMostColumns));
  }

  LibsvmData read() {
    reserve();
    bool saw_bytes = false;
    for (std::string_view line; lines_.next(line);) {
      saw_bytes = true;
      if (lines_.line_number() == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);  // byte order mark
      add(line.substr(0, line.find('#')));
    }
    if (y_.empty())
      throw Error(ErrorCode::file, path_ + (saw_bytes ? ": holds no rows" : ": is empty") +
                                       ", expected lines `label id:value ...` (LIBSVM)");
    return {FeatureMatrix::sparse(most_ > 0 ? most_ : widest_, std::move(row_start_), std::move(column_),
                                  std::move(value_)),
            std::move(y_)};
  }

 private:
  // Counts first where the file can be read twice, so that no array is ever twice as large as what it holds.
  void reserve() {
    if (!lines_.can_rewind()) return;
    std::size_t n_lines = 0, n_values = 0;
    for (std::string_view line; lines_.next(line); ++n_lines)
      for (const char c : line) n_values += c == ':' ? 1 : 0;
    lines_.rewind();
    y_.reserve(n_lines);
    row_start_.reserve(n_lines + 1);
    column_.reserve(n_values);
    value_.reserve(n_values);
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::data, fmt::format("{}:{}: {}", path_, lines_.line_number(), what));
  }

  void add(std::string_view line) {
    const std::string_view label = next_word(line);
    if (label.empty()) return;
    const std::optional<double> y = internal::parse_number(label);
    if (!y || !std::isfinite(*y))
      fail(fmt::format("the label is {}, expected a number{}", internal::quoted(label),
                       label.find(',') != std::string_view::npos ? " (rows of several labels cannot be used)" : ""));
    std::int64_t last = 0;
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) last = add_value(word, last);
    y_.push_back(*y);
    row_start_.push_back(static_cast<std::int64_t>(value_.size()));
  }

  // The id of the value.
  std::int64_t add_value(std::string_view word, std::int64_t last) {
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    const auto length = static_cast<std::size_t>(end - word.data());
    if (word.starts_with("qid:")) fail("has " + internal::quoted(word) + ": ranking data (qid) cannot be used");
    if (length >= word.size() || *end != ':' || error == std::errc::invalid_argument)
      fail(internal::quoted(word) + ", expected id:value");
    if (id < 1 && error == std::errc()) fail(fmt::format("feature {}, but ids count from 1", id));
    if (error != std::errc() || id > kMostColumns)
      fail(fmt::format("feature {} is beyond the largest id, {}", word.substr(0, length), kMostColumns));
    if (id <= last) fail(fmt::format("feature {} after feature {}, expected ids increasing", id, last));
    if (most_ > 0 && id > most_) fail(fmt::format("feature {}, expected at most {}", id, most_));
    const std::string_view text = word.substr(length + 1);
    const std::optional<double> value = internal::parse_number(text);
    if (!value || !std::isfinite(*value))
      fail(fmt::format("feature {} is {}, expected a finite number", id, internal::quoted(text)));
    widest_ = std::max(widest_, id);
    if (*value != 0) {
      column_.push_back(static_cast<std::int32_t>(id - 1));
      value_.push_back(*value);
    }
    return id;
  }

  std::string path_;
  internal::LineReader lines_;
  std::int64_t most_, widest_ = 0;
  std::vector<double> y_;
  std::vector<std::int64_t> row_start_ = {0};
  std::vector<std::int32_t> column_;
  std::vector<double> value_;
};

}  // namespace

LibsvmData read_libsvm(const std::string& path, std::int64_t n_columns) { return Reader(path, n_columns).read(); }

}  // namespace velbo
