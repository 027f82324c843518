// The loops at AVX-512's vector width and register blocking, on any processor: compiled here with 64-byte vectors, which the
// compiler splits, and compared with the table that this processor runs (which ops_test checks against plain sums).
#define VELBO_ISA wide
#define VELBO_VECTOR_BYTES 64
#include "cpu/row_kernels.cpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "cpu/packed_columns.h"

namespace velbo::internal {
namespace {

template <class T>
struct Free {
  void operator()(T* p) const { ::operator delete (p, std::align_val_t{64}); }
};

template <class T>
const RowKernels<T>& rows_of(const IsaTable& table) {
  if constexpr (sizeof(T) == 4) {
    return table.rows_float;
  } else {
    return table.rows_double;
  }
}

// Everything that the kernels of one table give for one problem, as one vector.  Rows are copied into tiles where they
// are centred, and else read in place.
template <class T>
std::vector<double> results(const IsaTable& table, std::int64_t n, std::int64_t d, bool centred) {
  const auto size = static_cast<std::size_t>(d);
  const RowKernels<T>& kernels = rows_of<T>(table);
  const std::int64_t n_features = d - 1;
  std::vector<T> x(static_cast<std::size_t>(n * n_features)), y(static_cast<std::size_t>(n)), w(y.size());
  standard_normals(Key{1}, 0, 0, 0, std::span<T>(x));
  standard_normals(Key{2}, 0, 0, 0, std::span<T>(w));
  for (std::size_t i = 0; i < y.size(); ++i) {
    y[i] = w[i] > 0 ? T(1) : T(0);
    w[i] = w[i] * w[i];
  }
  std::vector<T> mean(size), sd(size);
  for (std::size_t j = 0; j < size; ++j) {
    mean[j] = T(0.1) * static_cast<T>(j % 3) - T(0.1);
    sd[j] = T(0.1) / static_cast<T>(1 + j);
  }
  const PackedColumns<T> factor(d, d + 1, kernels.lanes, [&](std::int64_t i, std::int64_t k) {
    return k == 0 ? mean[static_cast<std::size_t>(i)] : i >= k - 1 ? T(0.3) / static_cast<T>(2 + i - k) : T(0);
  });
  const std::vector<double> centre(size, 0.125);
  const Rows<T> rows{.x = x.data(),
                     .element = sizeof(T) == 4 ? Element::float32 : Element::float64,
                     .stride = n_features,
                     .centre = centred ? centre.data() : nullptr,
                     .intercept = true,
                     .y = y.data(),
                     .weights = w.data(),
                     .n_rows = n,
                     .n_features = n_features};
  const std::int64_t elements =
      std::max(expectation_scratch<T>(d, factor.columns(), true, true), draws_scratch<T>(d, 19, true));
  const std::unique_ptr<T, Free<T>> scratch(
      static_cast<T*>(::operator new (static_cast<std::size_t>(elements) * sizeof(T), std::align_val_t{64})));
  std::vector<double> out(6 + 8 * size + 3 * size * size + 2 * 22 + 22 * size, 0.0);
  double* next = out.data();
  const auto take = [&](std::size_t count) { return std::exchange(next, next + count); };
  ExpectationChunk<T> full{
      .rows = &rows, .end = n, .mean = mean.data(), .factor = factor.view(), .rank = d, .rule = {}};
  full.value = take(2);
  full.gradient = take(size);
  full.gram = take(size * size);
  full.factor_product = take(size * size);
  kernels.expectation(full, scratch.get());
  for (const std::int64_t n_draws : {0, 5}) {
    ExpectationChunk<T> diagonal{
        .rows = &rows, .end = n, .mean = mean.data(), .sd = sd.data(), .factor = {}, .rule = {}};
    diagonal.rule.n_draws = n_draws;
    diagonal.value = take(2);
    diagonal.gradient = take(size);
    diagonal.diagonal = take(size);
    kernels.expectation(diagonal, scratch.get());
  }
  kernels.gram({.rows = &rows, .end = n, .c = w.data(), .r = y.data(), .gram = take(size * size), .moment = take(size)},
               scratch.get());
  kernels.gram({.rows = &rows, .end = n, .c = w.data(), .diagonal = take(size)}, scratch.get());
  kernels.product({.rows = &rows, .end = n, .c = w.data(), .v = mean.data(), .out = take(size)}, scratch.get());
  for (const std::int64_t n_draws : {3, 19}) {
    std::vector<T> z(static_cast<std::size_t>(n_draws) * size);
    for (std::size_t i = 0; i < z.size(); ++i) z[i] = T(0.05) * static_cast<T>(i % 7);
    const PackedColumns<T> matrix(d, n_draws, kernels.lanes, [&](std::int64_t i, std::int64_t s) {
      return z[static_cast<std::size_t>(s * d + i)];
    });
    kernels.draws({.rows = &rows,
                   .end = n,
                   .z = z.data(),
                   .z_matrix = matrix.view(),
                   .n_draws = n_draws,
                   .out = take(static_cast<std::size_t>(n_draws)),
                   .gradient = take(static_cast<std::size_t>(n_draws) * size)},
                  scratch.get());
  }
  return out;
}

template <class T>
void compare(double relative) {
  for (const std::int64_t n : {1, 63, 64, 65, 700, 2500})
    for (const std::int64_t d : {1, 4, 17, 50})
      for (const bool centred : {true, false}) {
        const std::vector<double> wide = results<T>(isa_table_wide(), n, d, centred);
        const std::vector<double> native = results<T>(isa(), n, d, centred);
        for (std::size_t i = 0; i < wide.size(); ++i)
          ASSERT_NEAR(wide[i], native[i], relative * (std::abs(native[i]) + std::sqrt(static_cast<double>(n))))
              << "n " << n << " d " << d << " result " << i;
      }
}

TEST(WideLanes, FloatsAgree) { compare<float>(3e-6); }
TEST(WideLanes, DoublesAgree) { compare<double>(1e-11); }

}  // namespace
}  // namespace velbo::internal
