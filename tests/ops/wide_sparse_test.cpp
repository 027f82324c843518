// Wide sparse rows (100,000 columns), whose loops are those of their entries, against plain loops over the entries.
#include <optional>

#include "ops/problem.h"

namespace velbo::internal {
namespace {

TYPED_TEST_SUITE(OpsTest, Scalars);

// Enough of them that no dense tile is made; the emulator takes its time over every column.
inline std::int64_t wide() { return emulated() ? 3000 : 100000; }

// Stored rows of up to 40 entries, more than a warp has lanes, none in some; columns 0 and n_wide - 1 are met.
template <class T>
struct WideProblem {
  explicit WideProblem(bool intercept, bool index) {
    std::vector<double> noise(8000);
    standard_normals(make_key(9, Purpose::test), 0, 0, 0, std::span<double>(noise));
    auto next = noise.begin();
    row_start.push_back(0);
    for (std::int64_t i = 0; i < kStored; ++i) {
      for (std::int64_t k = 0; k < i % 41; ++k) {
        column.push_back(static_cast<std::int32_t>(k == 0    ? 0
                                                   : k == 39 ? n_wide - 1
                                                             : 37 * i % (n_wide / 41 - 1) + n_wide / 41 * k));
        value.push_back(*next++);
      }
      row_start.push_back(static_cast<std::int64_t>(column.size()));
      const double a = *next++;
      y.push_back(static_cast<T>(a > 0 ? 2 : 1));
      trials.push_back(static_cast<T>(2 + i % 2));
      weights.push_back(static_cast<T>(0.5 + std::abs(a)));
      offset.push_back(static_cast<T>(0.2 * a));
    }
    const std::int64_t d = n_wide + (intercept ? 1 : 0);
    for (std::int64_t j = 0; j < d; ++j) {
      mean.push_back(0.3 * std::sin(static_cast<double>(j)));
      sd.push_back(0.1 + 0.1 * std::cos(static_cast<double>(j)));
    }
    for (std::int64_t i = 0; i < 450; ++i) indices.push_back(i * 7 % kStored);
    device_row_start.emplace(row_start);
    device_column.emplace(column);
    device_value.emplace(value);
    for (const auto* values : {&y, &trials, &weights, &offset}) columns.emplace_back(*values);
    device_index.emplace(indices);
    rows.row_start = device_row_start->data();
    rows.column = device_column->data();
    rows.value = device_value->data();
    rows.intercept = intercept;
    rows.y = columns[0].data();
    rows.trials = columns[1].data();
    rows.weights = columns[2].data();
    rows.offset = columns[3].data();
    rows.scale = T(2);
    rows.index = index ? device_index->data() : nullptr;
    rows.n_rows = index ? 450 : kStored;
    rows.n_features = n_wide;
  }
  // use(column, value) of row n.
  template <class Use>
  void entries(std::int64_t n, const Use& use) const {
    const auto i = stored(n);
    for (auto k = row_start[i]; k < row_start[i + 1]; ++k)
      use(static_cast<std::size_t>(column[static_cast<std::size_t>(k)]), value[static_cast<std::size_t>(k)]);
    if (rows.intercept) use(static_cast<std::size_t>(n_wide), 1.0);
  }
  [[nodiscard]] std::size_t stored(std::int64_t n) const {
    return static_cast<std::size_t>(rows.index != nullptr ? indices[static_cast<std::size_t>(n)] : n);
  }

  const std::int64_t n_wide = wide();
  static constexpr std::int64_t kStored = 330;
  std::vector<std::int64_t> row_start, indices;
  std::vector<std::int32_t> column;
  std::vector<double> value, mean, sd;
  std::vector<T> y, trials, weights, offset;
  std::optional<OnDevice<std::int64_t>> device_row_start, device_index;
  std::optional<OnDevice<std::int32_t>> device_column;
  std::optional<OnDevice<double>> device_value;
  std::vector<OnDevice<T>> columns;
  Rows<T> rows;
};

using Sums = std::vector<long double>;

void expect_near(const std::vector<double>& got, const Sums& expected, double near, const char* what) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], static_cast<double>(expected[i]), near) << what << " " << i;
}

TYPED_TEST(OpsTest, WideSparseRowsEqualPlainSums) {
  using T = TypeParam;
  for (const bool intercept : {false, true})
    for (const bool index : {false, true}) {
      const WideProblem<T> p(intercept, index);
      const auto d = static_cast<std::size_t>(p.rows.n_columns());
      const auto n_rows = static_cast<std::size_t>(p.rows.n_rows);
      const double near = 10 * tolerance<T>(p.rows.n_rows, 20);
      std::vector<T> c(n_rows), r(n_rows);
      for (std::size_t n = 0; n < n_rows; ++n) {
        c[n] = static_cast<T>(0.25 * static_cast<double>(1 + n % 5));
        r[n] = static_cast<T>(0.5 * static_cast<double>(n % 3) - 0.4);
      }
      long double value = 0, at_mean = 0;
      Sums gradient(d), diagonal(d), rows_c, gram(d), moment(d), product(d), at_mean_gradient(d);
      for (std::int64_t n = 0; n < p.rows.n_rows; ++n) {
        const std::size_t i = p.stored(n), row = static_cast<std::size_t>(n);
        long double eta = 0, variance = 0;
        p.entries(n, [&](std::size_t j, double x) {
          eta += x * p.mean[j];
          variance += x * p.sd[j] * x * p.sd[j];
        });
        const long double m = eta + static_cast<long double>(p.offset[i]);
        const double w = 2.0 * static_cast<double>(p.weights[i]);
        const double y = static_cast<double>(p.y[i]), trials = static_cast<double>(p.trials[i]);
        const RowAnswer e = expected_row(RowLikelihood::bernoulli, y, trials, static_cast<double>(m),
                                         static_cast<double>(std::sqrt(variance)));
        const RowAnswer one = row_at(RowLikelihood::bernoulli, y, trials, m);
        value += w * e.value;
        at_mean += w * one.value;
        rows_c.push_back(w * e.c);
        p.entries(n, [&](std::size_t j, double x) {
          gradient[j] += w * e.rho * x;
          diagonal[j] += w * e.c * x * x;
          at_mean_gradient[j] += w * one.rho * x;
          gram[j] += static_cast<long double>(c[row]) * x * x;
          moment[j] += static_cast<long double>(r[row]) * x;
          product[j] += static_cast<long double>(c[row]) * eta * x;
        });
      }
      std::vector<double> got(d), other(d);
      const Context context = test_context(2);
      const auto& ops = this->ops(context);
      const OnDevice<T> kept_curvature(n_rows), device_c(c), device_r(r);
      RowSums<T> sums{.gradient = got.data(), .diagonal = other.data(), .curvature_rows = kept_curvature.data()};
      ops.expected_log_likelihood(context, p.rows, p.mean.data(), {.sd = p.sd.data()}, {}, sums);
      EXPECT_NEAR(sums.value, static_cast<double>(value), near);
      expect_near(got, gradient, near, "gradient");
      expect_near(other, diagonal, near, "diagonal");
      const std::vector<T> curvature_rows = kept_curvature.host();
      expect_near(std::vector<double>(curvature_rows.begin(), curvature_rows.end()), rows_c, 1e-4, "curvature");
      ops.weighted_gram(context, p.rows, device_c.data(), device_r.data(), true, got.data(), other.data());
      expect_near(got, gram, near, "gram");
      expect_near(other, moment, near, "moment");
      ops.curvature_product(context, p.rows, device_c.data(), p.mean.data(), got.data());
      expect_near(got, product, near, "product");
      // Kernels take four draws at a time.
      constexpr std::size_t n_draws = 6;
      std::vector<double> z(n_draws * d), out(n_draws), alone(n_draws), gradients(n_draws * d);
      for (const std::size_t s : {1, 4})
        std::copy(p.mean.begin(), p.mean.end(), z.begin() + static_cast<std::ptrdiff_t>(s * d));
      ops.log_likelihood(context, p.rows, z.data(), n_draws, alone.data());
      ops.log_likelihood_gradient(context, p.rows, z.data(), n_draws, out.data(), gradients.data());
      EXPECT_EQ(out, alone);
      EXPECT_EQ(out[2], out[0]);
      for (const std::size_t s : {1, 4}) {
        EXPECT_NEAR(out[s], static_cast<double>(at_mean), near) << s;
        const auto begin = gradients.begin() + static_cast<std::ptrdiff_t>(s * d);
        expect_near({begin, begin + static_cast<std::ptrdiff_t>(d)}, at_mean_gradient, near, "gradient of a draw");
      }
    }
}

}  // namespace
}  // namespace velbo::internal
