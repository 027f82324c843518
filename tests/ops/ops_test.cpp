// Operations of the table against plain loops in long double: every storage of rows, sizes around the vector lengths and
// tiles, both scalar types, every likelihood.  ctest runs this program once an instruction set (VELBO_CPU_ISA); those
// that the processor does not run are skipped.
#include "ops/problem.h"

namespace velbo::internal {
namespace {

TYPED_TEST_SUITE(OpsTest, Scalars);

// All of what expected_log_likelihood gives, against the sums by definition.
template <class T>
void expect_plain_sums(const Problem<T>& p, bool with_sd, bool with_factor, double width,
                       const PredictorRule& rule = {}) {
  const Context context = test_context();
  const std::int64_t n = p.rows.n_rows, d = p.rows.n_columns();
  const auto size = static_cast<std::size_t>(d);
  const std::size_t rank = with_factor ? static_cast<std::size_t>(p.rank) : 0;
  std::vector<double> gradient(size, -1), gram(size * size, -1), diagonal(size, -1), product(size * rank, -1);
  const OnDevice<T> kept_curvature(static_cast<std::size_t>(n));
  RowSums<T> sums{.gradient = gradient.data(),
                  .gram = gram.data(),
                  .diagonal = diagonal.data(),
                  .factor_product = with_factor ? product.data() : nullptr,
                  .curvature_rows = kept_curvature.data()};
  const PredictorScale scale{.sd = with_sd ? p.sd.data() : nullptr,
                             .factor = with_factor ? p.factor.data() : nullptr,
                             .rank = with_factor ? p.rank : 0};
  context.ops<T>().expected_log_likelihood(context, p.rows, p.mean.data(), scale, rule, sums);
  const std::vector<T> curvature_rows = kept_curvature.host();
  const Answer expected = plain_sums(p, with_sd, with_factor, rule);
  // A Poisson sum is its largest rates, which carry T's relative error.
  double near = 4 * tolerance<T>(n, d) * (rule.n_draws > 0 ? 4 : 1);
  if (p.rows.likelihood == RowLikelihood::poisson)
    near += (sizeof(T) == 4 ? 3e-6 : 1e-12) * static_cast<double>(expected.absolute);
  EXPECT_NEAR(sums.value, static_cast<double>(expected.value), near * (1 + width * width));
  EXPECT_NEAR(sums.absolute, static_cast<double>(expected.absolute), near * (1 + width * width));
  // Sums of many terms of one sign carry T's relative error on top.
  const auto close = [near](double got, long double sum) {
    const auto size_of_sum = static_cast<double>(std::abs(sum));
    return std::abs(got - static_cast<double>(sum)) <= near + (sizeof(T) == 4 ? 1e-6 : 1e-13) * size_of_sum;
  };
  for (std::size_t i = 0; i < size; ++i) {
    ASSERT_NEAR(gradient[i], static_cast<double>(expected.gradient[i]), near) << i;
    ASSERT_PRED2(close, diagonal[i], expected.gram[i * size + i]) << i;
    for (std::size_t j = 0; j <= i; ++j) ASSERT_PRED2(close, gram[i * size + j], expected.gram[i * size + j]) << i << j;
  }
  for (std::size_t i = 0; i < product.size(); ++i) ASSERT_PRED2(close, product[i], expected.factor_product[i]) << i;
  for (std::size_t i = 0; i < curvature_rows.size(); ++i)
    ASSERT_NEAR(static_cast<double>(curvature_rows[i]), static_cast<double>(expected.curvature_rows[i]),
                (sizeof(T) == 4 ? 2e-5 : 1e-8) * (1 + std::abs(static_cast<double>(expected.curvature_rows[i]))))
        << i;
}

TYPED_TEST(OpsTest, ExpectationsEqualPlainSums) {
  for (const RowLikelihood likelihood : kLikelihoods)
    for (const std::int64_t n : {0, 1, 11, 12, 13, 47, 48, 49, 289, 1301})
      for (const std::int64_t d : {1, 3, 4, 5, 17, 35})
        for (const double width : {0.05, 0.6, 3.0}) {
          if (emulated() && (n % 4 == 3 || n == 48 || d == 4 || d == 17)) continue;  // it takes its time
          if (likelihood == RowLikelihood::poisson && width > 1) continue;  // e^{s^2/2} would be the only thing tested
          if (d == 35 && n < 1301) continue;
          const auto p = make_problem<TypeParam>(kStorages[0], likelihood, n, d, width, n % 2 == 1);
          SCOPED_TRACE(testing::Message() << "likelihood " << static_cast<int>(likelihood) << " n " << n << " d " << d
                                          << " width " << width);
          expect_plain_sums(p, false, true, width);
          expect_plain_sums(p, true, false, width);
        }
}

// Where every fit without offsets starts: predictors of exactly zero, of either sign of it.
TYPED_TEST(OpsTest, PredictorsOfZeroHaveNoSign) {
  for (const double zero : {0.0, -0.0}) {
    auto p = make_problem<TypeParam>(kStorages[0], RowLikelihood::bernoulli, 49, 5, 0.6, false);
    std::fill(p.mean.begin(), p.mean.end(), zero);
    expect_plain_sums(p, true, false, 0.6);
    expect_plain_sums(p, false, true, 0.6);
    const Context context = test_context();
    const std::vector<double> z(5, zero);
    double value = 0;
    std::vector<double> gradient(5), at_zero(5);
    this->ops(context).log_likelihood_gradient(context, p.rows, z.data(), 1, &value, gradient.data());
    RowSums<TypeParam> sums{.gradient = at_zero.data()};
    this->ops(context).expected_log_likelihood(context, p.rows, p.mean.data(), {}, {}, sums);
    for (std::size_t j = 0; j < 5; ++j) EXPECT_NEAR(gradient[j], at_zero[j], 1e-4);
  }
}

TYPED_TEST(OpsTest, ExpectationsEqualPlainSumsInEveryStorage) {
  for (const Storage& storage : kStorages)
    for (const std::int64_t n : {1, 50, 301})
      for (const std::int64_t d : {1, 2, 9, 16, 33}) {
        const auto p = make_problem<TypeParam>(storage, RowLikelihood::bernoulli, n, d, 0.6, n % 2 == 1);
        SCOPED_TRACE(testing::Message() << storage << " n " << n << " d " << d);
        expect_plain_sums(p, false, true, 0.6);
        expect_plain_sums(p, true, false, 0.6);
        expect_plain_sums(p, false, false, 0.6);
      }
}

TYPED_TEST(OpsTest, FactorsOfAnyRankAndWithSds) {
  for (const std::int64_t d : {1, 6, 19})
    for (const std::int64_t rank : {1, 2, 5, 16, 40}) {
      SCOPED_TRACE(testing::Message() << "d " << d << " rank " << rank);
      for (const int storage : {0, 2, 4, 7}) {
        const auto p = make_problem<TypeParam>(kStorages[storage], RowLikelihood::bernoulli, 101, d, 0.5, true, rank);
        expect_plain_sums(p, true, true, 0.5);
        expect_plain_sums(p, false, true, 0.5);
      }
    }
}

TYPED_TEST(OpsTest, MeansOverDrawsOfEachRow) {
  for (const RowLikelihood likelihood : kLikelihoods)
    for (const int storage : {0, 2, 4, 7})
      for (const std::int64_t draws : {1, 3, 4, 8, 9})
        for (const std::int64_t n : {1, 14, 200}) {
          const PredictorRule rule{.n_draws = draws, .key = Key{17}, .step = 5};
          const auto p = make_problem<TypeParam>(kStorages[storage], likelihood, n, 7, 0.6, n == 200);
          SCOPED_TRACE(testing::Message() << "likelihood " << static_cast<int>(likelihood) << " " << kStorages[storage]
                                          << " draws " << draws << " n " << n);
          expect_plain_sums(p, true, false, 0.6, rule);
          expect_plain_sums(p, false, true, 0.6, rule);
        }
}

// No spread: the derivative in s^2 by draws does not exist there, and multiplies x = 0 in every use.
TYPED_TEST(OpsTest, DrawsOfARowWithoutSpreadHaveNoCurvature) {
  const auto p = make_problem<TypeParam>(kStorages[0], RowLikelihood::bernoulli, 20, 3, 0.0, false);
  const PredictorRule rule{.n_draws = 4, .key = Key{17}, .step = 5};
  expect_plain_sums(p, true, false, 0.0, rule);
}

TYPED_TEST(OpsTest, ValueAloneIsTheSameValue) {
  using T = TypeParam;
  const Context context = test_context();
  for (const int storage : {0, 1, 4}) {
    const auto p = make_problem<T>(kStorages[storage], RowLikelihood::bernoulli, 777, 30, 0.4, true);
    std::vector<double> gradient(30), gram(900), product(900);
    RowSums<T> all{.gradient = gradient.data(), .gram = gram.data(), .factor_product = product.data()}, one;
    const PredictorScale scale{.factor = p.factor.data(), .rank = 30};
    this->ops(context).expected_log_likelihood(context, p.rows, p.mean.data(), scale, {}, all);
    this->ops(context).expected_log_likelihood(context, p.rows, p.mean.data(), scale, {}, one);
    EXPECT_EQ(all.value, one.value);
    RowSums<T> some{.gradient = gradient.data()}, none;
    this->ops(context).expected_log_likelihood(context, p.rows, p.mean.data(), {.sd = p.sd.data()}, {}, some);
    this->ops(context).expected_log_likelihood(context, p.rows, p.mean.data(), {.sd = p.sd.data()}, {}, none);
    EXPECT_EQ(some.value, none.value);
  }
}

// Sums of a million rows of one sign: float sums would have lost digits long before.
TYPED_TEST(OpsTest, LongSumsKeepTheirDigits) {
  using T = TypeParam;
  const Context context = test_context(2);
  const std::int64_t n = emulated() ? 20000 : 1000000;
  const auto count = static_cast<double>(n);
  const std::vector<std::int64_t> index(static_cast<std::size_t>(n), 0);
  std::vector<float> one = {1.5F};
  const std::vector<T> success = {T(1)};
  const OnDevice<float> x(one);
  const OnDevice<T> y(success);
  const OnDevice<std::int64_t> rows_of(index);
  const Rows<T> rows{.x = x.data(),
                     .element = Element::float32,
                     .stride = 1,
                     .intercept = true,
                     .y = y.data(),
                     .index = rows_of.data(),
                     .n_rows = n,
                     .n_features = 1,
                     .likelihood = RowLikelihood::unit_gaussian};
  const double mean[] = {0, 0}, sd[] = {0.5, 0.25};
  double gradient[2], gram[4], diagonal[2];
  RowSums<T> sums{.gradient = gradient, .gram = gram, .diagonal = diagonal};
  this->ops(context).expected_log_likelihood(context, rows, mean, {.sd = sd}, {}, sums);
  EXPECT_NEAR(sums.value, -0.5 * count * (1 + 0.5625 + 0.0625), 1e-6);
  EXPECT_NEAR(gradient[0], 1.5 * count, 1e-6);
  EXPECT_NEAR(gram[0], 2.25 * count, 1e-6);
  EXPECT_NEAR(gram[2], 1.5 * count, 1e-6);
  EXPECT_NEAR(diagonal[1], count, 1e-6);
}

TYPED_TEST(OpsTest, GramMomentAndProductEqualPlainSums) {
  using T = TypeParam;
  const Context context = test_context();
  for (const Storage& storage : kStorages)
    for (const std::int64_t n : {0, 1, 48, 1000})
      for (const std::int64_t d : {1, 2, 7, 33}) {
        if (emulated() && d == 2) continue;
        SCOPED_TRACE(testing::Message() << storage << " n " << n << " d " << d);
        const auto p = make_problem<T>(storage, RowLikelihood::bernoulli, n, d, 1, true);
        const auto size = static_cast<std::size_t>(d);
        std::vector<T> c, r;  // by row of the batch, not by stored row
        for (std::int64_t i = 0; i < n; ++i) {
          c.push_back(T(0.25) * static_cast<T>(1 + i % 7));
          r.push_back(T(0.5) * static_cast<T>(i % 3) - T(0.75));
        }
        std::vector<double> gram(size * size), moment(size), product(size), diagonal(size), ones(size * size);
        const auto& ops = this->ops(context);
        const OnDevice<T> device_c(c), device_r(r);
        ops.weighted_gram(context, p.rows, device_c.data(), device_r.data(), false, gram.data(), moment.data());
        ops.weighted_gram(context, p.rows, device_c.data(), nullptr, true, diagonal.data(), nullptr);
        ops.weighted_gram(context, p.rows, nullptr, nullptr, false, ones.data(), nullptr);
        ops.curvature_product(context, p.rows, device_c.data(), p.mean.data(), product.data());
        std::vector<long double> gram0(size * size), moment0(size), product0(size), ones0(size * size);
        for (std::size_t k = 0; k < static_cast<std::size_t>(n); ++k) {
          const std::vector<long double> x = p.row(k);
          long double projection = 0;
          for (std::size_t i = 0; i < size; ++i) projection += x[i] * p.mean[i];
          for (std::size_t i = 0; i < size; ++i) {
            moment0[i] += x[i] * r[k];
            product0[i] += x[i] * c[k] * projection;
            for (std::size_t j = 0; j <= i; ++j) gram0[i * size + j] += c[k] * x[i] * x[j];
            for (std::size_t j = 0; j <= i; ++j) ones0[i * size + j] += x[i] * x[j];
          }
        }
        const double near = 4 * tolerance<T>(n, d);
        for (std::size_t i = 0; i < size; ++i) {
          ASSERT_NEAR(moment[i], static_cast<double>(moment0[i]), near);
          ASSERT_NEAR(product[i], static_cast<double>(product0[i]), near);
          ASSERT_NEAR(diagonal[i], static_cast<double>(gram0[i * size + i]), near);
          for (std::size_t j = 0; j <= i; ++j) {
            ASSERT_NEAR(gram[i * size + j], static_cast<double>(gram0[i * size + j]), near);
            ASSERT_NEAR(ones[i * size + j], static_cast<double>(ones0[i * size + j]), near);
          }
        }
      }
}

// Far from zero, a float's centre must be subtracted with all of its digits.
TYPED_TEST(OpsTest, CentresKeepTheirDigits) {
  using T = TypeParam;
  const Context context = test_context();
  const double centre = 1e6 + 1.0 / 3;
  std::vector<float> x;
  for (int i = 0; i < 40; ++i) x.push_back(static_cast<float>(1000000 + i % 4));
  const std::vector<T> y(40, T(0));
  for (const std::int64_t n_features : {1, 20}) {
    const std::vector<double> centres(20, centre);
    const OnDevice<float> device_x(x);
    const OnDevice<T> device_y(y);
    const Rows<T> rows{.x = device_x.data(),
                       .element = Element::float32,
                       .stride = n_features,
                       .centre = centres.data(),
                       .y = device_y.data(),
                       .n_rows = 40 / n_features,
                       .n_features = n_features};
    std::vector<double> moment(20), expected(20);
    const OnDevice<T> ones(std::vector<T>(40, T(1)));
    this->ops(context).weighted_gram(context, rows, nullptr, ones.data(), true, nullptr, moment.data());
    for (std::size_t i = 0; i < x.size(); ++i)
      expected[i % static_cast<std::size_t>(n_features)] += static_cast<double>(x[i]) - centre;
    for (std::size_t j = 0; j < static_cast<std::size_t>(n_features); ++j) EXPECT_NEAR(moment[j], expected[j], 2e-5);
  }
}

TYPED_TEST(OpsTest, ScaleMultipliesEveryWeight) {
  using T = TypeParam;
  const Context context = test_context();
  for (const bool extras : {true, false}) {
    auto p = make_problem<T>(kStorages[0], RowLikelihood::bernoulli, 70, 3, 0.4, extras);
    const PredictorScale scale{.factor = p.factor.data(), .rank = 3};
    RowSums<T> once, scaled;
    this->ops(context).expected_log_likelihood(context, p.rows, p.mean.data(), scale, {}, once);
    p.rows.scale = 4;  // a power of two: exact
    this->ops(context).expected_log_likelihood(context, p.rows, p.mean.data(), scale, {}, scaled);
    EXPECT_EQ(scaled.value, 4 * once.value);
  }
}

TYPED_TEST(OpsTest, StartingCurvatureIsItsDefinition) {
  using T = TypeParam;
  const Context context = test_context();
  for (const RowLikelihood likelihood : kLikelihoods)
    for (const int storage : {0, 2}) {
      auto p = make_problem<T>(kStorages[storage], likelihood, 33, 2, 0.4, true);
      p.rows.scale = 2;
      const OnDevice<T> device_c(33), device_cr(33);
      this->ops(context).starting_curvature(context, p.rows, device_c.data(), device_cr.data());
      const std::vector<T> c = device_c.host(), cr = device_cr.host();
      for (std::size_t i = 0; i < c.size(); ++i) {
        const double y = p.y[p.stored(i)], w = p.weight(i), offset = p.offset_of(i);
        const double expected_c = likelihood == RowLikelihood::bernoulli ? w * p.trials_of(i) / 4
                                  : likelihood == RowLikelihood::poisson ? w * (y + 0.5)
                                                                         : w;
        const double r = likelihood == RowLikelihood::bernoulli ? 0
                         : likelihood == RowLikelihood::poisson ? std::log(y + 0.5) - offset
                                                                : y - offset;
        EXPECT_NEAR(c[i], expected_c, 1e-5 * (1 + expected_c));
        EXPECT_NEAR(cr[i], expected_c * r, 1e-5 * (1 + std::abs(expected_c * r)));
      }
    }
}

TYPED_TEST(OpsTest, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  const std::int64_t n = emulated() ? 2011 : 20011,
                     d = 40;  // more than one chunk, and enough work for threads; 70 draws are two blocks
  for (const int storage : {0, 4, 7}) {
    const auto p = make_problem<T>(kStorages[storage], RowLikelihood::bernoulli, n, d, 0.5, true);
    std::vector<double> first;
    for (const int threads : {1, 2, 7}) {
      const Context context = test_context(threads);
      std::vector<double> result(static_cast<std::size_t>(2 + 3 * d + 2 * d * d + 70 + 2 * 70 * d + n));
      double* next = result.data();
      const auto take = [&](std::int64_t count) { return std::exchange(next, next + count); };
      double* value = take(2);
      RowSums<T> sums{.gradient = take(d), .gram = take(d * d), .factor_product = take(d * d)};
      const auto& ops = this->ops(context);
      ops.expected_log_likelihood(context, p.rows, p.mean.data(), {.factor = p.factor.data(), .rank = d}, {}, sums);
      value[0] = sums.value;
      const OnDevice<T> c(static_cast<std::size_t>(n));
      RowSums<T> draws{.diagonal = take(d), .curvature_rows = c.data()};
      ops.expected_log_likelihood(context, p.rows, p.mean.data(), {.sd = p.sd.data()}, {.n_draws = 8, .key = Key{1}},
                                  draws);
      value[1] = draws.value;
      const std::vector<T> host_c = c.host();
      std::copy(host_c.begin(), host_c.end(), take(n));
      ops.curvature_product(context, p.rows, c.data(), p.mean.data(), take(d));
      const OnDevice<T> device_z(static_cast<std::size_t>(70 * d));
      ops.normals(context, Key{3}, 0, 0, 70, d, device_z.data());
      const std::vector<T> z = device_z.host();
      const std::vector<double> z_double(z.begin(), z.end());
      double* out = take(70);
      ops.log_likelihood_gradient(context, p.rows, z_double.data(), 70, out, take(70 * d));
      if (first.empty()) first = result;
      EXPECT_TRUE(first == result) << kStorages[storage] << ", " << threads << " threads";  // ==, not near
    }
  }
}

TYPED_TEST(OpsTest, NormalsAreThoseOfTheirKeyStepDrawAndElement) {
  using T = TypeParam;
  const Context context = test_context(2);
  const OnDevice<T> device_out(1000 * 37);
  this->ops(context).normals(context, Key{11}, 2, 5, 1000, 37, device_out.data());
  const std::vector<T> out = device_out.host();
  std::vector<T> one(37);
  for (const std::uint32_t s : {0U, 1U, 500U, 999U}) {
    standard_normals(Key{11}, 2, 5 + s, 0, std::span<T>(one));
    for (std::size_t j = 0; j < one.size(); ++j) ASSERT_EQ(out[s * 37 + j], one[j]);
  }
}

}  // namespace
}  // namespace velbo::internal
