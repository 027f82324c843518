// models/kept_rows.cpp
#include "models/kept_rows.h"

#include <algorithm>
#include <cstring>

#include "data/batch_order.h"
#include "data/feature_store.h"
#include "math/philox.h"

namespace velbo::internal {
namespace {

// Sparse rows of fewer columns go through dense tiles on devices, which need no order of columns.
constexpr std::int64_t kWideColumns = 256;

template <class T>
Array<T> uploaded(const Context& context, const std::vector<double>& values) {
  Array<T> out(context.device(), static_cast<std::int64_t>(values.size()));
  out.upload(std::vector<T>(values.begin(), values.end()));
  return out;
}

}  // namespace

template <class T>
KeptRows<T>::KeptRows(const GlmData& data, const Context& context, const Centring& centring)
    : data_(data), device_(context.device()) {
  Columns columns{.y = uploaded<T>(context, data.y),
                  .trials = uploaded<T>(context, data.trials),
                  .weights = uploaded<T>(context, data.weights),
                  .offset = uploaded<T>(context, data.offset),
                  .centre = {},
                  .on_device = nullptr};
  for (std::int64_t k = 0; k < data.x.n_columns(); ++k) columns.centre.push_back(centring.centre(k));
  if (std::all_of(columns.centre.begin(), columns.centre.end(), [](double c) { return c == 0; }))
    columns.centre.clear();
  if (device_.kind == DeviceKind::cuda)
    columns.on_device = data.on_devices->get<T>(data.x.store(), context, columns.centre);
  columns_ = std::make_shared<const Columns>(std::move(columns));
}

template <class T>
Rows<T> KeptRows<T>::rows() const {
  const auto or_null = [](const Array<T>& a) { return a.size() > 0 ? a.data() : nullptr; };
  const FeatureStore& x = data_.x.store();
  const Columns& columns = copy_ ? copy_->columns : *columns_;
  Rows<T> out{.x = x.x,
              .element = x.element,
              .stride = x.stride,
              .row_start = x.row_start,
              .column = x.column,
              .value = x.value,
              .centre = columns.centre.empty() ? nullptr : columns.centre.data(),
              .intercept = data_.recipe.has_intercept,
              .y = columns.y.data(),
              .trials = or_null(columns.trials),
              .weights = or_null(columns.weights),
              .offset = or_null(columns.offset),
              .scale = scale_,
              .index = index_ ? index_->data() : nullptr,
              .n_rows = size(),
              .n_features = x.n_columns,
              .likelihood = row_likelihood(data_.recipe.likelihood)};
  if (copy_) {
    out.x = copy_->x.data();
    out.stride = x.n_columns;
    out.index = nullptr;
  }
  if (columns_->on_device) {
    columns_->on_device->point(out);
    if (index_) {
      out.host_index = index_->host.data();
      index_->columns.point(out);
    }
  }
  return out;
}

template <class T>
void KeptRows<T>::upload(Index& index) const {
  const auto count = static_cast<std::int64_t>(index.host.size());
  if (index.on_device.size() != count) index.on_device = Array<std::int64_t>(device_, count);
  index.on_device.upload(index.host);
  if (data_.x.is_sparse() && data_.x.n_columns() >= kWideColumns)
    index.columns = DeviceColumns(data_.x.store(), device_, index.host);
}

template <class T>
Rows<T> KeptRows<T>::batch(const std::int64_t* batch, std::int64_t count) {
  Rows<T> out = rows();
  out.index = batch;
  if (device_.kind == DeviceKind::cuda) {
    if (!batch_) batch_ = std::make_shared<Index>();
    batch_->host.assign(batch, batch + count);
    upload(*batch_);
    out.index = batch_->on_device.data();
    out.host_index = batch_->host.data();
    batch_->columns.point(out);
  }
  out.n_rows = count;
  out.scale = static_cast<T>(static_cast<double>(data_.n_rows) / static_cast<double>(count));
  return out;
}

template <class T>
std::shared_ptr<const typename KeptRows<T>::Copy> KeptRows<T>::copy_of(const std::vector<std::int64_t>& chosen) const {
  const FeatureStore& x = data_.x.store();
  const auto element = static_cast<std::size_t>(x.element == Element::float32 ? 4 : 8);
  const std::size_t row_bytes = element * static_cast<std::size_t>(x.n_columns);
  if (device_.kind != DeviceKind::cpu || !is_streamed(x)) return nullptr;
  if (row_bytes * chosen.size() > static_cast<std::size_t>(kMostCopied)) return nullptr;
  auto out = std::make_shared<Copy>();
  out->x.resize(row_bytes * chosen.size());
  for (std::size_t i = 0; i < chosen.size(); ++i)
    std::memcpy(out->x.data() + i * row_bytes,
                static_cast<const std::byte*>(x.x) + element * static_cast<std::size_t>(chosen[i] * x.stride),
                row_bytes);
  const auto some = [&](const Array<T>& all) {
    if (all.size() == 0) return Array<T>();
    std::vector<T> values;
    values.reserve(chosen.size());
    for (const std::int64_t row : chosen) values.push_back(all.data()[row]);
    Array<T> array(device_, static_cast<std::int64_t>(values.size()));
    array.upload(values);
    return array;
  };
  out->columns = {.y = some(columns_->y),
                  .trials = some(columns_->trials),
                  .weights = some(columns_->weights),
                  .offset = some(columns_->offset),
                  .centre = columns_->centre,
                  .on_device = nullptr};
  return out;
}

template <class T>
KeptRows<T> KeptRows<T>::subsample(std::int64_t wanted, Key key) const {
  Index index;
  std::vector<std::int64_t>& chosen = index.host;
  chosen.reserve(static_cast<std::size_t>(wanted));
  const std::int64_t n_rows = size();
  for (std::int64_t i = 0; i < wanted; ++i) {
    const std::int64_t begin = n_rows * i / wanted, end = n_rows * (i + 1) / wanted;
    const PhiloxWords words = philox(key.value, static_cast<std::uint64_t>(i), 0);
    const std::uint64_t random = (std::uint64_t{words.word[1]} << 32) | words.word[0];
    const std::int64_t row = begin + static_cast<std::int64_t>(random % static_cast<std::uint64_t>(end - begin));
    chosen.push_back(index_ ? index_->host[static_cast<std::size_t>(row)] : row);
  }
  if (device_.kind == DeviceKind::cuda) upload(index);
  KeptRows out = *this;
  out.copy_ = copy_of(chosen);
  out.index_ = std::make_shared<const Index>(std::move(index));
  out.batch_ = nullptr;
  out.scale_ = scale_ * static_cast<T>(static_cast<double>(n_rows) / static_cast<double>(wanted));
  return out;
}

RowLikelihood row_likelihood(Likelihood likelihood) {
  switch (likelihood) {
    case Likelihood::poisson: return RowLikelihood::poisson;
    case Likelihood::gaussian: return RowLikelihood::unit_gaussian;
    default: return RowLikelihood::bernoulli;
  }
}

Centring fit_centring(const GlmData& data, FamilyKind family) {
  const bool centred = family == FamilyKind::full_rank && !data.x.is_sparse();
  return {centred ? data.column_mean : std::vector<double>(static_cast<std::size_t>(data.n_columns), 0.0),
          data.recipe.has_intercept};
}

template class KeptRows<float>;
template class KeptRows<double>;

}  // namespace velbo::internal
