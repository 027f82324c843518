#include "mixtures/mixture_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>

#include "cpu/parallel.h"
#include "data/feature_store.h"
#include "data/uniform_below.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr double kBytesOfMappedWorthShuffling = 256.0 * 1024 * 1024;

template <class E>
bool all_finite(const E* x, std::int64_t stride, std::int64_t d, std::int64_t begin, std::int64_t end) {
  for (std::int64_t n = begin; n < end; ++n) {
    E sum = 0;  // 0 * x is NaN where x is not finite
    for (std::int64_t j = 0; j < d; ++j) sum += E(0) * x[n * stride + j];
    if (!(sum == E(0))) return false;
  }
  return true;
}

bool rows_are_finite(const FeatureStore& s, std::int64_t begin, std::int64_t end) {
  if (s.element == Element::float32)
    return all_finite(static_cast<const float*>(s.x), s.stride, s.n_columns, begin, end);
  return all_finite(static_cast<const double*>(s.x), s.stride, s.n_columns, begin, end);
}

template <class E>
void gather(const FeatureStore& s, const std::vector<std::int64_t>& order, std::vector<E>& out) {
  out.resize(static_cast<std::size_t>(s.n_rows * s.n_columns));
  for (std::size_t i = 0; i < order.size(); ++i)
    std::copy_n(static_cast<const E*>(s.x) + order[i] * s.stride, s.n_columns,
                out.data() + static_cast<std::int64_t>(i) * s.n_columns);
}

template <class E>
FeatureMatrix gathered(const FeatureStore& s, const std::vector<std::int64_t>& order) {
  auto values = std::make_shared<std::vector<E>>();
  gather(s, order, *values);
  FeatureStore store;
  store.n_rows = s.n_rows;
  store.n_columns = store.stride = s.n_columns;
  store.element = s.element;
  store.x = values->data();
  store.owner = std::move(values);
  return FeatureMatrix(std::make_shared<const FeatureStore>(std::move(store)));
}

}  // namespace

std::vector<double> MixtureUnits::inverse() const {
  std::vector<double> out(unit);
  for (double& value : out) value = 1 / value;
  return out;
}

double MixtureUnits::log_scale() const {
  double sum = 0;
  for (const double value : unit) sum += std::log(value);
  return sum;
}

void check_mixture_rows(const FeatureMatrix& x, std::span<const double> weights) {
  if (x.is_sparse())
    throw Error(ErrorCode::shape,
                "x is sparse, expected dense rows: centred rows of a mixture have no zeros to leave out");
  if (x.n_rows() < 1 || x.n_columns() < 1)
    throw Error(ErrorCode::shape,
                fmt::format("x is [{}, {}], expected at least one row and one column", x.n_rows(), x.n_columns()));
  if (weights.empty()) return;
  if (static_cast<std::int64_t>(weights.size()) != x.n_rows())
    throw Error(ErrorCode::shape,
                fmt::format("there are {} weights and {} rows, expected as many", weights.size(), x.n_rows()));
  for (std::size_t n = 0; n < weights.size(); ++n)
    if (!(weights[n] >= 0) || std::isinf(weights[n]))
      throw Error(ErrorCode::data,
                  fmt::format("weights[{}] is {}, expected a finite number, 0 or more", n, weights[n]));
  if (!(std::accumulate(weights.begin(), weights.end(), 0.0) > 0))
    throw Error(ErrorCode::data, "all weights are 0, expected some that are positive");
}

void check_finite(const FeatureMatrix& x, int threads) {
  const FeatureStore& s = x.store();
  constexpr std::int64_t kRows = 8192;
  const std::int64_t n_chunks = (s.n_rows + kRows - 1) / kRows;
  std::atomic<std::int64_t> first{std::numeric_limits<std::int64_t>::max()};
  parallel_for(n_chunks, threads, [&](std::int64_t chunk, int) {
    if (rows_are_finite(s, chunk * kRows, std::min(s.n_rows, (chunk + 1) * kRows))) return;
    std::int64_t known = first.load();
    while (chunk < known && !first.compare_exchange_weak(known, chunk)) {
    }
  });
  if (first.load() >= n_chunks) return;
  std::vector<double> row(static_cast<std::size_t>(s.n_columns));
  for (std::int64_t n = first.load() * kRows; n < s.n_rows; ++n) {
    x.row(n, row);
    for (std::size_t j = 0; j < row.size(); ++j)
      if (!std::isfinite(row[j]))
        throw Error(ErrorCode::data, fmt::format("x[{}, {}] is {}, expected a finite number; missing values are not "
                                                 "supported",
                                                 n, j, row[j]));
  }
}

bool is_worth_shuffling(const FeatureMatrix& x) {
  const double bytes = static_cast<double>(x.n_rows()) * static_cast<double>(x.n_columns()) * 8;
  return !x.store().is_mapped || bytes <= kBytesOfMappedWorthShuffling;
}

MixtureRowSource shuffled_source(const FeatureMatrix& x, std::span<const double> weights, Key key) {
  MixtureRowSource out{x, {}, weights};
  if (!is_worth_shuffling(x)) return out;
  std::vector<std::int64_t> order(static_cast<std::size_t>(x.n_rows()));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[uniform_below(i, key, i)]);
  const FeatureStore& s = x.store();
  out.x = s.element == Element::float32 ? gathered<float>(s, order) : gathered<double>(s, order);
  if (!weights.empty()) {
    for (const std::int64_t n : order) out.own_weights.push_back(weights[static_cast<std::size_t>(n)]);
    out.weights = out.own_weights;
  }
  return out;
}

}  // namespace velbo::internal
