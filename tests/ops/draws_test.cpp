// Log likelihoods of draws of the latents and their gradients, against plain loops and finite differences.
#include "ops/problem.h"

namespace velbo::internal {
namespace {

TYPED_TEST_SUITE(OpsTest, Scalars);

template <class T>
void expect_plain_draws(const Problem<T>& p, std::int64_t n_draws) {
  const Context context = test_context();
  const auto d = static_cast<std::size_t>(p.rows.n_columns());
  const auto count = static_cast<std::size_t>(n_draws);
  std::vector<double> z(count * d), value(count, -1), out(count, -1), gradient(count * d, -1);
  standard_normals(make_key(4, Purpose::test), 0, 0, 0, std::span<double>(z));
  for (double& v : z) v /= std::sqrt(static_cast<double>(d));
  context.ops<T>().log_likelihood(context, p.rows, z.data(), n_draws, value.data());
  context.ops<T>().log_likelihood_gradient(context, p.rows, z.data(), n_draws, out.data(), gradient.data());
  for (std::size_t s = 0; s < count; ++s) {
    long double expected = 0, absolute = 0;
    std::vector<long double> expected_gradient(d, 0);
    for (std::size_t n = 0; n < static_cast<std::size_t>(p.rows.n_rows); ++n) {
      const std::vector<long double> x = p.row(n);
      long double eta = p.offset_of(n);
      for (std::size_t j = 0; j < d; ++j) eta += x[j] * z[s * d + j];
      const RowAnswer one = row_at(p.rows.likelihood, p.y[p.stored(n)], p.trials_of(n), eta);
      expected += p.weight(n) * one.value;
      absolute += std::abs(p.weight(n) * one.value);
      for (std::size_t j = 0; j < d; ++j) expected_gradient[j] += p.weight(n) * one.rho * x[j];
    }
    const double near = 4 * tolerance<T>(p.rows.n_rows, p.rows.n_columns()) +
                        (sizeof(T) == 4 ? 3e-6 : 1e-12) * static_cast<double>(absolute);
    ASSERT_EQ(value[s], out[s]) << "draw " << s;  // with or without gradient
    ASSERT_NEAR(out[s], static_cast<double>(expected), near) << "draw " << s;
    for (std::size_t j = 0; j < d; ++j)
      ASSERT_NEAR(gradient[s * d + j], static_cast<double>(expected_gradient[j]), near) << "draw " << s << " " << j;
  }
}

TYPED_TEST(OpsTest, DrawsEqualPlainSumsInEveryStorage) {
  for (const Storage& storage : kStorages)
    for (const std::int64_t n : {0, 1, 13, 50, 401})
      for (const std::int64_t d : {1, 2, 7, 16, 35})
        for (const std::int64_t n_draws : {1, 2, 8}) {
          if (d == 1 && n_draws == 2) continue;
          SCOPED_TRACE(testing::Message() << storage << " n " << n << " d " << d << " draws " << n_draws);
          expect_plain_draws(make_problem<TypeParam>(storage, RowLikelihood::bernoulli, n, d, 1, n % 2 == 1), n_draws);
        }
}

TYPED_TEST(OpsTest, DrawsOfEveryLikelihoodAndNumber) {
  for (const RowLikelihood likelihood : kLikelihoods)
    for (const std::int64_t n_draws : {1, 3, 4, 5, 12, 31, 65, 130})
      for (const int storage : {0, 1, 4}) {
        SCOPED_TRACE(testing::Message() << "likelihood " << static_cast<int>(likelihood) << " draws " << n_draws);
        expect_plain_draws(make_problem<TypeParam>(kStorages[storage], likelihood, 99, 11, 1, true), n_draws);
      }
}

// More columns than a tile holds comfortably, and whole rows of every size around the vectors'.
TYPED_TEST(OpsTest, DrawsOfWideRows) {
  for (const std::int64_t d : {63, 64, 65, 127, 700})
    for (const int storage : {0, 1, 2, 7})
      expect_plain_draws(make_problem<TypeParam>(kStorages[storage], RowLikelihood::bernoulli, 29, d, 1, true),
                         d % 2 == 0 ? 1 : 9);
}

TEST(DrawsGradient, IsTheDerivativeByFiniteDifferences) {
  if (!why_not_here().empty()) GTEST_SKIP() << why_not_here();
  const Context context = test_context();
  for (const RowLikelihood likelihood : kLikelihoods)
    for (const Storage& storage : kStorages) {
      const auto p = make_problem<double>(storage, likelihood, 60, 5, 1, true);
      const std::vector<double> z = {0.3, -0.2, 0.1, 0.4, -0.5};
      double out = 0;
      std::vector<double> gradient(5);
      context.ops<double>().log_likelihood_gradient(context, p.rows, z.data(), 1, &out, gradient.data());
      for (std::size_t j = 0; j < z.size(); ++j) {
        const double h = 1e-5;
        std::vector<double> two(2 * z.size());
        for (std::size_t k = 0; k < z.size(); ++k) {
          two[k] = z[k] + (k == j ? h : 0);
          two[z.size() + k] = z[k] - (k == j ? h : 0);
        }
        double ends[2];
        context.ops<double>().log_likelihood(context, p.rows, two.data(), 2, ends);
        EXPECT_NEAR(gradient[j], (ends[0] - ends[1]) / (2 * h), 1e-5 * (1 + std::abs(gradient[j]))) << storage;
      }
    }
}

// Extreme predictors: nothing overflows, and the tails keep their digits.
TYPED_TEST(OpsTest, ExtremePredictorsAreFinite) {
  using T = TypeParam;
  const Context context = test_context();
  const OnDevice<T> y(std::vector<T>{T(0), T(1), T(0), T(1)});
  const OnDevice<float> x(std::vector<float>{1, 1, -1, -1});
  const Rows<T> rows{
      .x = x.data(), .element = Element::float32, .stride = 1, .y = y.data(), .n_rows = 4, .n_features = 1};
  const double z[] = {30, -60, 200};
  double out[3], gradient[3];
  this->ops(context).log_likelihood_gradient(context, rows, z, 3, out, gradient);
  const double expected[] = {-60, -120, -400};
  for (int s = 0; s < 3; ++s) {
    EXPECT_NEAR(out[s], expected[s], 1e-6 * std::abs(expected[s]));
    EXPECT_NEAR(gradient[s], z[s] > 0 ? -2 : 2, 1e-6);
  }
}

}  // namespace
}  // namespace velbo::internal
