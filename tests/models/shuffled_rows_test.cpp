// A model whose rows lie in random order.
#include "models/shuffled_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "data/feature_store.h"
#include "math/permutation.h"
#include "velbo/fit.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kRows = 10000, kColumns = 3;
const Key kKey = make_key(2, Purpose::test);

FeatureMatrix features(const std::string& kind) {
  const std::int64_t stride = kColumns + 1;
  std::vector<double> wide(static_cast<std::size_t>(kRows * stride));
  for (std::size_t i = 0; i < wide.size(); ++i) wide[i] = 1 + static_cast<double>(i);  // all different, exact in float
  if (kind == "double") return FeatureMatrix(wide.data(), kRows, kColumns, stride);
  if (kind == "float") {
    const std::vector<float> narrow(wide.begin(), wide.end());
    return FeatureMatrix(MatrixView<const float>{narrow.data(), kRows, kColumns, stride});
  }
  std::vector<std::int64_t> row_start = {0};  // rows of 0, 1, 2 and 3 values
  std::vector<std::int32_t> column;
  std::vector<double> value;
  for (std::int64_t n = 0; n < kRows; ++n) {
    for (std::int32_t j = 0; j < n % 4; ++j) {
      column.push_back(j);
      value.push_back(wide[static_cast<std::size_t>(n * stride + j)]);
    }
    row_start.push_back(static_cast<std::int64_t>(value.size()));
  }
  return FeatureMatrix::sparse(kColumns, row_start, column, value);
}

class ShuffledRows : public testing::TestWithParam<const char*> {};

TEST_P(ShuffledRows, AreThoseRowsInThePermutationsOrder) {
  GlmData data;
  data.n_rows = kRows;
  data.n_columns = kColumns + 1;
  data.recipe.names = {"a", "b", "c", "d"};
  data.column_mean = {1, 2, 3, 4};
  data.log_normaliser = 5;
  data.x = features(GetParam());
  for (std::int64_t n = 0; n < kRows; ++n) {
    const auto v = static_cast<double>(n);
    data.y.push_back(v);
    data.weights.push_back(v + 0.25);
    data.trials.push_back(v + 0.75);
  }
  const Permutation order = make_permutation(kKey.value, kRows);
  std::int64_t moved = 0;
  for (const int threads : {1, 3}) {
    const GlmData shuffled = with_shuffled_rows(data, kKey, Context({}, threads));
    EXPECT_EQ(shuffled.n_rows, kRows);
    EXPECT_EQ(shuffled.n_columns, data.n_columns);
    EXPECT_EQ(shuffled.recipe.names, data.recipe.names);
    EXPECT_EQ(shuffled.column_mean, data.column_mean);
    EXPECT_EQ(shuffled.log_normaliser, data.log_normaliser);
    EXPECT_EQ(shuffled.x.is_sparse(), data.x.is_sparse());
    EXPECT_EQ(shuffled.x.store().element, data.x.store().element);
    EXPECT_TRUE(shuffled.offset.empty());
    ASSERT_EQ(shuffled.y.size(), data.y.size());
    std::vector<double> row(kColumns), expected(kColumns);
    for (std::int64_t i = 0; i < kRows; ++i) {
      const auto from = static_cast<std::int64_t>(permuted(order, static_cast<std::uint64_t>(i)));
      const auto at = static_cast<std::size_t>(i), was = static_cast<std::size_t>(from);
      moved += from != i ? 1 : 0;
      shuffled.x.row(i, row);
      data.x.row(from, expected);
      ASSERT_EQ(row, expected) << i;
      ASSERT_EQ(shuffled.y[at], data.y[was]);
      ASSERT_EQ(shuffled.weights[at], data.weights[was]);
      ASSERT_EQ(shuffled.trials[at], data.trials[was]);
    }
  }
  EXPECT_GT(moved, kRows);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ShuffledRows, testing::Values("double", "float", "sparse"),
                         [](const auto& kind) { return std::string(kind.param); });

// All failures first, then all successes, and a column that says where: blocks of rows as they lie would tell nothing about the
// others, and batches of them would throw the fit about.
TEST(Fit, OfSortedRowsInBlocksIsThatOfNewton) {
  const std::int64_t n = 60000, d = 4;  // 1.9 MB
  std::vector<double> x(static_cast<std::size_t>(n * d)), y(static_cast<std::size_t>(n));
  std::vector<float> noise(static_cast<std::size_t>(n * (d + 1)));
  standard_normals(kKey, 0, 0, 0, noise);
  std::int64_t zeros = 0, ones = n;
  for (std::int64_t i = 0; i < n; ++i) {
    const float* const z = noise.data() + i * (d + 1);
    const double eta = 0.3 + 0.8 * z[0] - 0.5 * z[1] + 0.2 * z[2];
    const bool success = std::erf(z[d] / std::sqrt(2.0)) < 2 / (1 + std::exp(-eta)) - 1;
    const std::int64_t row = success ? --ones : zeros++;
    y[static_cast<std::size_t>(row)] = success ? 1 : 0;
    for (std::int64_t j = 0; j < d; ++j) x[static_cast<std::size_t>(row * d + j)] = z[j];
  }
  const Glm model(Likelihood::bernoulli, {.x = FeatureMatrix(x.data(), n, d, d), .y = y});
  const Fit exact = fit(model, {.engine = EngineKind::newton});
  for (const VarianceReduction reduction : {VarianceReduction::anchor, VarianceReduction::none}) {
    FitOptions options{.engine = EngineKind::gradient, .tolerance = 0.03};
    options.gradient.batch_size = 1024;
    options.gradient.variance_reduction = reduction;
    const Fit batches = fit(model, options);
    EXPECT_EQ(batches.summary.fit.status, Status::converged);
    for (std::size_t i = 0; i < exact.summary.parameters.size(); ++i) {
      const ParameterSummary &a = exact.summary.parameters[i], &b = batches.summary.parameters[i];
      EXPECT_NEAR(a.mean, b.mean, 0.05 * a.sd) << a.name;
      EXPECT_NEAR(a.sd, b.sd, 0.05 * a.sd) << a.name;
    }
  }
}

}  // namespace
}  // namespace velbo::internal
