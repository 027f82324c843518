// The loops at AVX-512's vector width and register blocking, on any processor: compiled here with 64-byte vectors, which the
// compiler splits, and compared with the table that this processor runs (which ops_test checks against plain sums).
#define VELBO_ISA wide
#define VELBO_VECTOR_BYTES 64
#include "cpu/row_kernels.cpp"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <new>
#include <vector>

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

// Everything that the kernels of one table give for one problem, as one vector.
template <class T>
std::vector<double> results(const IsaTable& table, std::int64_t n, std::int64_t d) {
  const auto size = static_cast<std::size_t>(d);
  const std::int64_t padded = padded_columns(d);
  std::vector<T> x(static_cast<std::size_t>(n * d)), y(static_cast<std::size_t>(n)), w(y.size());
  standard_normals(Key{1}, 0, 0, 0, std::span<T>(x));
  standard_normals(Key{2}, 0, 0, 0, std::span<T>(w));
  for (std::size_t i = 0; i < y.size(); ++i) {
    y[i] = w[i] > 0 ? T(1) : T(0);
    w[i] = w[i] * w[i];
  }
  std::vector<T> mean(size), variance(size), blocks(static_cast<std::size_t>(padded * padded));
  for (std::size_t j = 0; j < size; ++j) {
    mean[j] = T(0.1) * static_cast<T>(j % 3) - T(0.1);
    variance[j] = T(0.01) * static_cast<T>(1 + j);
    for (std::size_t i = j; i < size; ++i)  // column j of a lower triangular factor, in blocks of four columns
      blocks[(j / 4 * static_cast<std::size_t>(padded) + i) * 4 + j % 4] = T(0.3) / static_cast<T>(1 + i - j);
  }
  std::vector<std::int32_t> first_row;
  for (std::int64_t b = 0; b < padded / 4; ++b) first_row.push_back(static_cast<std::int32_t>(4 * b));
  const Rows<T> rows{.x = x.data(),
                     .y = y.data(),
                     .trials = nullptr,
                     .weights = w.data(),
                     .offset = nullptr,
                     .n_rows = n,
                     .n_columns = d,
                     .likelihood = RowLikelihood::bernoulli};
  const std::unique_ptr<T, Free<T>> scratch(
      static_cast<T*>(::operator new (static_cast<std::size_t>(scratch_size<T>(d)) * sizeof(T), std::align_val_t{64})));
  const auto gram_size = static_cast<std::size_t>(padded * padded);
  std::vector<double> out(2 + size + gram_size + 2 + size + size + gram_size + size + size + 3, 0.0);
  double* next = out.data();
  const auto take = [&](std::size_t count) { return std::exchange(next, next + count); };
  const RowKernels<T>& kernels = rows_of<T>(table);
  ExpectationChunk<T> full{.rows = &rows,
                           .begin = 0,
                           .end = n,
                           .mean = mean.data(),
                           .scale_blocks = blocks.data(),
                           .first_row = first_row.data()};
  full.value = take(2);
  full.gradient = take(size);
  full.curvature = take(gram_size);
  kernels.expectation(full, scratch.get());
  ExpectationChunk<T> diagonal{.rows = &rows, .begin = 0, .end = n, .mean = mean.data()};
  diagonal.variance = variance.data();
  diagonal.value = take(2);
  diagonal.gradient = take(size);
  diagonal.curvature = take(size);
  kernels.expectation(diagonal, scratch.get());
  GramChunk<T> gram_chunk{.rows = &rows, .begin = 0, .end = n, .c = w.data(), .r = y.data()};
  gram_chunk.gram = take(gram_size);
  gram_chunk.moment = take(size);
  kernels.gram(gram_chunk, scratch.get());
  kernels.product({.rows = &rows, .begin = 0, .end = n, .c = w.data(), .v = mean.data(), .out = take(size)},
                  scratch.get());
  std::vector<T> z(3 * size);
  for (std::size_t i = 0; i < z.size(); ++i) z[i] = T(0.05) * static_cast<T>(i % 7);
  kernels.draws({.rows = &rows, .begin = 0, .end = n, .z = z.data(), .n_draws = 3, .out = take(3)}, scratch.get());
  return out;
}

template <class T>
void compare(double relative) {
  for (const std::int64_t n : {1, 63, 64, 65, 700, 2500})
    for (const std::int64_t d : {1, 4, 5, 13, 50}) {
      const std::vector<double> wide = results<T>(isa_table_wide(), n, d), native = results<T>(isa(), n, d);
      for (std::size_t i = 0; i < wide.size(); ++i)
        ASSERT_NEAR(wide[i], native[i], relative * (std::abs(native[i]) + std::sqrt(static_cast<double>(n))))
            << "n " << n << " d " << d << " result " << i;
    }
}

TEST(WideLanes, FloatsAgree) { compare<float>(3e-6); }
TEST(WideLanes, DoublesAgree) { compare<double>(1e-11); }

}  // namespace
}  // namespace velbo::internal
