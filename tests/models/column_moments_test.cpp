// Means and sds of columns against two plain passes in long double.
#include "models/column_moments.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/errors.h"
#include "support/simulate.h"
#include "velbo/data.h"

namespace velbo::internal {
namespace {

using Numbers = std::vector<double>;

// Two passes in long double, zeros and all.
ColumnMoments plainly(const FeatureMatrix& x, const Numbers& weights, RowCount count) {
  const auto d = static_cast<std::size_t>(x.n_columns());
  ColumnMoments out;
  Numbers row(d);
  std::vector<long double> mean(d, 0), squares(d, 0);
  long double total = 0;
  const auto weight = [&](std::int64_t n) -> long double {
    if (weights.empty()) return 1;
    const double w = weights[static_cast<std::size_t>(n)];
    return count == RowCount::weight ? static_cast<long double>(w) : w > 0 ? 1 : 0;
  };
  for (std::int64_t n = 0; n < x.n_rows(); ++n) {
    x.row(n, row);
    total += weight(n);
    for (std::size_t j = 0; j < d; ++j) mean[j] += weight(n) * row[j];
  }
  for (long double& m : mean) m /= total;
  for (std::int64_t n = 0; n < x.n_rows(); ++n) {
    x.row(n, row);
    for (std::size_t j = 0; j < d; ++j) squares[j] += weight(n) * (row[j] - mean[j]) * (row[j] - mean[j]);
  }
  for (std::size_t j = 0; j < d; ++j) {
    out.mean.push_back(static_cast<double>(mean[j]));
    out.sd.push_back(static_cast<double>(std::sqrt(squares[j] / std::max(total - 1, 1.0L))));
    if (out.sd[j] < 1e-12 * std::abs(out.mean[j])) out.sd[j] = 0;  // constant, but for the rounding of the mean
  }
  return out;
}

void expect_same(const ColumnMoments& found, const ColumnMoments& expected, double relative) {
  ASSERT_EQ(found.mean.size(), expected.mean.size());
  for (std::size_t j = 0; j < found.mean.size(); ++j) {
    EXPECT_NEAR(found.mean[j], expected.mean[j], relative * (std::abs(expected.mean[j]) + expected.sd[j])) << j;
    EXPECT_NEAR(found.sd[j], expected.sd[j], relative * expected.sd[j]) << j;
  }
}

// Columns of very different places and scales: j is 10^(j % 8) +- 10^-(j % 3).
Numbers columns(std::int64_t n, std::int64_t d) {
  Numbers x = test::normals(n * d, 3);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto j = static_cast<double>(i % static_cast<std::size_t>(d));
    x[i] = std::pow(10, std::fmod(j, 8)) + x[i] * std::pow(10, -std::fmod(j, 3));
  }
  return x;
}

Numbers some_weights(std::int64_t n) {
  Numbers w = test::normals(n, 4);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = i % 5 == 0 ? 0 : std::abs(w[i]);
  return w;
}

// The same rows as sparse ones; every third value is zero first.
FeatureMatrix sparse_of(const Numbers& x, std::int64_t n, std::int64_t d) {
  std::vector<std::int64_t> start = {0};
  std::vector<std::int32_t> column;
  Numbers value;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < d; ++j)
      if ((i + j) % 3 != 0 || j == 1) {  // column 1 has no zeros
        column.push_back(static_cast<std::int32_t>(j));
        value.push_back(x[static_cast<std::size_t>(i * d + j)]);
      }
    start.push_back(static_cast<std::int64_t>(value.size()));
  }
  return FeatureMatrix::sparse(d, start, column, value);
}

TEST(ColumnMoments, OfEveryKindOfMatrix) {
  for (const std::int64_t n : {1, 2, 3, 4, 5, 4095, 4096, 4097, 4098, 9001})
    for (const std::int64_t d : {1, 3, 17}) {
      SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(d));
      const Numbers x = columns(n, d);
      const std::vector<float> narrow(x.begin(), x.end());
      std::vector<FeatureMatrix> matrices = {FeatureMatrix::borrow(MatrixView<const double>{x.data(), n, d, d}),
                                             FeatureMatrix::borrow(MatrixView<const float>{narrow.data(), n, d, d}),
                                             FeatureMatrix::adopt(x, n, d, d - 1),  // a part of each row
                                             sparse_of(x, n, d)};
      for (const FeatureMatrix& matrix : matrices)
        for (const Numbers& weights : {Numbers(), some_weights(n)})
          for (const RowCount count : {RowCount::weight, RowCount::positive}) {
            if (!weights.empty() && n == 1) continue;  // its weight is 0
            // The worst columns are 1e7 +- 0.1: their values have 8 digits of spread.
            expect_same(column_moments(matrix.store(), weights, count), plainly(matrix, weights, count), 1e-9);
          }
    }
}

// 1e6 +- 1 in double: a sum of squares without a shift would leave 4 digits of the sd.
TEST(ColumnMoments, KeepDigitsFarFromZero) {
  const std::int64_t n = 200000;
  Numbers x = test::normals(n, 5);
  for (double& v : x) v += 1e6;
  const FeatureMatrix matrix = FeatureMatrix::borrow(MatrixView<const double>{x.data(), n, 1, 1});
  const ColumnMoments found = column_moments(matrix.store(), {}, RowCount::weight);
  expect_same(found, plainly(matrix, {}, RowCount::weight), 1e-13);
  // Also where the row that the others are compared with is far away.
  for (std::size_t i = 0; i < x.size(); i += 4096) x[i] = -1e9;
  expect_same(column_moments(matrix.store(), {}, RowCount::weight), plainly(matrix, {}, RowCount::weight), 1e-12);
  Numbers weights(x.size(), 1);
  for (std::size_t i = 0; i < x.size(); i += 4096) weights[i] = 0;
  expect_same(column_moments(matrix.store(), weights, RowCount::weight), plainly(matrix, weights, RowCount::weight),
              1e-13);
}

TEST(ColumnMoments, TheSameBitsWithAnyNumberOfThreads) {
  const std::int64_t n = 60000, d = 40;  // enough to be shared
  const Numbers x = columns(n, d);
  const Numbers weights = some_weights(n);
  for (const FeatureMatrix& matrix :
       {FeatureMatrix::borrow(MatrixView<const double>{x.data(), n, d, d}), sparse_of(x, n, d)})
    for (const Numbers& w : {Numbers(), weights}) {
      const ColumnMoments one = column_moments(matrix.store(), w, RowCount::weight, 1);
      for (const int threads : {2, 3, 7}) {
        const ColumnMoments many = column_moments(matrix.store(), w, RowCount::weight, threads);
        EXPECT_EQ(many.mean, one.mean);
        EXPECT_EQ(many.sd, one.sd);
      }
    }
}

TEST(ColumnMoments, ConstantColumnsHaveNoSpread) {
  const std::int64_t n = 5000;
  const Numbers x(static_cast<std::size_t>(n), 0.1);
  const FeatureMatrix dense = FeatureMatrix::borrow(MatrixView<const double>{x.data(), n, 1, 1});
  EXPECT_EQ(column_moments(dense.store(), {}, RowCount::weight).sd[0], 0);
  EXPECT_EQ(column_moments(dense.store(), {}, RowCount::weight).mean[0], 0.1);
  std::vector<std::int64_t> start(static_cast<std::size_t>(n) + 1);
  for (std::size_t i = 0; i < start.size(); ++i) start[i] = static_cast<std::int64_t>(i);
  const FeatureMatrix sparse =
      FeatureMatrix::sparse(3, start, std::vector<std::int32_t>(static_cast<std::size_t>(n), 1), x);
  for (const Numbers& w : {Numbers(), Numbers(static_cast<std::size_t>(n), 0.3)}) {
    const ColumnMoments found = column_moments(sparse.store(), w, RowCount::weight);
    EXPECT_EQ(found.sd, (Numbers{0, 0, 0}));
    EXPECT_EQ(found.mean[0], 0);
    EXPECT_NEAR(found.mean[1], 0.1, 1e-15);
  }
}

TEST(ColumnMoments, TheFirstValueThatIsNotFiniteIsNamed) {
  const std::int64_t n = 50000, d = 60;
  Numbers x(static_cast<std::size_t>(n * d), 1);
  const FeatureMatrix matrix = FeatureMatrix::borrow(MatrixView<const double>{x.data(), n, d, d});
  const auto refusal = [&](const Numbers& weights = {}) {
    return test::error_of([&] { (void)column_moments(matrix.store(), weights, RowCount::weight, 3); });
  };
  EXPECT_EQ(refusal(), "nothing");
  const auto at = [&](std::int64_t row, std::int64_t column) -> double& {
    return x[static_cast<std::size_t>(row * d + column)];
  };
  at(49999, 59) = std::nan("");
  EXPECT_EQ(refusal(), "data| x[49999, 59] is nan, expected a finite number");
  at(30000, 7) = -HUGE_VAL;
  EXPECT_EQ(refusal(), "data| x[30000, 7] is -inf, expected a finite number");
  at(30000, 3) = HUGE_VAL;
  EXPECT_EQ(refusal(), "data| x[30000, 3] is inf, expected a finite number");
  Numbers weights(static_cast<std::size_t>(n), 1);
  weights[30000] = 0;
  EXPECT_EQ(refusal(weights), "data| x[30000, 3] is inf, expected a finite number") << "whatever its weight";
  x.assign(x.size(), 1);
  at(40000, 2) = 1e200;
  EXPECT_EQ(refusal(),
            "data| column 2 of x has values too large for their squares to be computed; divide it by a constant");
}

}  // namespace
}  // namespace velbo::internal
