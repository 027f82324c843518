// models/shuffled_rows.cpp
#include "models/shuffled_rows.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "cpu/parallel.h"
#include "data/feature_store.h"
#include "math/permutation.h"
#include "velbo/array.h"
#include "velbo/context.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kPiece = 4096;  // rows

// Calls move(to, from) for every row, whose numbers `from` go up: files are read as they lie.
template <class Move>
void for_each_row(std::int64_t n_rows, const Permutation& order, const Context& context, const Move& move) {
  parallel_for((n_rows + kPiece - 1) / kPiece, Workers(context.threads(), &context.team()),
               [&](std::int64_t piece, int) {
                 const std::int64_t end = std::min(n_rows, (piece + 1) * kPiece);
                 for (std::int64_t i = piece * kPiece; i < end; ++i)
                   move(i, static_cast<std::int64_t>(permuted(order, static_cast<std::uint64_t>(i))));
               });
}

template <class T>
FeatureStore shuffled_dense(const FeatureStore& x, const Permutation& order, const Context& context) {
  auto values = std::make_shared<Array<T>>(Device{}, x.n_rows * x.n_columns);
  T* const to = values->data();
  for_each_row(x.n_rows, order, context, [&](std::int64_t at, std::int64_t from) {
    std::copy_n(static_cast<const T*>(x.x) + from * x.stride, x.n_columns, to + at * x.n_columns);
  });
  FeatureStore out;
  out.n_rows = x.n_rows;
  out.n_columns = out.stride = x.n_columns;
  out.element = x.element;
  out.x = to;
  out.owner = std::move(values);
  return out;
}

FeatureStore shuffled_sparse(const FeatureStore& x, const Permutation& order, const Context& context) {
  struct Arrays {
    std::vector<std::int64_t> row_start;
    std::vector<std::int32_t> column;
    std::vector<double> value;
  };
  auto arrays = std::make_shared<Arrays>();
  arrays->row_start.resize(static_cast<std::size_t>(x.n_rows) + 1);
  std::int64_t* const start = arrays->row_start.data();
  for_each_row(x.n_rows, order, context,
               [&](std::int64_t at, std::int64_t from) { start[at + 1] = x.row_start[from + 1] - x.row_start[from]; });
  for (std::int64_t i = 0; i < x.n_rows; ++i) start[i + 1] += start[i];
  arrays->column.resize(static_cast<std::size_t>(start[x.n_rows]));
  arrays->value.resize(static_cast<std::size_t>(start[x.n_rows]));
  for_each_row(x.n_rows, order, context, [&](std::int64_t at, std::int64_t from) {
    const std::int64_t first = x.row_start[from], count = x.row_start[from + 1] - first;
    std::copy_n(x.column + first, count, arrays->column.data() + start[at]);
    std::copy_n(x.value + first, count, arrays->value.data() + start[at]);
  });
  FeatureStore out;
  out.n_rows = x.n_rows;
  out.n_columns = x.n_columns;
  out.row_start = start;
  out.column = arrays->column.data();
  out.value = arrays->value.data();
  out.owner = std::move(arrays);
  return out;
}

FeatureStore shuffled(const FeatureStore& x, const Permutation& order, const Context& context) {
  if (x.row_start != nullptr) return shuffled_sparse(x, order, context);
  return x.element == Element::float32 ? shuffled_dense<float>(x, order, context)
                                       : shuffled_dense<double>(x, order, context);
}

std::vector<double> shuffled(const std::vector<double>& values, const Permutation& order, const Context& context) {
  std::vector<double> out(values.size());
  for_each_row(static_cast<std::int64_t>(values.size()), order, context, [&](std::int64_t at, std::int64_t from) {
    out[static_cast<std::size_t>(at)] = values[static_cast<std::size_t>(from)];
  });
  return out;
}

}  // namespace

GlmData with_shuffled_rows(const GlmData& data, Key key, const Context& context) {
  const Permutation order = make_permutation(key.value, static_cast<std::uint64_t>(data.n_rows));
  return {.recipe = data.recipe,
          .n_rows = data.n_rows,
          .n_rows_dropped = data.n_rows_dropped,
          .n_columns = data.n_columns,
          .x = FeatureMatrix(std::make_shared<const FeatureStore>(shuffled(data.x.store(), order, context))),
          .y = shuffled(data.y, order, context),
          .weights = shuffled(data.weights, order, context),
          .offset = shuffled(data.offset, order, context),
          .trials = shuffled(data.trials, order, context),
          .priors = data.priors,
          .likelihood_guessed = data.likelihood_guessed,
          .log_normaliser = data.log_normaliser,
          .column_mean = data.column_mean,
          .column_sd = data.column_sd};
}

}  // namespace velbo::internal
