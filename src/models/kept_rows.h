// models/kept_rows.h - a model's rows as operations take them: read in place, centred, or some of them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "backend/ops.h"
#include "models/centring.h"
#include "models/glm_data.h"
#include "velbo/array.h"
#include "velbo/context.h"
#include "velbo/family.h"

namespace velbo::internal {

// Refers to the data's predictors, which must outlive it.
template <class T>
class KeptRows {
 public:
  static constexpr std::int64_t kMostCopied = std::int64_t{256} << 20;  // bytes

  KeptRows(const GlmData& data, const Context& context, const Centring& centring);

  [[nodiscard]] std::int64_t size() const {
    return index_ ? static_cast<std::int64_t>(index_->host.size()) : data_.n_rows;
  }
  // For operations; pointers stay valid as long as this object.
  [[nodiscard]] Rows<T> rows() const;
  // Rows `batch` (stored row numbers, host memory that the caller keeps) out of all, standing for all; until the next call.
  [[nodiscard]] Rows<T> batch(const std::int64_t* batch, std::int64_t count);

  // `wanted` rows, one drawn at random from each of as many equal stretches, with a scale that makes them stand for all.  On the
  // CPU those of a large mapped file are copied, up to kMostCopied: read where they are, every look at them would bring
  // nearly the whole file into memory again.
  [[nodiscard]] KeptRows subsample(std::int64_t wanted, Key key) const;

 private:
  struct Index;
  // Gives the index and, where there are any, its columns to the device.
  void upload(Index& index) const;

  struct Columns {  // of the stored rows; the last three empty where the model has none
    Array<T> y, trials, weights, offset;
    std::vector<double> centre;
    std::shared_ptr<const DeviceFeatures<T>> on_device;  // null on the CPU
  };
  // Row numbers as operations take them: in host memory, or a copy on the device.
  struct Index {
    std::vector<std::int64_t> host;
    Array<std::int64_t> on_device;
    DeviceColumns columns;  // of sparse rows on a device
    [[nodiscard]] const std::int64_t* data() const { return on_device.size() > 0 ? on_device.data() : host.data(); }
  };

  // Rows of a subsample in memory of their own, one behind the other; their columns too.
  struct Copy {
    std::vector<std::byte> x;
    Columns columns;
  };
  [[nodiscard]] std::shared_ptr<const Copy> copy_of(const std::vector<std::int64_t>& chosen) const;

  const GlmData& data_;
  Device device_;
  std::shared_ptr<const Columns> columns_;
  std::shared_ptr<const Index> index_;  // null: all rows
  std::shared_ptr<const Copy> copy_;    // of the index's rows; null: they are read where they are
  std::shared_ptr<Index> batch_;        // of a device: the last batch
  T scale_ = 1;
};

RowLikelihood row_likelihood(Likelihood likelihood);

// The coordinates in which a family's fit keeps rows: centred for full rank; a mean-field or low-rank family is not closed
// under centring, and sparse rows would not stay sparse.
Centring fit_centring(const GlmData& data, FamilyKind family);

}  // namespace velbo::internal
