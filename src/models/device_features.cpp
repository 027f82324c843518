// models/device_features.cpp
#include "models/device_features.h"

#include <fmt/format.h>

#include <algorithm>

#include "backend/cuda_ops.h"
#include "backend/transposed.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kAlignment = 16;           // bytes: what a kernel's copy moves at once
constexpr std::int64_t kStagedNumbers = 1 << 21;  // converted on the host at a time

template <class T>
std::int64_t stride_of(const FeatureStore& x) {
  constexpr std::int64_t lanes = kAlignment / static_cast<std::int64_t>(sizeof(T));
  return (x.n_columns + lanes - 1) / lanes * lanes;
}

std::int64_t entries_of(const FeatureStore& x) { return x.row_start[x.n_rows] - x.row_start[0]; }

template <class E>
Array<E> uploaded(Device device, const E* values, std::int64_t size) {
  Array<E> out(device, size);
  out.upload({values, static_cast<std::size_t>(size)});
  return out;
}

template <class E, class T>
void convert_row(const void* x, std::int64_t row, std::int64_t stride, std::span<const double> centre,
                 std::int64_t n_columns, T* to) {
  const E* from = static_cast<const E*>(x) + row * stride;
  if (centre.empty()) {
    for (std::int64_t j = 0; j < n_columns; ++j) to[j] = static_cast<T>(from[j]);
  } else {
    for (std::int64_t j = 0; j < n_columns; ++j)
      to[j] = static_cast<T>(static_cast<double>(from[j]) - centre[static_cast<std::size_t>(j)]);
  }
}

}  // namespace

DeviceColumns::DeviceColumns(const FeatureStore& x, Device device, std::span<const std::int64_t> index) {
  const std::int64_t n_rows = index.empty() ? x.n_rows : static_cast<std::int64_t>(index.size());
  const TransposedEntries entries =
      transposed(x.row_start, x.column, x.value, index.empty() ? nullptr : index.data(), n_rows, x.n_columns);
  const auto count = static_cast<std::int64_t>(entries.row.size());
  start_ = uploaded(device, entries.start.data(), x.n_columns + 1);
  row_ = uploaded(device, entries.row.data(), count);
  value_ = uploaded(device, entries.value.data(), count);
}

template <class T>
std::int64_t device_bytes(const FeatureStore& x) {
  if (x.row_start != nullptr) return (x.n_rows + x.n_columns + 2) * 8 + 2 * entries_of(x) * (4 + 8);
  return x.n_rows * stride_of<T>(x) * static_cast<std::int64_t>(sizeof(T));
}

template <class T>
DeviceFeatures<T>::DeviceFeatures(const FeatureStore& x, Device device, std::span<const double> centre) {
  const std::int64_t needed = device_bytes<T>(x);
  const CudaMemory memory = cuda_memory(device.index);
  if (needed > memory.free)
    throw Error(ErrorCode::memory,
                fmt::format("{}: the {} rows need {} bytes of device memory, of which {} are free (of {})",
                            to_string(device), x.n_rows, needed, memory.free, memory.total));
  if (x.row_start != nullptr) {
    row_start_ = uploaded(device, x.row_start, x.n_rows + 1);
    column_ = uploaded(device, x.column, x.row_start[x.n_rows]);
    value_ = uploaded(device, x.value, x.row_start[x.n_rows]);
    columns_ = DeviceColumns(x, device, {});
    return;
  }
  stride_ = stride_of<T>(x);
  x_ = Array<T>(device, x.n_rows * stride_);
  const std::int64_t rows_at_once = std::max<std::int64_t>(1, kStagedNumbers / std::max<std::int64_t>(1, stride_));
  std::vector<T> staged(static_cast<std::size_t>(std::min(x.n_rows, rows_at_once) * stride_), T(0));
  for (std::int64_t first = 0; first < x.n_rows; first += rows_at_once) {
    const std::int64_t count = std::min(rows_at_once, x.n_rows - first);
    for (std::int64_t r = 0; r < count; ++r) {
      T* const to = staged.data() + r * stride_;
      if (x.element == Element::float32) {
        convert_row<float>(x.x, first + r, x.stride, centre, x.n_columns, to);
      } else {
        convert_row<double>(x.x, first + r, x.stride, centre, x.n_columns, to);
      }
    }
    cuda_upload(device.index, x_.data() + first * stride_, staged.data(),
                count * stride_ * static_cast<std::int64_t>(sizeof(T)));
  }
}

template <class T>
void DeviceFeatures<T>::point(Rows<T>& rows) const {
  rows.x = x_.data();
  rows.element = sizeof(T) == sizeof(float) ? Element::float32 : Element::float64;
  rows.stride = stride_;
  rows.row_start = row_start_.data();
  rows.column = column_.data();
  rows.value = value_.data();
  if (row_start_.size() > 0) columns_.point(rows);
  rows.centre = nullptr;
}

template <class T>
std::shared_ptr<const DeviceFeatures<T>> DeviceFeatureCache::get(const FeatureStore& x, Device device,
                                                                 const std::vector<double>& centre) {
  const std::lock_guard lock(mutex_);
  constexpr bool is_float = sizeof(T) == sizeof(float);
  std::erase_if(entries_, [](const Entry& e) { return e.copy.expired(); });
  for (const Entry& e : entries_) {
    if (!(e.device == device) || e.is_float != is_float || e.centre != centre) continue;
    if (auto copy = e.copy.lock()) return std::static_pointer_cast<const DeviceFeatures<T>>(copy);
  }
  auto copy = std::make_shared<const DeviceFeatures<T>>(x, device, centre);
  entries_.push_back({device, is_float, centre, copy});
  return copy;
}

template std::int64_t device_bytes<float>(const FeatureStore&);
template std::int64_t device_bytes<double>(const FeatureStore&);
template class DeviceFeatures<float>;
template class DeviceFeatures<double>;
template std::shared_ptr<const DeviceFeatures<float>> DeviceFeatureCache::get<float>(const FeatureStore&, Device,
                                                                                     const std::vector<double>&);
template std::shared_ptr<const DeviceFeatures<double>> DeviceFeatureCache::get<double>(const FeatureStore&, Device,
                                                                                       const std::vector<double>&);

}  // namespace velbo::internal
