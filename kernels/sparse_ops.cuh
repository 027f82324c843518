// sparse_ops.cuh - the operations of backend/ops.h over wide sparse rows.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "backend/transposed.h"
#include "row_passes.cuh"
#include "sparse_rows.cuh"

namespace velbo::kernels {

// The entries by column that the rows come with, or that are made here of what lies on the device.
template <class T>
class TransposedRows {
 public:
  TransposedRows(const Rows<T>& rows, cudaStream_t stream)
      : view_{rows.column_start, rows.column_row, rows.column_value} {
    if (view_.start != nullptr) return;
    const std::vector<std::int64_t> index =
        rows.index != nullptr ? downloaded(rows.index, rows.n_rows, stream) : std::vector<std::int64_t>();
    const std::int64_t stored = rows.n_rows == 0 ? 0
                                : index.empty()  ? rows.n_rows
                                                 : *std::max_element(index.begin(), index.end()) + 1;
    const std::vector<std::int64_t> row_start = downloaded(rows.row_start, stored + 1, stream);
    const std::vector<std::int32_t> column = downloaded(rows.column, row_start.back(), stream);
    const std::vector<double> value = downloaded(rows.value, row_start.back(), stream);
    const internal::TransposedEntries entries =
        internal::transposed(row_start.data(), column.data(), value.data(), index.empty() ? nullptr : index.data(),
                             rows.n_rows, rows.n_features);
    const auto n_entries = static_cast<std::int64_t>(entries.row.size());
    start_ = uploaded<std::int64_t>(entries.start.data(), rows.n_features + 1, stream);
    row_ = uploaded<std::int32_t>(entries.row.data(), n_entries, stream);
    value_ = uploaded<double>(entries.value.data(), n_entries, stream);
    view_ = {start_.get(), row_.get(), value_.get()};
  }
  const Transposed& view() const { return view_; }

 private:
  Transposed view_;
  Buffer<std::int64_t> start_;
  Buffer<std::int32_t> row_;
  Buffer<double> value_;
};

template <class T, class Pass>
std::vector<double> run_sparse(const Launch& launch, SparseArguments<T> arguments) {
  return add_up<T>(launch, arguments.source.rows.n_rows, kWarps, 0, Pass::kValues,
                   [&](const Chunks& chunks, T*, double* values) {
                     arguments.chunks = chunks;
                     arguments.values = values;
                     const auto kernel = sparse_rows<T, Pass>;
                     VELBO_LAUNCH(kernel, grid_of(launch, chunks), kThreads, kWarps * sizeof(double), launch.stream,
                                  arguments);
                     check(cudaGetLastError());
                   })
      .values;
}

// out [D] = X'a or, squared, the diagonal of X' diag(a) X; a [n_rows], `stride` apart; nullptr: ones.
template <class T>
void add_columns(const Launch& launch, const Rows<T>& rows, const Transposed& entries, const T* a, std::int64_t stride,
                 bool squared, double* out) {
  if (out == nullptr) return;
  const Buffer<double> sums(rows.n_features, launch.stream);
  if (rows.n_features > 0) {
    const std::int64_t blocks = (rows.n_features + kWarps - 1) / kWarps;
    VELBO_LAUNCH(sparse_columns<T>, static_cast<unsigned>(std::min<std::int64_t>(blocks, 65535)), kThreads, 0,
                 launch.stream, entries, rows.n_features, a, stride, squared, sums.get());
    check(cudaGetLastError());
  }
  const std::vector<double> host = downloaded(sums.get(), rows.n_features, launch.stream);
  std::copy(host.begin(), host.end(), out);
  if (!rows.intercept) return;
  out[rows.n_features] = add_up<T>(launch, rows.n_rows, kThreads, 0, 1, [&](const Chunks& chunks, T*, double* values) {
                           VELBO_LAUNCH(sum_of_rows<T>, grid_of(launch, chunks), kThreads, kWarps * sizeof(double),
                                        launch.stream, chunks, a, stride, values);
                           check(cudaGetLastError());
                         }).values[0];
}

template <class T>
void sparse_expected(const Launch& launch, const RowSource<T>& source, const double* mean, const double* sd,
                     const DrawRule& rule, internal::RowSums<T>& out) {
  const Rows<T>& rows = source.rows;
  const std::int64_t d = rows.n_columns();
  std::vector<double> both(static_cast<std::size_t>(2 * d), 0.0);
  std::copy_n(mean, d, both.begin());
  if (sd != nullptr) std::copy_n(sd, d, both.begin() + static_cast<std::ptrdiff_t>(d));
  const Buffer<double> coefficients = uploaded<double>(both.data(), 2 * d, launch.stream);
  const Buffer<T> rho(rows.n_rows, launch.stream);
  const Buffer<T> own_c(out.curvature_rows == nullptr ? rows.n_rows : 0, launch.stream);
  SparseArguments<T> arguments;
  arguments.source = source;
  arguments.coefficients = coefficients.get();
  arguments.rule = rule;
  arguments.rho = rho.get();
  arguments.curvature_rows = out.curvature_rows != nullptr ? out.curvature_rows : own_c.get();
  const std::vector<double> values = run_sparse<T, SparseExpectation<T>>(launch, arguments);
  out.value = values[0];
  out.absolute = values[1];
  if (out.gradient == nullptr && out.diagonal == nullptr) return;
  const TransposedRows<T> transposed(rows, launch.stream);
  add_columns(launch, rows, transposed.view(), rho.get(), 1, false, out.gradient);
  add_columns<T>(launch, rows, transposed.view(), arguments.curvature_rows, 1, true, out.diagonal);
}

template <class T>
void sparse_given(const Launch& launch, const Rows<T>& rows, const T* c, const T* r, double* diagonal, double* moment) {
  const TransposedRows<T> transposed(rows, launch.stream);
  add_columns(launch, rows, transposed.view(), c, 1, true, diagonal);
  add_columns(launch, rows, transposed.view(), r, 1, false, moment);
}

template <class T>
void sparse_product(const Launch& launch, const RowSource<T>& source, const T* c, const double* v, double* out) {
  const Buffer<double> coefficients = uploaded<double>(v, source.rows.n_columns(), launch.stream);
  const Buffer<T> rho(source.rows.n_rows, launch.stream);
  SparseArguments<T> arguments;
  arguments.source = source;
  arguments.coefficients = coefficients.get();
  arguments.c = c;
  arguments.rho = rho.get();
  run_sparse<T, SparseProduct<T>>(launch, arguments);
  const TransposedRows<T> transposed(source.rows, launch.stream);
  add_columns<T>(launch, source.rows, transposed.view(), rho.get(), 1, false, out);
}

template <class T>
void sparse_draws(const Launch& launch, const RowSource<T>& source, const double* z, std::int64_t n_draws, double* out,
                  double* gradient) {
  constexpr int width = 4;
  const Rows<T>& rows = source.rows;
  const std::int64_t d = rows.n_columns();
  const Buffer<T> rho(gradient != nullptr ? rows.n_rows * width : 0, launch.stream);
  const TransposedRows<T> transposed(rows, launch.stream);
  for (std::int64_t s = 0; s < n_draws; s += width) {
    const std::int64_t count = std::min<std::int64_t>(width, n_draws - s);
    std::vector<double> padded(static_cast<std::size_t>(width * d), 0.0);
    std::copy_n(z + s * d, count * d, padded.begin());
    const Buffer<double> coefficients = uploaded<double>(padded.data(), width * d, launch.stream);
    SparseArguments<T> arguments;
    arguments.source = source;
    arguments.coefficients = coefficients.get();
    arguments.rho = rho.get();
    const std::vector<double> values = run_sparse<T, SparseDraws<T, width>>(launch, arguments);
    std::copy_n(values.begin(), count, out + s);
    for (std::int64_t k = 0; gradient != nullptr && k < count; ++k)
      add_columns<T>(launch, rows, transposed.view(), rho.get() + k, width, false, gradient + (s + k) * d);
  }
}

}  // namespace velbo::kernels
