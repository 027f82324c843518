// backend/streamed_table.h - the table of backend/ops.h on top of a plugin's, for rows on the device (backend/device_table.h)
// and, where Rows::stream is set, for rows that come there in slabs (backend/row_stream.h).
#pragma once
#include <algorithm>
#include <vector>

#include "backend/device_table.h"
#include "backend/row_stream.h"

namespace velbo::internal {

// Adds up slabs' results into `to` [size], in order; nothing where `to` is null.
class SlabSums {
 public:
  SlabSums(double* to, std::int64_t size) : to_(to), part_(to != nullptr ? static_cast<std::size_t>(size) : 0) {
    std::fill_n(to_, part_.size(), 0.0);
  }
  // What an operation writes a slab's results to.
  [[nodiscard]] double* part() { return to_ != nullptr ? part_.data() : nullptr; }
  void add() {
    for (std::size_t i = 0; i < part_.size(); ++i) to_[i] += part_[i];
  }

 private:
  double* to_;
  std::vector<double> part_;
};

// The operations that look at predictors; context, rows and what follows are those of Ops<T>.
template <class T, class Source>
struct StreamedOperations {
  static constexpr const Ops<T>& resident = device_table<T, Source>;

  // A column of all rows, from a slab's first row on.
  template <class E>
  static E* from(E* column, std::int64_t first) {
    return column != nullptr ? column + first : nullptr;
  }

  static void expected_log_likelihood(const Context& context, const Rows<T>& rows, const double* mean,
                                      const PredictorScale& scale, const PredictorRule& rule, RowSums<T>& sums) {
    if (rows.stream == nullptr) return resident.expected_log_likelihood(context, rows, mean, scale, rule, sums);
    const std::int64_t d = rows.n_columns();
    SlabSums gradient(sums.gradient, d), gram(sums.gram, d * d), diagonal(sums.diagonal, d),
        product(sums.factor_product, d * scale.rank);
    sums.value = sums.absolute = 0;
    rows.stream->for_each_slab(rows, context.threads(), [&](const Rows<T>& slab, std::int64_t first) {
      RowSums<T> part{.gradient = gradient.part(),
                      .gram = gram.part(),
                      .diagonal = diagonal.part(),
                      .factor_product = product.part(),
                      .curvature_rows = from(sums.curvature_rows, first)};
      resident.expected_log_likelihood(context, slab, mean, scale, rule, part);
      sums.value += part.value;
      sums.absolute += part.absolute;
      for (SlabSums* each : {&gradient, &gram, &diagonal, &product}) each->add();
    });
  }

  static void weighted_gram(const Context& context, const Rows<T>& rows, const T* c, const T* r, bool diagonal,
                            double* gram, double* moment) {
    if (rows.stream == nullptr) return resident.weighted_gram(context, rows, c, r, diagonal, gram, moment);
    const std::int64_t d = rows.n_columns();
    SlabSums grams(gram, diagonal ? d : d * d), moments(r != nullptr ? moment : nullptr, d);
    rows.stream->for_each_slab(rows, context.threads(), [&](const Rows<T>& slab, std::int64_t first) {
      resident.weighted_gram(context, slab, from(c, first), from(r, first), diagonal, grams.part(), moments.part());
      grams.add();
      moments.add();
    });
  }

  static void curvature_product(const Context& context, const Rows<T>& rows, const T* c, const double* v, double* out) {
    if (rows.stream == nullptr) return resident.curvature_product(context, rows, c, v, out);
    SlabSums sums(out, rows.n_columns());
    rows.stream->for_each_slab(rows, context.threads(), [&](const Rows<T>& slab, std::int64_t first) {
      resident.curvature_product(context, slab, c + first, v, sums.part());
      sums.add();
    });
  }

  static void log_likelihood(const Context& context, const Rows<T>& rows, const double* z, std::int64_t n_draws,
                             double* out) {
    log_likelihood_gradient(context, rows, z, n_draws, out, nullptr);
  }

  static void log_likelihood_gradient(const Context& context, const Rows<T>& rows, const double* z,
                                      std::int64_t n_draws, double* out, double* gradient) {
    if (rows.stream == nullptr) return resident.log_likelihood_gradient(context, rows, z, n_draws, out, gradient);
    SlabSums values(out, n_draws), gradients(gradient, n_draws * rows.n_columns());
    rows.stream->for_each_slab(rows, context.threads(), [&](const Rows<T>& slab, std::int64_t) {
      resident.log_likelihood_gradient(context, slab, z, n_draws, values.part(), gradients.part());
      values.add();
      gradients.add();
    });
  }
};

template <class T, class Source>
constexpr Ops<T> streamed_table{
    .starting_curvature = device_table<T, Source>.starting_curvature,  // looks at no predictors
    .normals = device_table<T, Source>.normals,
    .expected_log_likelihood = StreamedOperations<T, Source>::expected_log_likelihood,
    .weighted_gram = StreamedOperations<T, Source>::weighted_gram,
    .curvature_product = StreamedOperations<T, Source>::curvature_product,
    .log_likelihood = StreamedOperations<T, Source>::log_likelihood,
    .log_likelihood_gradient = StreamedOperations<T, Source>::log_likelihood_gradient,
};

}  // namespace velbo::internal
