// regression/ard_sums.cpp
#include "regression/ard_sums.h"

#include <algorithm>
#include <utility>

#include "backend/ops.h"
#include "data/feature_store.h"
#include "models/device_features.h"
#include "velbo/array.h"

namespace velbo::internal {
namespace {

template <class T>
class ArdSumsOf final : public ArdSums {
 public:
  ArdSumsOf(const FeatureMatrix& x, std::span<const double> y, std::vector<double> centre, const Context& context)
      : x_(x), centre_(std::move(centre)), context_(context) {
    for (const double value : y) y_.push_back(static_cast<T>(value - centre_.back()));
    y_there_ = Array<T>(context.device(), static_cast<std::int64_t>(y_.size()));
    y_there_.upload(y_);
    if (context.device().kind != DeviceKind::cpu)
      features_ =
          std::make_unique<DeviceFeatures<T>>(x_.store(), context, std::span(centre_).first(centre_.size() - 1));
  }

  void add(UnitRange range, std::span<double> statistics) const override {
    const FeatureStore& store = x_.store();
    const bool sparse = store.row_start != nullptr;
    const auto d = static_cast<std::size_t>(store.n_columns);
    Rows<T> rows;
    rows.x = store.x;
    rows.element = store.element;
    rows.stride = store.stride;
    rows.row_start = store.row_start;
    rows.column = store.column;
    rows.value = store.value;
    rows.centre = sparse ? nullptr : centre_.data();
    rows.n_features = store.n_columns;
    rows.intercept = sparse;  // for the sums of the columns, by which they are centred below
    rows.n_rows = range.size();
    if (features_) features_->point(rows);
    if (sparse) {
      rows.row_start += range.begin;
      if (range.size() != store.n_rows) rows.column_start = nullptr;  // of all rows
    } else {
      const std::int64_t bytes = rows.element == Element::float32 ? 4 : 8;
      rows.x = static_cast<const unsigned char*>(rows.x) + range.begin * rows.stride * bytes;
    }

    const std::size_t width = sparse ? d + 1 : d;
    std::vector<double> gram(width * width), moment(width);
    context_.ops<T>().weighted_gram(context_, rows, nullptr, y_there_.data() + range.begin, false, gram.data(),
                                    moment.data());
    if (sparse) take_off_centre(static_cast<double>(range.size()), gram, moment);
    statistics[0] += static_cast<double>(range.size());
    double squares = 0;
    for (std::int64_t n = range.begin; n < range.end; ++n) {
      const double value = static_cast<double>(y_[static_cast<std::size_t>(n)]);
      squares += value * value;
    }
    statistics[1] += squares;
    double* next = statistics.data() + 2;
    for (std::size_t i = 0; i < d; ++i) *next++ += moment[i];
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j <= i; ++j) *next++ += gram[i * width + j];
  }

 private:
  // sum (x - c)(x - c)' = sum x x' - c s' - s c' + n c c', s the sums of the columns; and of the products with y alike.
  void take_off_centre(double n, std::vector<double>& gram, std::vector<double>& moment) const {
    const std::size_t d = centre_.size() - 1, width = d + 1;
    const double* const s = gram.data() + d * width;
    for (std::size_t i = 0; i < d; ++i) {
      for (std::size_t j = 0; j <= i; ++j)
        gram[i * width + j] += n * centre_[i] * centre_[j] - centre_[i] * s[j] - centre_[j] * s[i];
      moment[i] -= centre_[i] * moment[d];
    }
  }

  FeatureMatrix x_;
  std::vector<double> centre_;
  Context context_;
  std::vector<T> y_;
  Array<T> y_there_;
  std::unique_ptr<DeviceFeatures<T>> features_;  // null on the CPU
};

}  // namespace

std::unique_ptr<ArdSums> make_ard_sums(const FeatureMatrix& x, std::span<const double> y, std::vector<double> centre,
                                       Scalar scalar, const Context& context) {
  if (scalar == Scalar::float32) return std::make_unique<ArdSumsOf<float>>(x, y, std::move(centre), context);
  return std::make_unique<ArdSumsOf<double>>(x, y, std::move(centre), context);
}

std::int64_t ard_device_bytes(const FeatureMatrix& x, Scalar scalar) {
  return scalar == Scalar::float32 ? device_bytes<float>(x.store(), false) : device_bytes<double>(x.store(), false);
}

}  // namespace velbo::internal
