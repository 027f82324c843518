// device_memory.cuh - what launchers need on the host: errors, device memory that frees itself, small copies.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "simt.cuh"

namespace velbo::kernels {

// Thrown by launchers, caught where the plugin's functions return.  bytes: of an allocation that failed, else 0.
struct Failure {
  cudaError_t error;
  std::size_t bytes = 0;
};

inline void check(cudaError_t error) {
  if (error != cudaSuccess) throw Failure{error};
}

// `size` elements, allocated and freed in the order of the stream: no synchronisation.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  Buffer(std::int64_t size, cudaStream_t stream) : stream_(stream) {
    if (size <= 0) return;
    const std::size_t bytes = static_cast<std::size_t>(size) * sizeof(T);
    void* memory = nullptr;
    const cudaError_t error = cudaMallocAsync(&memory, bytes, stream);
    if (error != cudaSuccess) throw Failure{error, bytes};
    data_ = static_cast<T*>(memory);
  }
  Buffer(Buffer&& other) noexcept : data_(other.data_), stream_(other.stream_) { other.data_ = nullptr; }
  Buffer& operator=(Buffer&& other) noexcept {
    T* const mine = data_;
    data_ = other.data_;
    other.data_ = mine;
    const cudaStream_t stream = stream_;
    stream_ = other.stream_;
    other.stream_ = stream;
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (data_ != nullptr) (void)cudaFreeAsync(data_, stream_);
  }
  T* get() const { return data_; }

 private:
  T* data_ = nullptr;
  cudaStream_t stream_ = nullptr;
};

// A copy of host numbers, converted to T, on the device.  Pageable memory has been read when the call returns.
template <class T, class Number>
Buffer<T> uploaded(const Number* values, std::int64_t size, cudaStream_t stream) {
  Buffer<T> out(size, stream);
  if (size <= 0) return out;
  const std::vector<T> kept(values, values + size);
  check(cudaMemcpyAsync(out.get(), kept.data(), kept.size() * sizeof(T), cudaMemcpyHostToDevice, stream));
  return out;
}

// Device numbers on the host, there when the call returns.
template <class T>
std::vector<T> downloaded(const T* values, std::int64_t size, cudaStream_t stream) {
  std::vector<T> out(static_cast<std::size_t>(size));
  if (size > 0) check(cudaMemcpyAsync(out.data(), values, out.size() * sizeof(T), cudaMemcpyDeviceToHost, stream));
  check(cudaStreamSynchronize(stream));
  return out;
}

}  // namespace velbo::kernels
