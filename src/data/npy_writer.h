// data/npy_writer.h - a .npy file, row by row.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/atomic_file.h"

namespace velbo::internal {

// Format 1.0, C order, [n_rows, n_columns]; in place only after finish().
class NpyWriter {
 public:
  // Throws Error(file) when the path cannot be written.
  NpyWriter(const std::string& path, std::int64_t n_rows, std::int64_t n_columns, bool float32);

  // Whole rows, or parts of them, in order.  Throws Error(data) for a finite number that is too large for float32, Error(io).
  void write(std::span<const double> values);
  // Throws Error(internal) unless all rows have been written.
  void finish();

 private:
  std::string path_;
  AtomicFile file_;
  bool float32_;
  std::int64_t n_columns_, expected_, written_ = 0;
  std::vector<float> narrow_;
};

}  // namespace velbo::internal
