// velbo/array.h - memory of a device, and views of matrices in the host's.
#pragma once
#include <cstdint>
#include <span>
#include <utility>

#include "velbo/device.h"
#include "velbo/export.h"

namespace velbo {

// A row-major matrix that somebody else owns: element (i, j) is data[i * stride + j].
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::int64_t n_rows = 0;
  std::int64_t n_columns = 0;
  std::int64_t stride = 0;  // elements from one row to the next; >= n_columns
};

// n elements in the memory of one device, aligned to 64 bytes, not initialised.  Owns them; moves, never copies by itself.
// Instantiated for float, double, std::int32_t and std::int64_t.
// Throws Error(memory) naming the bytes when there are not enough, Error(device) when the device cannot be used.
template <class T>
class VELBO_EXPORT Array {
 public:
  Array() noexcept = default;
  Array(Device device, std::int64_t size);
  Array(Array&& other) noexcept
      : device_(other.device_), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Array& operator=(Array&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array();

  // Device memory: to be dereferenced by the host only when device().kind is cpu.
  [[nodiscard]] T* data() noexcept { return data_; }
  [[nodiscard]] const T* data() const noexcept { return data_; }
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  [[nodiscard]] Device device() const noexcept { return device_; }

  // Copies between host and device; both block.  Throw Error(shape) unless the sizes are equal.
  void upload(std::span<const T> host);
  void download(std::span<T> host) const;

 private:
  Device device_{};
  T* data_ = nullptr;
  std::int64_t size_ = 0;
};

}  // namespace velbo
