// backend/cuda_architectures.h - which devices can run the code that a CUDA file was compiled into.
#pragma once
#include <cstddef>
#include <string>

namespace velbo::internal {

// `architectures` [n] as nvcc lists them in __CUDA_ARCH_LIST__: compute capabilities times 100, ascending (750, 900).
// Machine code runs on devices of the same major version and the same or a later minor one; PTX, which is kept for the
// newest of the list, is compiled by the driver for everything from there on.
inline bool has_code_for(const int* architectures, std::size_t n, int major, int minor) {
  const int capability = major * 100 + minor * 10;
  for (std::size_t i = 0; i < n; ++i) {
    if (architectures[i] / 100 == major && architectures[i] <= capability) return true;
  }
  return n > 0 && capability >= architectures[n - 1];
}

// "7.5, 9.0"
inline std::string list_of(const int* architectures, std::size_t n) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(architectures[i] / 100) + "." + std::to_string(architectures[i] % 100 / 10);
  }
  return text;
}

}  // namespace velbo::internal
