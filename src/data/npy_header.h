// data/npy_header.h - what a .npy file says about its array.
#pragma once
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace velbo::internal {

struct NpyHeader {
  char kind = 'f';  // f, i, u or b (bool)
  std::size_t item_size = 8;
  bool is_fortran_order = false;
  std::vector<std::uint64_t> shape;  // one or two sizes, whose product times item_size fits into 63 bits
};

// Throws Error(file) when the path cannot be read or is a directory.
std::ifstream open_npy(const std::string& path);

// Leaves the file at the first byte of data.  Throws Error(file) naming what was found instead of an array that can be
// used, Error(shape) for other than one or two dimensions.
NpyHeader read_npy_header(std::ifstream& file, const std::string& path);

// Throws Error(file) unless `found` bytes behind the header are exactly those of the array.
void check_npy_size(const std::string& path, std::uint64_t found, const NpyHeader& header);

}  // namespace velbo::internal
