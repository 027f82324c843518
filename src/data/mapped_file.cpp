// data/mapped_file.cpp
#include "data/mapped_file.h"

#include <fcntl.h>  // for open
#include <fmt/format.h>
#include <sys/mman.h>  // for mmap
#include <sys/stat.h>  // for fstat
#include <unistd.h>    // for close

#include <cerrno>
#include <system_error>

#include "velbo/error.h"

namespace velbo::internal {

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const auto fail = [&](const char* what) {
    const std::string reason = std::generic_category().message(errno);
    if (descriptor_ >= 0) ::close(descriptor_);
    throw Error(ErrorCode::file, fmt::format("{}: {}: {}", path, what, reason));
  };
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail("cannot be read");
  stamp_ = stamp();
  size_ = static_cast<std::size_t>(stamp_.size);
  if (size_ == 0) return;
  void* const memory = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor_, 0);
  if (memory == MAP_FAILED) fail("cannot be mapped into memory");
  data_ = static_cast<const std::byte*>(memory);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

MappedFile::Stamp MappedFile::stamp() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) return {};
  return {status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

void MappedFile::check_unchanged() const {
  const Stamp now = stamp();
  if (now == stamp_) return;
  throw Error(ErrorCode::file, now.size == stamp_.size
                                   ? path_ + ": was written to while it was used"
                                   : fmt::format("{}: changed while it was used: it has {} bytes now and had {}", path_,
                                                 now.size, stamp_.size));
}

}  // namespace velbo::internal
