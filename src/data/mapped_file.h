// data/mapped_file.h - a file as read-only memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace velbo::internal {

class MappedFile {
 public:
  // Maps the whole file.  Throws Error(file) when it cannot be opened or mapped.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  // Throws Error(file) if the file has become another size or was written to since it was mapped: what was read of it is
  // then a mixture.  (A page beyond the new end of a cut file ends the process with SIGBUS; the last page before it
  // reads as zeros, which only this finds.)
  void check_unchanged() const;

 private:
  struct Stamp {
    std::int64_t size = 0, seconds = 0, nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };
  [[nodiscard]] Stamp stamp() const;

  std::string path_;
  int descriptor_ = -1;  // stays open: the name may be given to another file
  Stamp stamp_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace velbo::internal
