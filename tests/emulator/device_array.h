// emulator/device_array.h - device memory of the emulator with the life of a C++ object.
#pragma once
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

#include "emulator/runtime.h"

namespace velbo::simt {

template <class T>
class DeviceArray {
 public:
  // `size` elements of NaN.
  explicit DeviceArray(std::size_t size) : size_(size) {
    T* memory = nullptr;
    if (cudaMalloc(&memory, size * sizeof(T)) != cudaSuccess) throw std::bad_alloc();
    memory_.reset(memory);
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    cudaMemcpyAsync(data(), values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice);
  }

  T* data() const { return memory_.get(); }
  std::size_t size() const { return size_; }
  std::vector<T> on_host() const {
    std::vector<T> values(size_);
    cudaMemcpyAsync(values.data(), data(), size_ * sizeof(T), cudaMemcpyDeviceToHost);
    return values;
  }

 private:
  struct Free {
    void operator()(T* memory) const { cudaFree(memory); }
  };
  std::unique_ptr<T, Free> memory_;
  std::size_t size_;
};

}  // namespace velbo::simt
