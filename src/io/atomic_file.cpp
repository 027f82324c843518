#include "io/atomic_file.h"

#include <fcntl.h>     // for open
#include <sys/stat.h>  // for stat, fchmod
#include <unistd.h>    // for write, fsync, unlink, close

#include <algorithm>     // for min
#include <atomic>        // for atomic
#include <cerrno>        // for errno
#include <chrono>        // for steady_clock
#include <cstdio>        // for rename
#include <cstdlib>       // for realpath, free
#include <memory>        // for unique_ptr
#include <system_error>  // for generic_category
#include <utility>       // for exchange

#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 16U;
constexpr std::size_t kLongestName = 255;
constexpr int kAttempts = 100;

std::string reason() { return std::generic_category().message(errno); }

// Six letters or digits, different on every call and in every process.
std::string random_suffix() {
  static std::atomic<unsigned long long> calls{0};
  auto x = static_cast<unsigned long long>(std::chrono::steady_clock::now().time_since_epoch().count());
  x ^= (static_cast<unsigned long long>(::getpid()) << 40U) ^ (++calls * 0x9E3779B97F4A7C15ULL);
  x = (x ^ (x >> 31U)) * 0xBF58476D1CE4E5B9ULL;
  x ^= x >> 29U;
  std::string out;
  for (int i = 0; i < 6; ++i, x /= 36) out += "0123456789abcdefghijklmnopqrstuvwxyz"[x % 36];
  return out;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

AtomicFile::AtomicFile(const std::string& path) : path_(path), target_(path) {
  if (path.empty()) fail_open("the path is empty");
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) fail_open("it is a directory");
    is_regular_ = S_ISREG(status.st_mode);
    // Renaming over a file needs no right to write to it; the user would be surprised.
    if (is_regular_ && ::access(path.c_str(), W_OK) != 0) fail_open(reason());
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
    if (is_regular_ && real != nullptr) target_ = real.get();
  } else if (errno != ENOENT) {
    fail_open(reason());
  } else if (path.back() == '/') {
    fail_open("it is a directory");
  }
  if (!is_regular_) {
    open_direct();
    return;
  }
  // Where the file exists, keep its mode (its owner may be out of our hands).
  const bool exists = status.st_mode != 0;
  open_temporary(exists ? status.st_mode & 0777U : 0666U);
  if (exists) (void)::fchmod(descriptor_, status.st_mode & 07777U);
}

void AtomicFile::open_direct() {
  descriptor_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor_ < 0) fail_open(reason());
}

void AtomicFile::open_temporary(unsigned mode) {
  const std::size_t slash = target_.rfind('/');
  const std::size_t name_begin = slash == std::string::npos ? 0 : slash + 1;
  const std::size_t name_length = std::min(target_.size() - name_begin, kLongestName - 10);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::string name = target_.substr(0, name_begin + name_length) + ".tmp" + random_suffix();
    descriptor_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, static_cast<mode_t>(mode));
    if (descriptor_ >= 0) {
      temporary_ = name;
      return;
    }
    if (errno != EEXIST) break;
  }
  fail_open(reason());
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::fail_open(const std::string& why) const {
  throw Error(ErrorCode::file, path_ + ": cannot be written: " + why);
}

void AtomicFile::fail_write() const { throw Error(ErrorCode::io, path_ + ": writing failed: " + reason()); }

void AtomicFile::write_out(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_write();
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void AtomicFile::flush() {
  write_out(buffer_);
  buffer_.clear();
}

void AtomicFile::write(std::string_view bytes) {
  if (descriptor_ < 0) throw Error(ErrorCode::internal, path_ + ": written to after it was finished");
  if (buffer_.size() + bytes.size() < kBuffer) {
    buffer_ += bytes;
    return;
  }
  flush();
  if (bytes.size() < kBuffer) {
    buffer_ = bytes;
  } else {
    write_out(bytes);
  }
}

void AtomicFile::commit() {
  if (descriptor_ < 0) throw Error(ErrorCode::internal, path_ + ": finished twice");
  flush();
  if (is_regular_ && ::fsync(descriptor_) != 0) fail_write();
  const int descriptor = std::exchange(descriptor_, -1);
  if (::close(descriptor) != 0) fail_write();
  if (!is_regular_) return;
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) fail_write();
  temporary_.clear();
  // The new name itself is on the disk once its folder is; where that cannot be asked for, the file is whole anyway.
  const int folder = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    (void)::fsync(folder);
    ::close(folder);
  }
}

}  // namespace velbo::internal
