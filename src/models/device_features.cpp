// models/device_features.cpp
#include "models/device_features.h"

#include <fmt/format.h>

#include "backend/transposed.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

std::int64_t entries_of(const FeatureStore& x) { return x.row_start[x.n_rows] - x.row_start[0]; }

template <class E>
Array<E> uploaded(Device device, const E* values, std::int64_t size) {
  Array<E> out(device, size);
  out.upload({values, static_cast<std::size_t>(size)});
  return out;
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
std::int64_t device_bytes(const FeatureStore& x, bool streamed) {
  if (x.row_start != nullptr) return (x.n_rows + x.n_columns + 2) * 8 + 2 * entries_of(x) * (4 + 8);
  if (streamed) return RowStream<T>::device_bytes(x.n_rows, x.n_columns);
  return x.n_rows * device_stride<T>(x.n_columns) * static_cast<std::int64_t>(sizeof(T));
}

template <class T>
DeviceFeatures<T>::DeviceFeatures(const FeatureStore& x, const Context& context, std::span<const double> centre) {
  const Device device = context.device();
  if (context.streams_rows()) {
    if (x.row_start != nullptr)
      throw Error(ErrorCode::argument, fmt::format("{}: sparse predictors cannot be streamed", to_string(device)));
    stream_ = std::make_unique<RowStream<T>>(device, x.n_rows, x.n_columns);
    return;
  }
  if (x.row_start != nullptr) {
    row_start_ = uploaded(device, x.row_start, x.n_rows + 1);
    column_ = uploaded(device, x.column, x.row_start[x.n_rows]);
    value_ = uploaded(device, x.value, x.row_start[x.n_rows]);
    columns_ = DeviceColumns(x, device, {});
    return;
  }
  stride_ = device_stride<T>(x.n_columns);
  x_ = Array<T>(device, x.n_rows * stride_);
  Rows<T> rows;
  rows.x = x.x;
  rows.element = x.element;
  rows.stride = x.stride;
  rows.centre = centre.empty() ? nullptr : centre.data();
  rows.n_features = x.n_columns;
  RowUpload upload(device, x.n_rows, stride_ * static_cast<std::int64_t>(sizeof(T)));
  upload.copy(rows, 0, x.n_rows, context.threads(), x_.data());
}

template <class T>
void DeviceFeatures<T>::point(Rows<T>& rows) const {
  rows.stream = stream_.get();
  if (stream_) return;
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
std::shared_ptr<const DeviceFeatures<T>> DeviceFeatureCache::get(const FeatureStore& x, const Context& context,
                                                                 const std::vector<double>& centre) {
  const std::lock_guard lock(mutex_);
  constexpr bool is_float = sizeof(T) == sizeof(float);
  std::erase_if(entries_, [](const Entry& e) { return e.copy.expired(); });
  for (const Entry& e : entries_) {
    if (!(e.device == context.device()) || e.is_float != is_float || e.streams != context.streams_rows() ||
        e.centre != centre)
      continue;
    if (auto copy = e.copy.lock()) return std::static_pointer_cast<const DeviceFeatures<T>>(copy);
  }
  auto copy = std::make_shared<const DeviceFeatures<T>>(x, context, centre);
  entries_.push_back({context.device(), is_float, context.streams_rows(), centre, copy});
  return copy;
}

template std::int64_t device_bytes<float>(const FeatureStore&, bool);
template std::int64_t device_bytes<double>(const FeatureStore&, bool);
template class DeviceFeatures<float>;
template class DeviceFeatures<double>;
template std::shared_ptr<const DeviceFeatures<float>> DeviceFeatureCache::get<float>(const FeatureStore&,
                                                                                     const Context&,
                                                                                     const std::vector<double>&);
template std::shared_ptr<const DeviceFeatures<double>> DeviceFeatureCache::get<double>(const FeatureStore&,
                                                                                       const Context&,
                                                                                       const std::vector<double>&);

}  // namespace velbo::internal
