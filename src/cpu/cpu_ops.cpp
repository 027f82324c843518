// cpu/cpu_ops.cpp - the CPU side of the operation table: cuts rows into chunks, shares them among threads, adds in order.
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "backend/ops.h"
#include "cpu/isa.h"
#include "cpu/packed_columns.h"
#include "cpu/row_chunks.h"

namespace velbo::internal {
namespace {

template <class T>
const RowKernels<T>& kernels() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return isa().rows_float;
  } else {
    return isa().rows_double;
  }
}

template <class T>
std::vector<T> converted(const double* values, std::int64_t n) {
  return std::vector<T>(values, values + n);
}

// Places of a chunk's sums, handed out in turn.
struct Places {
  std::int64_t size = 0;
  std::int64_t take(bool wanted, std::int64_t count) { return wanted ? std::exchange(size, size + count) : -1; }
};

double* at(double* sums, std::int64_t place) { return place < 0 ? nullptr : sums + place; }

void copy_sums(const std::vector<double>& total, std::int64_t place, std::int64_t count, double* out) {
  if (place >= 0) std::copy_n(total.data() + place, count, out);
}

void copy_lower(const std::vector<double>& total, std::int64_t place, std::int64_t d, double* gram) {
  for (std::int64_t i = 0; place >= 0 && i < d; ++i) std::copy_n(total.data() + place + i * d, i + 1, gram + i * d);
}

// Element-wise work on rows, in pieces of about a megabyte.
template <class Piece>
void for_rows(const Context& context, std::int64_t n_rows, std::int64_t width, const Piece& piece) {
  const std::int64_t rows = std::max<std::int64_t>(1, 131072 / std::max<std::int64_t>(width, 1));
  const Workers workers = workers_for(context, static_cast<double>(n_rows) * static_cast<double>(width));
  parallel_for((n_rows + rows - 1) / rows, workers,
               [&](std::int64_t i, int) { piece(i * rows, std::min(n_rows, (i + 1) * rows)); });
}

template <class T>
void starting_curvature(const Context& context, const Rows<T>& rows, T* c, T* c_times_r) {
  for_rows(context, rows.n_rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      const std::int64_t row = rows.index != nullptr ? rows.index[n] : n;
      const RowOutcome<T> outcome{rows.y[row], rows.trials != nullptr ? rows.trials[row] : T(1),
                                  rows.scale * (rows.weights != nullptr ? rows.weights[row] : T(1))};
      const StartingTerm<T> start =
          starting_term(rows.likelihood, outcome, rows.offset != nullptr ? rows.offset[row] : T(0));
      c[n] = start.c;
      c_times_r[n] = start.c * start.r;
    }
  });
}

template <class T>
void normals(const Context& context, Key key, std::uint32_t step, std::uint32_t first_draw, std::int64_t n_draws,
             std::int64_t dimension, T* out) {
  const double operations = 40.0 * static_cast<double>(n_draws) * static_cast<double>(dimension);
  const std::int64_t per_piece = std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(dimension, 1));
  const std::int64_t pieces = (n_draws + per_piece - 1) / per_piece;
  parallel_for(pieces, workers_for(context, operations), [&](std::int64_t piece, int) {
    for (std::int64_t s = piece * per_piece; s < std::min(n_draws, (piece + 1) * per_piece); ++s)
      standard_normals(key, step, first_draw + static_cast<std::uint32_t>(s), 0,
                       std::span<T>(out + s * dimension, static_cast<std::size_t>(dimension)));
  });
}

template <class T>
void expected_log_likelihood(const Context& context, const Rows<T>& rows, const double* mean,
                             const PredictorScale& scale, const PredictorRule& rule, RowSums<T>& sums) {
  const std::int64_t d = rows.n_columns();
  const std::int64_t rank = scale.factor != nullptr ? scale.rank : 0;
  const std::vector<T> mean_t = converted<T>(mean, d);
  const std::vector<T> sd_t = scale.sd != nullptr ? converted<T>(scale.sd, d) : std::vector<T>();
  const PackedColumns<T> factor(
      rank > 0 ? d : 0, rank > 0 ? rank + 1 : 0, kernels<T>().lanes,
      [&](std::int64_t i, std::int64_t k) { return k == 0 ? mean[i] : scale.factor[i * rank + k - 1]; });
  Places places;
  const std::int64_t value = places.take(true, 2);
  const std::int64_t gradient = places.take(sums.gradient != nullptr, d);
  const std::int64_t diagonal = places.take(sums.diagonal != nullptr, d);
  const std::int64_t gram = places.take(sums.gram != nullptr, d * d);
  const std::int64_t product = places.take(sums.factor_product != nullptr && rank > 0, d * rank);
  const auto columns = static_cast<double>(d);
  const double operations = 100 + 30.0 * static_cast<double>(rule.n_draws) + 8 * columns +
                            2 * columns * static_cast<double>(rank) + (gram >= 0 ? columns * columns : 0) +
                            (product >= 0 ? 2 * columns * static_cast<double>(rank) : 0);
  // A factor or a gram of wide sparse rows goes through dense tiles: D^2 numbers are asked for anyway.
  const bool sparse = is_wide_sparse(rows) && rank == 0 && gram < 0;
  const auto kernel = sparse ? kernels<T>().sparse_expectation : kernels<T>().expectation;
  const Plan plan = sparse
                        ? sparse_plan(rows, places.size, 12)
                        : dense_plan(rows, places.size,
                                     expectation_scratch<T>(d, factor.columns(), gram >= 0, product >= 0), operations);
  const auto total = sum_over_rows<T>(context, rows.n_rows, plan, places.size,
                                      [&](std::int64_t begin, std::int64_t end, double* out, T* scratch) {
                                        kernel({.rows = &rows,
                                                .begin = begin,
                                                .end = end,
                                                .mean = mean_t.data(),
                                                .sd = scale.sd != nullptr ? sd_t.data() : nullptr,
                                                .factor = factor.view(),
                                                .rank = rank,
                                                .rule = rule,
                                                .value = at(out, value),
                                                .gradient = at(out, gradient),
                                                .gram = at(out, gram),
                                                .diagonal = at(out, diagonal),
                                                .factor_product = at(out, product),
                                                .curvature_rows = sums.curvature_rows},
                                               scratch);
                                      });
  sums.value = total[0];
  sums.absolute = total[1];
  copy_sums(total, gradient, d, sums.gradient);
  copy_sums(total, diagonal, d, sums.diagonal);
  copy_lower(total, gram, d, sums.gram);
  copy_sums(total, product, d * rank, sums.factor_product);
}

template <class T>
void weighted_gram(const Context& context, const Rows<T>& rows, const T* c, const T* r, bool diagonal, double* gram,
                   double* moment) {
  const std::int64_t d = rows.n_columns();
  Places places;
  const std::int64_t full = places.take(gram != nullptr && !diagonal, d * d);
  const std::int64_t squares = places.take(gram != nullptr && diagonal, d);
  const std::int64_t moments = places.take(moment != nullptr && r != nullptr, d);
  const auto columns = static_cast<double>(d);
  const bool sparse = is_wide_sparse(rows) && full < 0;
  const auto kernel = sparse ? kernels<T>().sparse_gram : kernels<T>().gram;
  const Plan plan = sparse ? sparse_plan(rows, places.size, 6)
                           : dense_plan(rows, places.size, expectation_scratch<T>(d, 0, full >= 0, false),
                                        4 * columns + (full >= 0 ? columns * columns : 0));
  const auto total = sum_over_rows<T>(context, rows.n_rows, plan, places.size,
                                      [&](std::int64_t begin, std::int64_t end, double* out, T* scratch) {
                                        kernel({.rows = &rows,
                                                .begin = begin,
                                                .end = end,
                                                .c = c,
                                                .r = r,
                                                .gram = at(out, full),
                                                .diagonal = at(out, squares),
                                                .moment = at(out, moments)},
                                               scratch);
                                      });
  copy_lower(total, full, d, gram);
  copy_sums(total, squares, d, gram);
  copy_sums(total, moments, d, moment);
}

template <class T>
void curvature_product(const Context& context, const Rows<T>& rows, const T* c, const double* v, double* out) {
  const std::int64_t d = rows.n_columns();
  const std::vector<T> v_t = converted<T>(v, d);
  const bool sparse = is_wide_sparse(rows);
  const auto kernel = sparse ? kernels<T>().sparse_product : kernels<T>().product;
  const Plan plan = sparse
                        ? sparse_plan(rows, d, 6)
                        : dense_plan(rows, d, expectation_scratch<T>(d, 0, false, false), 4.0 * static_cast<double>(d));
  const auto total = sum_over_rows<T>(
      context, rows.n_rows, plan, d, [&](std::int64_t begin, std::int64_t end, double* sums, T* scratch) {
        kernel({.rows = &rows, .begin = begin, .end = end, .c = c, .v = v_t.data(), .out = sums}, scratch);
      });
  std::copy_n(total.data(), d, out);
}

// Few rows and many draws are as common as the other way round, so blocks of draws are shared out too.
template <class T>
void log_likelihood_gradient(const Context& context, const Rows<T>& rows, const double* z, std::int64_t n_draws,
                             double* out, double* gradient) {
  const std::int64_t d = rows.n_columns();
  const std::int64_t blocks = (n_draws + kMostDraws - 1) / kMostDraws;
  const std::vector<T> z_t = converted<T>(z, n_draws * d);
  std::vector<PackedColumns<T>> matrices;
  for (std::int64_t b = 0; b < blocks; ++b) {
    const std::int64_t count = std::min(kMostDraws, n_draws - b * kMostDraws);
    const double* first = z + b * kMostDraws * d;
    matrices.emplace_back(d, count > kernels<T>().few_draws && !is_wide_sparse(rows) ? count : 0, kernels<T>().lanes,
                          [&](std::int64_t i, std::int64_t s) { return first[s * d + i]; });
  }
  const std::int64_t width = gradient != nullptr ? d + 1 : 1;  // sums of a draw: its value and gradient
  const auto draws = static_cast<double>(n_draws);
  const bool sparse = is_wide_sparse(rows);
  const auto kernel = sparse ? kernels<T>().sparse_draws : kernels<T>().draws;
  const Plan plan = sparse ? sparse_plan(rows, d, (gradient != nullptr ? 8 : 4) * draws)
                           : dense_plan(rows, n_draws * width,
                                        draws_scratch<T>(d, std::min(n_draws, kMostDraws), gradient != nullptr),
                                        draws * (static_cast<double>((gradient != nullptr ? 4 : 2) * d) + 30));
  const Chunks& chunks = plan.chunks;
  const Workers workers = workers_for(context, plan.operations);
  Scratches<T> scratch(workers.threads, plan.scratch);
  std::vector<double> values(static_cast<std::size_t>(chunks.count * n_draws), 0.0);  // [chunks, S]
  std::vector<double> gradients(gradient != nullptr ? static_cast<std::size_t>(chunks.count * n_draws * d) : 0, 0.0);
  parallel_for(chunks.count * blocks, workers, [&](std::int64_t piece, int worker) {
    const std::int64_t chunk = piece / blocks, block = piece % blocks;
    const std::int64_t begin = chunk * chunks.rows, first = block * kMostDraws;
    kernel({.rows = &rows,
            .begin = begin,
            .end = std::min(rows.n_rows, begin + chunks.rows),
            .z = z_t.data() + first * d,
            .z_matrix = matrices[static_cast<std::size_t>(block)].view(),
            .n_draws = std::min(kMostDraws, n_draws - first),
            .out = values.data() + chunk * n_draws + first,
            .gradient = gradient != nullptr ? gradients.data() + (chunk * n_draws + first) * d : nullptr},
           scratch.of(worker));
  });
  const auto add_up = [&](const std::vector<double>& partial, std::int64_t count, double* total) {
    std::fill_n(total, count, 0.0);
    for (std::int64_t chunk = 0; chunk < chunks.count; ++chunk)
      for (std::int64_t i = 0; i < count; ++i) total[i] += partial[static_cast<std::size_t>(chunk * count + i)];
  };
  add_up(values, n_draws, out);
  if (gradient != nullptr) add_up(gradients, n_draws * d, gradient);
}

template <class T>
void log_likelihood(const Context& context, const Rows<T>& rows, const double* z, std::int64_t n_draws, double* out) {
  log_likelihood_gradient<T>(context, rows, z, n_draws, out, nullptr);
}

template <class T>
constexpr Ops<T> table{.starting_curvature = starting_curvature<T>,
                       .normals = normals<T>,
                       .expected_log_likelihood = expected_log_likelihood<T>,
                       .weighted_gram = weighted_gram<T>,
                       .curvature_product = curvature_product<T>,
                       .log_likelihood = log_likelihood<T>,
                       .log_likelihood_gradient = log_likelihood_gradient<T>};

}  // namespace

const Ops<float>& cpu_ops_float() { return table<float>; }
const Ops<double>& cpu_ops_double() { return table<double>; }

}  // namespace velbo::internal
