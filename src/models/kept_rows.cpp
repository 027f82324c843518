// models/kept_rows.cpp
#include "models/kept_rows.h"

#include "math/philox.h"

namespace velbo::internal {
namespace {

template <class T>
Array<T> converted(Device device, const std::vector<double>& values) {
  Array<T> out(device, static_cast<std::int64_t>(values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) out.data()[i] = static_cast<T>(values[i]);
  return out;
}

template <class T>
Array<T> gathered(Device device, const Array<T>& from, std::int64_t width, const std::vector<std::int64_t>& rows) {
  if (from.size() == 0) return {};
  Array<T> out(device, static_cast<std::int64_t>(rows.size()) * width);
  T* next = out.data();
  for (const std::int64_t row : rows)
    for (std::int64_t j = 0; j < width; ++j) *next++ = from.data()[row * width + j];
  return out;
}

}  // namespace

template <class T>
KeptRows<T>::KeptRows(Device device, std::int64_t n_rows, std::int64_t n_columns)
    : device_(device), n_rows_(n_rows), n_columns_(n_columns) {}

template <class T>
KeptRows<T>::KeptRows(const GlmData& data, Device device, const Centring& centring)
    : device_(device),
      n_rows_(data.n_rows),
      n_columns_(data.n_columns),
      x_(device, data.n_rows * data.n_columns),
      y_(converted<T>(device, data.y)),
      trials_(converted<T>(device, data.trials)),
      weights_(converted<T>(device, data.weights)),
      offset_(converted<T>(device, data.offset)) {
  std::vector<std::int64_t> source;
  std::vector<double> centre;
  for (std::int64_t k = 0; k < n_columns_; ++k) {
    source.push_back(centring.source(k));
    centre.push_back(centring.centre(k));
  }
  for (std::int64_t n = 0; n < n_rows_; ++n) {
    const double* from = data.x.data() + n * n_columns_;
    T* to = x_.data() + n * n_columns_;
    for (std::size_t k = 0; k < source.size(); ++k) to[k] = static_cast<T>(from[source[k]] - centre[k]);
  }
}

template <class T>
Rows<T> KeptRows<T>::rows(RowLikelihood likelihood) const {
  const auto or_null = [](const Array<T>& a) { return a.size() > 0 ? a.data() : nullptr; };
  return {.x = x_.data(),
          .y = y_.data(),
          .trials = or_null(trials_),
          .weights = or_null(weights_),
          .offset = or_null(offset_),
          .n_rows = n_rows_,
          .n_columns = n_columns_,
          .likelihood = likelihood};
}

template <class T>
KeptRows<T> KeptRows<T>::subsample(std::int64_t wanted, Key key) const {
  std::vector<std::int64_t> chosen;
  chosen.reserve(static_cast<std::size_t>(wanted));
  for (std::int64_t i = 0; i < wanted; ++i) {
    const std::int64_t begin = n_rows_ * i / wanted, end = n_rows_ * (i + 1) / wanted;
    const PhiloxWords words = philox(key.value, static_cast<std::uint64_t>(i), 0);
    const std::uint64_t random = (std::uint64_t{words.word[1]} << 32) | words.word[0];
    chosen.push_back(begin + static_cast<std::int64_t>(random % static_cast<std::uint64_t>(end - begin)));
  }
  KeptRows out(device_, wanted, n_columns_);
  out.x_ = gathered(device_, x_, n_columns_, chosen);
  out.y_ = gathered(device_, y_, 1, chosen);
  out.trials_ = gathered(device_, trials_, 1, chosen);
  out.offset_ = gathered(device_, offset_, 1, chosen);
  out.weights_ = gathered(device_, weights_, 1, chosen);
  if (out.weights_.size() == 0) {
    out.weights_ = Array<T>(device_, wanted);
    for (std::int64_t i = 0; i < wanted; ++i) out.weights_.data()[i] = 1;
  }
  const T scale = static_cast<T>(static_cast<double>(n_rows_) / static_cast<double>(wanted));
  for (std::int64_t i = 0; i < wanted; ++i) out.weights_.data()[i] *= scale;
  return out;
}

RowLikelihood row_likelihood(Likelihood likelihood) {
  switch (likelihood) {
    case Likelihood::poisson: return RowLikelihood::poisson;
    case Likelihood::gaussian: return RowLikelihood::unit_gaussian;
    default: return RowLikelihood::bernoulli;
  }
}

template class KeptRows<float>;
template class KeptRows<double>;

}  // namespace velbo::internal
