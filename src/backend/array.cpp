// backend/array.cpp
#include "velbo/array.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "backend/cuda_ops.h"
#include "velbo/error.h"

namespace velbo {
namespace {

// From this size on memory is aligned to huge pages and asked to be made of them: fewer page faults and TLB misses.
constexpr std::size_t kHugePage = std::size_t{1} << 21;

void* allocate(std::size_t bytes) {
  const std::size_t alignment = bytes >= 2 * kHugePage ? kHugePage : 64;
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr)
    throw Error(ErrorCode::memory, "out of memory: " + std::to_string(bytes) + " bytes for an array");
#if defined(MADV_HUGEPAGE)
  if (alignment == kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);  // advice: its failure changes nothing
#endif
  return memory;
}

std::int64_t bytes_of(std::int64_t size, std::size_t each) { return size * static_cast<std::int64_t>(each); }

}  // namespace

template <class T>
Array<T>::Array(Device device, std::int64_t size) : device_(device), size_(size) {
  if (size < 0) throw Error(ErrorCode::shape, "size of an array is " + std::to_string(size) + ", expected 0 or more");
  if (device.kind == DeviceKind::cuda) {
    require_usable(device);
    if (size > 0) data_ = static_cast<T*>(internal::cuda_allocate(device.index, bytes_of(size, sizeof(T))));
  } else if (size > 0) {
    data_ = static_cast<T*>(allocate(static_cast<std::size_t>(size) * sizeof(T)));
  }
}

template <class T>
Array<T>::~Array() {
  if (device_.kind == DeviceKind::cuda) {
    internal::cuda_release(device_.index, data_);
  } else {
    std::free(data_);
  }
}

template <class T>
void Array<T>::upload(std::span<const T> host) {
  if (static_cast<std::int64_t>(host.size()) != size_)
    throw Error(ErrorCode::shape,
                "upload of " + std::to_string(host.size()) + " elements into an array of " + std::to_string(size_));
  if (size_ == 0) return;
  if (device_.kind == DeviceKind::cuda) {
    internal::cuda_upload(device_.index, data_, host.data(), bytes_of(size_, sizeof(T)));
  } else {
    std::copy(host.begin(), host.end(), data_);
  }
}

template <class T>
void Array<T>::download(std::span<T> host) const {
  if (static_cast<std::int64_t>(host.size()) != size_)
    throw Error(ErrorCode::shape,
                "download of an array of " + std::to_string(size_) + " elements into " + std::to_string(host.size()));
  if (size_ == 0) return;
  if (device_.kind == DeviceKind::cuda) {
    internal::cuda_download(device_.index, host.data(), data_, bytes_of(size_, sizeof(T)));
  } else {
    std::copy(data_, data_ + size_, host.begin());
  }
}

template class VELBO_EXPORT Array<float>;
template class VELBO_EXPORT Array<double>;
template class VELBO_EXPORT Array<std::int32_t>;
template class VELBO_EXPORT Array<std::int64_t>;

}  // namespace velbo
