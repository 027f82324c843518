// models/device_features.h - a model's predictors in the memory of a CUDA device, or on the way there.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "backend/row_stream.h"
#include "data/feature_store.h"
#include "velbo/array.h"
#include "velbo/context.h"

namespace velbo::internal {

// Entries of sparse rows by column, on a device.
class DeviceColumns {
 public:
  DeviceColumns() = default;
  // Of rows index [n] (host memory; empty: all).
  DeviceColumns(const FeatureStore& x, Device device, std::span<const std::int64_t> index);
  template <class T>
  void point(Rows<T>& rows) const {
    rows.column_start = start_.data();
    rows.column_row = row_.data();
    rows.column_value = value_.data();
  }

 private:
  Array<std::int64_t> start_;
  Array<std::int32_t> row_;
  Array<double> value_;
};

// Dense rows as T, minus `centre` [n_columns] (empty: zeros), each starting at a multiple of 16 bytes; sparse ones as they are.
// Where the context streams rows, they stay where they are and go through a RowStream.
template <class T>
class DeviceFeatures {
 public:
  // Throws Error(memory) where they do not fit, Error(argument) for sparse rows that shall be streamed.
  DeviceFeatures(const FeatureStore& x, const Context& context, std::span<const double> centre);

  // Makes `rows`, which are those of the host, read them; where they are sparse, all of them.
  void point(Rows<T>& rows) const;

 private:
  std::unique_ptr<RowStream<T>> stream_;  // null: what follows is there
  std::int64_t stride_ = 0;
  Array<T> x_;
  Array<std::int64_t> row_start_;
  Array<std::int32_t> column_;
  Array<double> value_;
  DeviceColumns columns_;
};

// The copies of one model's predictors that are in use, so that an engine's parts, and fits side by side of unshuffled rows,
// share them.
class DeviceFeatureCache {
 public:
  template <class T>
  std::shared_ptr<const DeviceFeatures<T>> get(const FeatureStore& x, const Context& context,
                                               const std::vector<double>& centre);

 private:
  struct Entry {
    Device device;
    bool is_float, streams;
    std::vector<double> centre;
    std::weak_ptr<const void> copy;
  };
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

// Bytes of device memory that the predictors take.
template <class T>
std::int64_t device_bytes(const FeatureStore& x, bool streamed);

}  // namespace velbo::internal
