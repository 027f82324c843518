// data/line_reader.h - physical lines of a file, read in blocks, with their numbers.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace velbo::internal {

// Lines end with LF, CRLF or a lone CR.  Works on pipes too; only rewind() needs a file that can be read twice.
class LineReader {
 public:
  // Throws Error(file) when the path cannot be opened or is a directory.
  explicit LineReader(const std::string& path);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line with its end-of-line characters (none on the last line of a file without a final newline); false at
  // the end of the file.  The view holds until the next call.  Throws Error(io) when reading fails.
  bool next(std::string_view& line);
  [[nodiscard]] std::int64_t line_number() const noexcept { return line_number_; }  // of that line, 1-based

  [[nodiscard]] bool can_rewind() const noexcept { return can_rewind_; }
  void rewind();
  // From here on everything read is kept, so that rewind() works on a pipe.  Only before the first next().
  void keep_all() noexcept { keep_all_ = true; }

 private:
  // Reads more behind the unread bytes; false at the end of the file.
  bool fill();

  std::string path_;
  int descriptor_ = -1;
  bool can_rewind_ = false;
  bool keep_all_ = false;
  bool at_end_ = false;
  std::string buffer_;
  std::size_t begin_ = 0;  // unread bytes are buffer_[begin_, end_)
  std::size_t end_ = 0;
  std::int64_t line_number_ = 0;
};

}  // namespace velbo::internal
