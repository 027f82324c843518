// io/safetensors.h - files of named arrays in the safetensors format, with a checksum.
//
//   bytes 0 .. 7    length of the header, little-endian
//   header          JSON {"__metadata__": {text: text},
//                         name: {"dtype": "F64", "shape": [..], "data_offsets": [begin, end]}, ...}
//                   padded with blanks to a multiple of 8 bytes
//   data            the arrays one after the other, little-endian, row-major; offsets count from here
//
// (https://github.com/huggingface/safetensors).  The metadata hold one entry of ours, "crc32": eight lower-case hex
// digits, the CRC-32 (zlib's) of the whole file with these eight digits replaced by 00000000.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace velbo::internal {

struct Tensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<double> values;  // as many as the shape's product
};

struct Safetensors {
  std::map<std::string, std::string> metadata;  // without crc32
  std::vector<Tensor> tensors;                  // in the order of the data

  // nullptr when there is none of that name.
  [[nodiscard]] const Tensor* find(const std::string& name) const noexcept;
};

// Whole or not at all.  Throws Error(file) or Error(io); Error(data) when a text is not UTF-8.
void write_safetensors(const std::string& path, const Safetensors& content);

// Reads what write_safetensors wrote, and nothing else: arrays of float64 and a checksum.
// Throws Error(file) naming the path and what is wrong.  Allocates no more than a few times the file's size.
// metadata_only: checks everything but leaves the tensors' values empty.
Safetensors read_safetensors(const std::string& path, bool metadata_only = false);

// For readers of such files: throw Error(file) "PATH: WHY", and where there is no such text among the metadata.
[[noreturn]] void fail_in_file(const std::string& path, const std::string& why);
const std::string& metadata_at(const std::string& path, const Safetensors& file, const std::string& key);

}  // namespace velbo::internal
