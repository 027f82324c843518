// row_ops.cuh - the operations of backend/ops.h over rows, each made of passes.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "row_passes.cuh"
#include "sparse_ops.cuh"

namespace velbo::kernels {

using internal::PredictorRule;
using internal::PredictorScale;
using internal::RowSums;

// Rows with their centre on the device too.
template <class T>
struct DeviceRows {
  DeviceRows(const Rows<T>& rows, cudaStream_t stream)
      : centre(rows.centre != nullptr ? uploaded<double>(rows.centre, rows.n_features, stream) : Buffer<double>()),
        source{rows, copying_of(rows)} {
    source.rows.centre = centre.get();
  }
  Buffer<double> centre;
  RowSource<T> source;
};

inline void copy_to(const std::vector<double>& from, std::int64_t first, std::int64_t count, double* to) {
  if (to != nullptr) std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(first), count, to);
}

// X'r into `moment` and the diagonal of X'diag(c)X into `diagonal`; either may be null.
template <class T>
void add_given(const Launch& launch, const RowSource<T>& source, const T* c, const T* r, double* diagonal,
               double* moment) {
  if (diagonal == nullptr && moment == nullptr) return;
  FusedArguments<T> arguments;
  arguments.source = source;
  arguments.c = c;
  arguments.r = r;
  const std::int64_t d = source.rows.n_columns();
  const Totals totals = run_fused<T, GivenPass<T>>(launch, arguments, true);
  copy_to(totals.sums, 0, d, moment);
  copy_to(totals.sums, d, d, diagonal);
}

template <class T>
void add_gram(const Launch& launch, const RowSource<T>& source, const T* c, double* gram) {
  if (gram == nullptr) return;
  OuterArguments<T> arguments;
  arguments.source = source;
  arguments.c = c;
  const std::int64_t d = source.rows.n_columns();
  const std::vector<double> whole = run_outer(launch, arguments);
  for (std::int64_t i = 0; i < d; ++i) copy_to(whole, i * d, i + 1, gram + i * d);
}

// Sparse rows that do not fit into a tile: their entries alone are gone over, but for a gram or a factor, which have
// D^2 numbers anyway.
template <class T>
bool is_wide_sparse(const Launch& launch, const Rows<T>& rows) {
  return rows.row_start != nullptr && tile_rows_for<T, DrawsPass<T, 8>>(launch, rows.n_rows, rows.n_columns()) == 0;
}

// ProjectArguments::lead of [mean, factor].  A lower triangle of the latents has 1; where rows are centred or an intercept's
// column was moved behind the others, its rows have moved up, and it has 2.
inline std::int64_t lead_of(const PredictorScale& scale, std::int64_t d) {
  std::int64_t lead = 1;
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t k = scale.rank - 1; k >= i + lead; --k)
      if (scale.factor[i * scale.rank + k] != 0) {
        lead = k - i + 1;
        break;
      }
  return lead;
}

// The general form: predictors by a product with [mean, factor], then what is asked for from each row's rho and c.
template <class T>
void expected_by_projection(const Launch& launch, const RowSource<T>& source, const double* mean,
                            const PredictorScale& scale, const DrawRule& rule, RowSums<T>& out) {
  const std::int64_t d = source.rows.n_columns(), n = source.rows.n_rows;
  const std::int64_t rank = scale.factor != nullptr ? scale.rank : 0;
  const bool with_product = out.factor_product != nullptr && rank > 0;
  const Buffer<T> rho(n, launch.stream), own_c(out.curvature_rows == nullptr ? n : 0, launch.stream);
  const Buffer<T> projections(with_product ? n * (rank + 1) : 0, launch.stream);
  const Buffer<T> sd = scale.sd != nullptr ? uploaded<T>(scale.sd, d, launch.stream) : Buffer<T>();
  ProjectArguments<T> arguments;
  const Buffer<T> w = packed_matrix<T>(
      d, rank + 1, arguments.stride, launch.stream,
      [&](std::int64_t i, std::int64_t k) { return k == 0 ? mean[i] : scale.factor[i * rank + k - 1]; });
  arguments.source = source;
  arguments.w = w.get();
  arguments.n_columns = rank + 1;
  if (rank > 0) arguments.lead = lead_of(scale, d);
  arguments.sd = sd.get();
  arguments.rule = rule;
  arguments.projections = projections.get();
  arguments.rho = rho.get();
  arguments.curvature_rows = out.curvature_rows != nullptr ? out.curvature_rows : own_c.get();
  const Totals totals = run_project<T, ExpectationFinish<T>>(launch, arguments, 2);
  out.value = totals.values[0];
  out.absolute = totals.values[1];
  const T* const c = arguments.curvature_rows;
  add_given(launch, source, c, rho.get(), out.diagonal, out.gradient);
  add_gram(launch, source, c, out.gram);
  if (!with_product) return;
  OuterArguments<T> outer;
  outer.source = source;
  outer.c = c;
  outer.left = projections.get() + 1;
  outer.stride = rank + 1;
  outer.n_left = rank;
  const std::vector<double> transposed = run_outer(launch, outer);
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t k = 0; k < rank; ++k)
      out.factor_product[i * rank + k] = transposed[static_cast<std::size_t>(k * d + i)];
}

template <class T>
void expected_log_likelihood(const Launch& launch, const Rows<T>& rows, const double* mean, const PredictorScale& scale,
                             const PredictorRule& predictor_rule, RowSums<T>& out) {
  const std::int64_t d = rows.n_columns();
  const DeviceRows<T> device(rows, launch.stream);
  const DrawRule rule{predictor_rule.n_draws, predictor_rule.key.value, predictor_rule.step};
  const bool factor = scale.factor != nullptr && scale.rank > 0;
  if (!factor && out.gram == nullptr && is_wide_sparse(launch, rows)) {
    sparse_expected(launch, device.source, mean, scale.sd, rule, out);
    return;
  }
  if (factor || tile_rows_for<T, MeanFieldPass<T>>(launch, rows.n_rows, d) == 0) {
    expected_by_projection(launch, device.source, mean, scale, rule, out);
    return;
  }
  std::vector<double> both(static_cast<std::size_t>(2 * d), 0.0);  // mean, sd
  std::copy_n(mean, d, both.begin());
  if (scale.sd != nullptr) std::copy_n(scale.sd, d, both.begin() + static_cast<std::ptrdiff_t>(d));
  const Buffer<T> coefficients = uploaded<T>(both.data(), 2 * d, launch.stream);
  const bool own = out.gram != nullptr && out.curvature_rows == nullptr;
  const Buffer<T> own_c(own ? rows.n_rows : 0, launch.stream);
  FusedArguments<T> arguments;
  arguments.source = device.source;
  arguments.coefficients = coefficients.get();
  arguments.rule = rule;
  arguments.curvature_rows = own ? own_c.get() : out.curvature_rows;
  const bool with_sums = out.gradient != nullptr || out.diagonal != nullptr;
  const Totals totals = run_fused<T, MeanFieldPass<T>>(launch, arguments, with_sums);
  out.value = totals.values[0];
  out.absolute = totals.values[1];
  copy_to(totals.sums, 0, d, out.gradient);
  copy_to(totals.sums, d, d, out.diagonal);
  add_gram(launch, device.source, arguments.curvature_rows, out.gram);
}

template <class T>
void weighted_gram(const Launch& launch, const Rows<T>& rows, const T* c, const T* r, bool diagonal, double* gram,
                   double* moment) {
  const DeviceRows<T> device(rows, launch.stream);
  double* const squares = diagonal ? gram : nullptr;
  double* const products = r != nullptr ? moment : nullptr;
  if (is_wide_sparse(launch, rows)) {
    sparse_given(launch, rows, c, r, squares, products);
  } else {
    add_given(launch, device.source, c, r, squares, products);
  }
  if (!diagonal) add_gram(launch, device.source, c, gram);
}

template <class T>
void curvature_product(const Launch& launch, const Rows<T>& rows, const T* c, const double* v, double* out) {
  const std::int64_t d = rows.n_columns();
  const DeviceRows<T> device(rows, launch.stream);
  if (is_wide_sparse(launch, rows)) {
    sparse_product(launch, device.source, c, v, out);
    return;
  }
  if (tile_rows_for<T, ProductPass<T>>(launch, rows.n_rows, d) > 0) {
    const Buffer<T> coefficients = uploaded<T>(v, d, launch.stream);
    FusedArguments<T> arguments;
    arguments.source = device.source;
    arguments.coefficients = coefficients.get();
    arguments.c = c;
    copy_to(run_fused<T, ProductPass<T>>(launch, arguments, true).sums, 0, d, out);
    return;
  }
  const Buffer<T> rho(rows.n_rows, launch.stream);
  ProjectArguments<T> arguments;
  const Buffer<T> w =
      packed_matrix<T>(d, 1, arguments.stride, launch.stream, [&](std::int64_t i, std::int64_t) { return v[i]; });
  arguments.source = device.source;
  arguments.w = w.get();
  arguments.n_columns = 1;
  arguments.c = c;
  arguments.rho = rho.get();
  run_project<T, ProductFinish<T>>(launch, arguments, 0);
  add_given<T>(launch, device.source, nullptr, rho.get(), nullptr, out);
}

// `count` of S draws from z on: S is what the kernel is compiled for, the rest is zeros.
template <class T, int S>
void fused_draws(const Launch& launch, const RowSource<T>& source, const double* z, std::int64_t count, double* out,
                 double* gradient) {
  const std::int64_t d = source.rows.n_columns();
  std::vector<double> padded(static_cast<std::size_t>(S * d), 0.0);
  std::copy_n(z, count * d, padded.begin());
  const Buffer<T> coefficients = uploaded<T>(padded.data(), S * d, launch.stream);
  FusedArguments<T> arguments;
  arguments.source = source;
  arguments.coefficients = coefficients.get();
  const Totals totals = run_fused<T, DrawsPass<T, S>>(launch, arguments, gradient != nullptr);
  copy_to(totals.values, 0, count, out);
  copy_to(totals.sums, 0, gradient != nullptr ? count * d : 0, gradient);
}

// Up to 64 draws at once, or rows that do not fit into a tile: products first, gradients by a second pass.
template <class T>
void projected_draws(const Launch& launch, const RowSource<T>& source, const double* z, std::int64_t count, double* out,
                     double* gradient) {
  const std::int64_t d = source.rows.n_columns(), n = source.rows.n_rows;
  const Buffer<T> rho(gradient != nullptr ? n * count : 0, launch.stream);
  ProjectArguments<T> arguments;
  const Buffer<T> w = packed_matrix<T>(d, count, arguments.stride, launch.stream,
                                       [&](std::int64_t i, std::int64_t s) { return z[s * d + i]; });
  arguments.source = source;
  arguments.w = w.get();
  arguments.n_columns = count;
  arguments.rho = rho.get();
  copy_to(run_project<T, DrawsFinish<T>>(launch, arguments, count).values, 0, count, out);
  if (gradient == nullptr) return;
  OuterArguments<T> outer;
  outer.source = source;
  outer.left = rho.get();
  outer.stride = count;
  outer.n_left = count;
  copy_to(run_outer(launch, outer), 0, count * d, gradient);
}

// From this many draws on, a product of matrices is cheaper than passes of eight draws each.
constexpr std::int64_t kManyDraws = 24;

template <class T>
void log_likelihood_gradient(const Launch& launch, const Rows<T>& rows, const double* z, std::int64_t n_draws,
                             double* out, double* gradient) {
  const std::int64_t d = rows.n_columns();
  const DeviceRows<T> device(rows, launch.stream);
  if (is_wide_sparse(launch, rows)) {
    sparse_draws(launch, device.source, z, n_draws, out, gradient);
    return;
  }
  const bool fits = tile_rows_for<T, DrawsPass<T, 8>>(launch, rows.n_rows, d) > 0;
  for (std::int64_t s = 0; s < n_draws;) {
    const std::int64_t left = n_draws - s;
    double* const to = gradient != nullptr ? gradient + s * d : nullptr;
    std::int64_t count = 0;
    if (!fits || n_draws >= kManyDraws) {
      count = std::min<std::int64_t>(left, kTileColumns);
      projected_draws(launch, device.source, z + s * d, count, out + s, to);
    } else if (left == 1) {
      count = 1;
      fused_draws<T, 1>(launch, device.source, z + s * d, count, out + s, to);
    } else if (left <= 4) {
      count = left;
      fused_draws<T, 4>(launch, device.source, z + s * d, count, out + s, to);
    } else {
      count = std::min<std::int64_t>(left, 8);
      fused_draws<T, 8>(launch, device.source, z + s * d, count, out + s, to);
    }
    s += count;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads) starting_curvature_kernel(const Rows<T> rows, T* c, T* c_times_r) {
  const std::int64_t n = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (n >= rows.n_rows) return;
  const RowSource<T> source{rows, Copying::vectors};
  T offset;
  const RowOutcome<T> row = outcome_of(source, n, true, offset);
  const internal::StartingTerm<T> start = internal::starting_term(rows.likelihood, row, offset);
  c[n] = start.c;
  c_times_r[n] = start.c * start.r;
}

template <class T>
void starting_curvature(const Launch& launch, const Rows<T>& rows, T* c, T* c_times_r) {
  if (rows.n_rows == 0) return;
  const unsigned blocks = static_cast<unsigned>((rows.n_rows + kThreads - 1) / kThreads);
  VELBO_LAUNCH(starting_curvature_kernel<T>, blocks, kThreads, 0, launch.stream, rows, c, c_times_r);
  check(cudaGetLastError());
}

}  // namespace velbo::kernels
