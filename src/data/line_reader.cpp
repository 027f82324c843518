#include "data/line_reader.h"

#include <fcntl.h>     // for open
#include <sys/stat.h>  // for fstat
#include <unistd.h>    // for read, lseek, close

#include <algorithm>     // for max
#include <cerrno>        // for errno
#include <cstring>       // for memchr, memmove
#include <system_error>  // for generic_category

#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20U;

[[noreturn]] void fail(ErrorCode code, const std::string& path, const char* what) {
  throw Error(code, path + ": " + what + ": " + std::generic_category().message(errno));
}

}  // namespace

LineReader::LineReader(const std::string& path) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail(ErrorCode::file, path, "cannot be read");
  struct stat status {};
  if (::fstat(descriptor_, &status) == 0 && S_ISDIR(status.st_mode)) {
    ::close(descriptor_);
    throw Error(ErrorCode::file, path + ": is a directory, expected a file");
  }
  can_rewind_ = S_ISREG(status.st_mode);
}

LineReader::~LineReader() { ::close(descriptor_); }

void LineReader::rewind() {
  begin_ = 0;
  line_number_ = 0;
  if (keep_all_) return;
  if (::lseek(descriptor_, 0, SEEK_SET) != 0) fail(ErrorCode::io, path_, "cannot be read again");
  end_ = 0;
  at_end_ = false;
}

bool LineReader::fill() {
  if (at_end_) return false;
  if (!keep_all_ && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < kBlock / 2) buffer_.resize(std::max(kBlock, 2 * buffer_.size()));
  ssize_t n = 0;
  do {
    n = ::read(descriptor_, buffer_.data() + end_, buffer_.size() - end_);
  } while (n < 0 && errno == EINTR);
  if (n < 0) fail(ErrorCode::io, path_, "reading failed");
  at_end_ = n == 0;
  end_ += static_cast<std::size_t>(n);
  return n > 0;
}

bool LineReader::next(std::string_view& line) {
  std::size_t searched = 0;  // bytes of this line that hold no end of line
  for (;;) {
    const char* const start = buffer_.data() + begin_;
    const std::size_t available = end_ - begin_;
    std::size_t length = 0;  // of the line with its end; 0: not seen yet
    const void* const feed = available > searched ? std::memchr(start + searched, '\n', available - searched) : nullptr;
    const std::size_t body =
        feed != nullptr ? static_cast<std::size_t>(static_cast<const char*>(feed) - start) : available;
    const void* const carriage = body > searched ? std::memchr(start + searched, '\r', body - searched) : nullptr;
    if (carriage != nullptr) {
      const auto at = static_cast<std::size_t>(static_cast<const char*>(carriage) - start);
      if (at + 1 < available || at_end_) {
        length = at + 1 < available && start[at + 1] == '\n' ? at + 2 : at + 1;
      } else {
        searched = at;  // the LF of a CRLF may follow in the next block
      }
    } else if (feed != nullptr) {
      length = body + 1;
    } else {
      searched = available;
    }
    if (length == 0) {
      if (fill()) continue;
      if (end_ == begin_) return false;
      if (carriage != nullptr) continue;  // at_end_ is known now
      length = end_ - begin_;
    }
    line = std::string_view(buffer_.data() + begin_, length);
    begin_ += length;
    ++line_number_;
    return true;
  }
}

}  // namespace velbo::internal
