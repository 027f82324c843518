// cli/output.h - what the program writes: files that appear whole or not at all, and standard output.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/atomic_file.h"

namespace velbo::cli {

// Whoever read our standard output has gone: nothing is wrong with the program, and nobody is left to tell.
struct ClosedPipe {};

// To be called first: descriptors 0 to 2 that are closed would otherwise be given to the files we open; signals that
// would end the program half-way (a closed pipe, a file-size limit) become errors of the write.
void prepare_streams();

// All of it, at once.  Throws ClosedPipe or Error(io).
void write_stdout(std::string_view text);
// Errors are ignored: there is nowhere to report them.
void write_stderr(std::string_view text) noexcept;
[[nodiscard]] bool is_stderr_terminal() noexcept;

// Throws Error(file) unless the path can be written; "" and "-" can.  Leaves nothing behind.
void require_writable(const std::string& path);

// A file, or standard output for "-".  Opened at once; a file is in place only after finish().
class Output {
 public:
  explicit Output(const std::string& path);
  void write(std::string_view text);
  void finish();

 private:
  std::unique_ptr<internal::AtomicFile> file_;  // null: standard output
  std::string buffer_;
};

// Comma-separated values: texts are quoted where they must be, numbers have the shortest form that reads back the same,
// NaN is an empty cell.
class CsvWriter {
 public:
  CsvWriter(const std::string& path, const std::vector<std::string>& header);
  void row(std::span<const double> values);
  void row(std::span<const double> values, const std::string& last);  // and a text
  void finish() { output_.finish(); }

 private:
  void begin(std::span<const double> values);

  Output output_;
  std::string line_;
};

[[nodiscard]] bool has_extension(const std::string& path, std::string_view extension);

}  // namespace velbo::cli
