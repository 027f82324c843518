// models/kept_rows.cpp
#include "models/kept_rows.h"

#include "math/philox.h"

namespace velbo::internal {
namespace {

template <class T>
Array<T> uploaded(const Context& context, const std::vector<double>& values) {
  Array<T> out(context.device(), static_cast<std::int64_t>(values.size()));
  out.upload(std::vector<T>(values.begin(), values.end()));
  return out;
}

template <class T>
Array<T> gathered(const Context& context, const Array<T>& from, std::int64_t width,
                  const std::vector<std::int64_t>& rows) {
  if (from.size() == 0) return {};
  const auto count = static_cast<std::int64_t>(rows.size());
  Array<T> out(context.device(), count * width);
  context.ops<T>().gather_rows(context, from.data(), width, rows.data(), count, out.data());
  return out;
}

}  // namespace

template <class T>
KeptRows<T>::KeptRows(const GlmData& data, const Context& context, const Centring& centring)
    : context_(context),
      n_rows_(data.n_rows),
      n_columns_(data.n_columns),
      scale_(1),
      x_(context.device(), data.n_rows * data.n_columns),
      y_(uploaded<T>(context, data.y)),
      trials_(uploaded<T>(context, data.trials)),
      weights_(uploaded<T>(context, data.weights)),
      offset_(uploaded<T>(context, data.offset)) {
  std::vector<std::int64_t> source;
  std::vector<double> centre;
  for (std::int64_t k = 0; k < n_columns_; ++k) {
    source.push_back(centring.source(k));
    centre.push_back(centring.centre(k));
  }
  context.ops<T>().keep_rows(context, data.x.data(), n_rows_, n_columns_, source.data(), centre.data(), x_.data());
}

template <class T>
Rows<T> KeptRows<T>::rows(RowLikelihood likelihood) const {
  const auto or_null = [](const Array<T>& a) { return a.size() > 0 ? a.data() : nullptr; };
  return {.x = x_.data(),
          .y = y_.data(),
          .trials = or_null(trials_),
          .weights = or_null(weights_),
          .offset = or_null(offset_),
          .scale = scale_,
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
  const double scale = static_cast<double>(n_rows_) / static_cast<double>(wanted);
  KeptRows out(context_, wanted, n_columns_, scale_ * static_cast<T>(scale));
  out.x_ = gathered(context_, x_, n_columns_, chosen);
  out.y_ = gathered(context_, y_, 1, chosen);
  out.trials_ = gathered(context_, trials_, 1, chosen);
  out.weights_ = gathered(context_, weights_, 1, chosen);
  out.offset_ = gathered(context_, offset_, 1, chosen);
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
