// io/atomic_file.h - a file that appears whole or not at all.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace velbo::internal {

// Bytes go to PATH.tmpXXXXXX beside the target, which commit() puts in the target's place once they are on the disk.
// Without commit() the temporary file is removed and the target is as it was.  An existing file keeps its mode; a
// symbolic link stays one.  What exists and is not a regular file (/dev/stdout, a pipe) is written to directly.
class AtomicFile {
 public:
  // Throws Error(file) when the target cannot be written: no such folder, no permission, a directory.
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Both throw Error(io) when the bytes cannot be written, e.g. because the disk is full.
  void write(std::string_view bytes);
  void write(const void* bytes, std::size_t size) { write({static_cast<const char*>(bytes), size}); }
  void commit();

 private:
  void open_direct();
  void open_temporary(unsigned mode);
  void flush();
  void write_out(std::string_view bytes);
  [[noreturn]] void fail_open(const std::string& why) const;
  [[noreturn]] void fail_write() const;

  std::string path_;       // as given, for messages
  std::string target_;     // with symbolic links followed
  std::string temporary_;  // empty: none
  int descriptor_ = -1;
  bool is_regular_ = true;
  std::string buffer_;
};

}  // namespace velbo::internal
