#include "cli/output.h"

#include <fcntl.h>     // for open, fcntl
#include <sys/stat.h>  // for stat
#include <unistd.h>    // for write, isatty

#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <system_error>

#include "velbo/error.h"

namespace velbo::cli {
namespace {

constexpr std::size_t buffer_size = std::size_t{1} << 16U;

// Returns 0 or errno.
int write_all(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = ::write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

void append_number(std::string& line, double value) {
  if (std::isnan(value)) return;
  char digits[32];
  const auto result = std::to_chars(digits, digits + sizeof digits, value);
  line.append(digits, result.ptr);
}

std::string quoted_if_needed(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace

void prepare_streams() {
  for (int descriptor = 0; descriptor < 3; ++descriptor) {
    // Opened for reading only, so that writing to what was closed is still an error.
    if (::fcntl(descriptor, F_GETFD) == -1 && errno == EBADF) (void)::open("/dev/null", O_RDONLY);
  }
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)std::signal(SIGXFSZ, SIG_IGN);
}

void write_stdout(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error == EPIPE) throw ClosedPipe();
  if (error != 0)
    throw Error(ErrorCode::io, "standard output: writing failed: " + std::generic_category().message(error));
}

void write_stderr(std::string_view text) noexcept { (void)write_all(STDERR_FILENO, text); }

bool is_stderr_terminal() noexcept { return ::isatty(STDERR_FILENO) == 1; }

void require_writable(const std::string& path) {
  if (path.empty() || path == "-") return;
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
    // Opening a pipe and closing it again would end its reader.
    if (::access(path.c_str(), W_OK) == 0) return;
    throw Error(ErrorCode::file, path + ": cannot be written: " + std::generic_category().message(errno));
  }
  const internal::AtomicFile probe(path);
}

Output::Output(const std::string& path) {
  if (path != "-") file_ = std::make_unique<internal::AtomicFile>(path);
}

void Output::write(std::string_view text) {
  if (file_) {
    file_->write(text);
    return;
  }
  buffer_ += text;
  if (buffer_.size() < buffer_size) return;
  write_stdout(buffer_);
  buffer_.clear();
}

void Output::finish() {
  if (file_) {
    file_->commit();
  } else {
    write_stdout(buffer_);
    buffer_.clear();
  }
}

CsvWriter::CsvWriter(const std::string& path, const std::vector<std::string>& header) : output_(path) {
  for (const std::string& name : header) line_ += (line_.empty() ? "" : ",") + quoted_if_needed(name);
  output_.write(line_ + "\n");
}

void CsvWriter::begin(std::span<const double> values) {
  line_.clear();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) line_ += ',';
    append_number(line_, values[i]);
  }
}

void CsvWriter::row(std::span<const double> values) {
  begin(values);
  output_.write(line_ += '\n');
}

void CsvWriter::row(std::span<const double> values, const std::string& last) {
  begin(values);
  output_.write(line_ += ',' + quoted_if_needed(last) + '\n');
}

bool has_extension(const std::string& path, std::string_view extension) { return path.ends_with(extension); }

}  // namespace velbo::cli
