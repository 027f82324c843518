// Operations over wide sparse rows under every schedule.  That their numbers are right is shown by tests/ops/wide_sparse_test.cpp.
#include "sparse_ops.cuh"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "emulator/device_array.h"
#include "emulator/every_schedule.h"
#include "row_case.h"

namespace velbo::kernels {
namespace {

constexpr std::int64_t kRows = 300, kFeatures = 90;

// Rows of 0 to 70 entries: up to three for a lane.  In the last column none.
template <class T>
class SparseCase {
 public:
  explicit SparseCase(bool intercept) {
    std::vector<std::int64_t> row_start = {0};
    std::vector<std::int32_t> column;
    for (std::int64_t i = 0; i < kRows; ++i) {
      const std::int64_t count = i % 71;
      for (std::int64_t k = 0; k < count; ++k) column.push_back(static_cast<std::int32_t>(k * (kFeatures - 1) / count));
      row_start.push_back(static_cast<std::int64_t>(column.size()));
    }
    Noise noise(3);
    values_.emplace_back(noise.numbers<double>(static_cast<std::int64_t>(column.size()), 0.4));
    for (int k = 0; k < 3; ++k) columns_.emplace_back(noise.numbers<T>(kRows, 1));
    row_start_.emplace_back(row_start);
    column_.emplace_back(column);
    rows_.row_start = row_start_[0].data();
    rows_.column = column_[0].data();
    rows_.value = values_[0].data();
    rows_.intercept = intercept;
    rows_.y = columns_[0].data();
    rows_.offset = columns_[1].data();
    rows_.weights = columns_[2].data();
    rows_.likelihood = internal::RowLikelihood::poisson;
    rows_.n_rows = kRows;
    rows_.n_features = kFeatures;
  }
  [[nodiscard]] RowSource<T> source() const { return {rows_, Copying::elements}; }

 private:
  std::vector<simt::DeviceArray<std::int64_t>> row_start_;
  std::vector<simt::DeviceArray<std::int32_t>> column_;
  std::vector<simt::DeviceArray<double>> values_;
  std::vector<simt::DeviceArray<T>> columns_;
  Rows<T> rows_;
};

// All that the operations give, one behind the other.
template <class T>
std::vector<double> everything(const SparseCase<T>& c) {
  const RowSource<T> source = c.source();
  const std::int64_t d = source.rows.n_columns(), n_draws = 6;  // of which four go at once
  Launch launch;
  launch.wanted_chunks = 7;  // of several rows a warp
  Noise noise(4);
  const std::vector<double> mean = noise.numbers<double>(d, 0.1), sd = noise.numbers<double>(d, 0.1),
                            z = noise.numbers<double>(n_draws * d, 0.1);
  const simt::DeviceArray<T> weight(noise.numbers<T>(kRows)), other(noise.numbers<T>(kRows));
  std::vector<double> all, first(static_cast<std::size_t>(n_draws * d)), second(first.size());
  const auto keep = [&](const std::vector<double>& values, std::int64_t count) {
    all.insert(all.end(), values.begin(), values.begin() + count);
  };
  for (const std::int64_t draws_of_a_row : {0, 3}) {
    const simt::DeviceArray<T> curvature(kRows);
    internal::RowSums<T> sums;
    sums.gradient = first.data();
    sums.diagonal = second.data();
    sums.curvature_rows = curvature.data();
    sparse_expected(launch, source, mean.data(), sd.data(), DrawRule{draws_of_a_row, 5, 6}, sums);
    keep({sums.value, sums.absolute}, 2);
    keep(first, d);
    keep(second, d);
    for (const T value : curvature.on_host()) all.push_back(static_cast<double>(value));
  }
  sparse_given(launch, source.rows, weight.data(), other.data(), first.data(), second.data());
  keep(first, d);
  keep(second, d);
  sparse_product(launch, source, weight.data(), mean.data(), first.data());
  keep(first, d);
  sparse_draws(launch, source, z.data(), n_draws, second.data(), first.data());
  keep(second, n_draws);
  keep(first, n_draws * d);
  return all;
}

template <class T>
class SparseOps : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(SparseOps, Scalars);

TYPED_TEST(SparseOps, SameBitsUnderEverySchedule) {
  for (const bool intercept : {false, true}) {
    const SparseCase<TypeParam> c(intercept);
    const std::vector<double> all = simt::same_under_every_schedule([&] { return everything(c); });
    for (const double value : all) ASSERT_TRUE(std::isfinite(value));
  }
}

}  // namespace
}  // namespace velbo::kernels
