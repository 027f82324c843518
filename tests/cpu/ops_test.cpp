// Every operation of the table against plain loops in long double, for sizes around the vector lengths and tiles, both
// scalar types, every likelihood.  ctest runs this program once an instruction set (VELBO_CPU_ISA); those that the
// processor does not run are skipped.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "backend/ops.h"
#include "cpu/isa.h"
#include "math/expectations.h"

namespace velbo::internal {
namespace {

template <class T>
struct Problem {
  std::vector<T> x, y, trials, weights, offset;
  std::vector<double> mean, factor, sd;
  Rows<T> rows;
};

// Deterministic and varied; predictors of size one, so that every quadrature rule is met as `width` varies.
template <class T>
Problem<T> make_problem(RowLikelihood likelihood, std::int64_t n, std::int64_t d, double width, bool extras) {
  Problem<T> p;
  std::vector<double> noise(static_cast<std::size_t>(n * d + 4 * n + d * d + 2 * d));
  standard_normals(make_key(static_cast<std::uint64_t>(n * 1000 + d), Purpose::test), 0, 0, 0,
                   std::span<double>(noise));
  auto next = noise.begin();
  for (std::int64_t i = 0; i < n * d; ++i) p.x.push_back(static_cast<T>(*next++));
  for (std::int64_t i = 0; i < n; ++i) {
    const double a = *next++;
    const double trials = extras ? 1 + std::floor(3 * std::abs(a)) : 1;
    p.trials.push_back(static_cast<T>(trials));
    p.y.push_back(static_cast<T>(likelihood == RowLikelihood::unit_gaussian ? a
                                 : likelihood == RowLikelihood::poisson     ? std::floor(4 * std::abs(a))
                                                                        : (a > 0 ? trials : std::floor(trials / 2))));
    p.weights.push_back(static_cast<T>(i % 5 == 3 ? 0.0 : 0.5 + std::abs(*next)));
    ++next;
    p.offset.push_back(static_cast<T>(0.3 * *next++));
  }
  const double scale = 1 / std::sqrt(static_cast<double>(d));
  for (std::int64_t j = 0; j < d; ++j) p.mean.push_back(scale * *next++);
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t j = 0; j < d; ++j) p.factor.push_back(j <= i ? width * scale * scale * *next++ : 0.0);
  for (std::int64_t j = 0; j < d; ++j)
    p.sd.push_back(width * scale * (0.2 + std::abs(p.mean[static_cast<std::size_t>(j)])));
  p.rows = {.x = p.x.data(),
            .y = p.y.data(),
            .trials = extras ? p.trials.data() : nullptr,
            .weights = extras ? p.weights.data() : nullptr,
            .offset = extras ? p.offset.data() : nullptr,
            .n_rows = n,
            .n_columns = d,
            .likelihood = likelihood};
  return p;
}

struct RowAnswer {
  double value, rho, c;
};

template <class T>
RowAnswer expected_row(const Problem<T>& p, std::size_t n, double m, double s) {
  const double y = p.y[n], trials = p.rows.trials != nullptr ? p.trials[n] : 1.0;
  switch (p.rows.likelihood) {
    case RowLikelihood::bernoulli: {
      const Logistic<double> e = logistic_expectation(m, s);
      return {y * m - trials * e.softplus, y - trials * e.sigmoid, trials * e.slope};
    }
    case RowLikelihood::poisson: {
      const double rate = std::exp(m + 0.5 * s * s);
      return {y * m - rate, y - rate, rate};
    }
    case RowLikelihood::unit_gaussian: return {-0.5 * ((y - m) * (y - m) + s * s), y - m, 1};
  }
  return {};
}

// The sums by definition, one row at a time.
struct Answer {
  long double value = 0, absolute = 0;
  std::vector<long double> gradient, curvature;
};

template <class T>
Answer plain_sums(const Problem<T>& p, bool full_rank) {
  const auto d = static_cast<std::size_t>(p.rows.n_columns);
  Answer a;
  a.gradient.assign(d, 0);
  a.curvature.assign(full_rank ? d * d : d, 0);
  for (std::size_t n = 0; n < static_cast<std::size_t>(p.rows.n_rows); ++n) {
    const T* x = p.x.data() + n * d;
    double m = p.rows.offset != nullptr ? p.offset[n] : 0.0, variance = 0;
    for (std::size_t j = 0; j < d; ++j) m += x[j] * p.mean[j];
    for (std::size_t j = 0; j < d; ++j) {
      double projection = 0;
      if (full_rank) {
        for (std::size_t i = j; i < d; ++i) projection += p.factor[i * d + j] * x[i];
      } else {
        projection = p.sd[j] * x[j];
      }
      variance += projection * projection;
    }
    const double w = p.rows.weights != nullptr ? p.weights[n] : 1.0;
    const RowAnswer row = expected_row(p, n, m, std::sqrt(variance));
    a.value += w * row.value;
    a.absolute += std::abs(w * row.value);
    for (std::size_t i = 0; i < d; ++i) {
      a.gradient[i] += w * row.rho * x[i];
      if (!full_rank) a.curvature[i] += w * row.c * x[i] * x[i];
      for (std::size_t j = 0; full_rank && j <= i; ++j) a.curvature[i * d + j] += w * row.c * x[i] * x[j];
    }
  }
  return a;
}

// Rounding of T over a predictor of d terms and a sum of n rows of size about one.
template <class T>
double tolerance(std::int64_t n, std::int64_t d) {
  const double rows = std::max(1.0, std::sqrt(static_cast<double>(n)));
  return (sizeof(T) == 4 ? 2e-6 : 1e-9) * rows * std::sqrt(static_cast<double>(d) + 1);
}

template <class T>
class OpsTest : public testing::Test {
 public:
  void SetUp() override {
    const char* wanted = std::getenv("VELBO_CPU_ISA");
    if (wanted == nullptr) return;
    const IsaTables tables = runnable_isa_tables();
    for (int i = 0; i < tables.count; ++i)
      if (tables.table[i]->name == wanted) return;
    GTEST_SKIP() << "this processor does not run x86-64-" << wanted;
  }
  static const Ops<T>& ops(const Context& context) { return context.ops<T>(); }
};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(OpsTest, Scalars);

constexpr RowLikelihood kLikelihoods[] = {RowLikelihood::bernoulli, RowLikelihood::poisson,
                                          RowLikelihood::unit_gaussian};

TYPED_TEST(OpsTest, ExpectationsEqualPlainSums) {
  using T = TypeParam;
  const Context context({}, 1);
  for (const RowLikelihood likelihood : kLikelihoods)
    for (const std::int64_t n : {0, 1, 31, 32, 33, 64, 65, 1000, 3001})
      for (const std::int64_t d : {1, 3, 4, 5, 17})
        for (const double width : {0.05, 0.6, 3.0}) {
          if (likelihood == RowLikelihood::poisson && width > 1) continue;  // e^{s^2/2} would be the only thing tested
          const Problem<T> p = make_problem<T>(likelihood, n, d, width, n % 2 == 1);
          const auto size = static_cast<std::size_t>(d);
          for (const bool full_rank : {true, false}) {
            SCOPED_TRACE(testing::Message() << "likelihood " << static_cast<int>(likelihood) << " n " << n << " d " << d
                                            << " width " << width << " full_rank " << full_rank);
            std::vector<double> gradient(size, -1), curvature(full_rank ? size * size : size, -1);
            std::vector<T> curvature_rows(static_cast<std::size_t>(n));
            RowSums sums{.value = 0, .absolute = 0, .gradient = gradient.data(), .curvature = curvature.data()};
            if (full_rank) {
              this->ops(context).expected_log_likelihood_full_rank(context, p.rows, p.mean.data(), p.factor.data(),
                                                                   sums);
            } else {
              this->ops(context).expected_log_likelihood_mean_field(context, p.rows, p.mean.data(), p.sd.data(), sums,
                                                                    curvature_rows.data());
            }
            const Answer expected = plain_sums(p, full_rank);
            // A Poisson sum is its largest rates, which carry T's relative error.
            double near = 4 * tolerance<T>(n, d);
            if (likelihood == RowLikelihood::poisson)
              near += (sizeof(T) == 4 ? 3e-6 : 1e-12) * static_cast<double>(expected.absolute);
            EXPECT_NEAR(sums.value, static_cast<double>(expected.value), near * (1 + width * width));
            EXPECT_NEAR(sums.absolute, static_cast<double>(expected.absolute), near * (1 + width * width));
            for (std::size_t i = 0; i < gradient.size(); ++i)
              ASSERT_NEAR(gradient[i], static_cast<double>(expected.gradient[i]), near);
            for (std::size_t i = 0; i < curvature.size(); ++i) {
              if (full_rank && i % size > i / size) continue;  // the upper triangle is not written
              ASSERT_NEAR(curvature[i], static_cast<double>(expected.curvature[i]), near);
            }
          }
        }
}

TYPED_TEST(OpsTest, ValueAloneIsTheSameValue) {
  using T = TypeParam;
  const Context context({}, 1);
  const Problem<T> p = make_problem<T>(RowLikelihood::bernoulli, 777, 6, 0.4, true);
  std::vector<double> gradient(6), curvature(36);
  RowSums all{.value = 0, .absolute = 0, .gradient = gradient.data(), .curvature = curvature.data()}, one;
  this->ops(context).expected_log_likelihood_full_rank(context, p.rows, p.mean.data(), p.factor.data(), all);
  this->ops(context).expected_log_likelihood_full_rank(context, p.rows, p.mean.data(), p.factor.data(), one);
  EXPECT_EQ(all.value, one.value);
}

TYPED_TEST(OpsTest, GramMomentAndProductEqualPlainSums) {
  using T = TypeParam;
  const Context context({}, 1);
  for (const std::int64_t n : {0, 1, 63, 64, 1000})
    for (const std::int64_t d : {1, 2, 7, 33}) {
      SCOPED_TRACE(testing::Message() << "n " << n << " d " << d);
      const Problem<T> p = make_problem<T>(RowLikelihood::bernoulli, n, d, 1, true);
      const auto size = static_cast<std::size_t>(d);
      std::vector<double> gram(size * size), moment(size), product(size);
      this->ops(context).weighted_gram(context, p.rows, p.weights.data(), p.offset.data(), false, gram.data(),
                                       moment.data());
      std::vector<double> diagonal(size);
      this->ops(context).weighted_gram(context, p.rows, p.weights.data(), nullptr, true, diagonal.data(), nullptr);
      this->ops(context).curvature_product(context, p.rows, p.weights.data(), p.mean.data(), product.data());
      std::vector<long double> gram0(size * size), moment0(size), product0(size);
      for (std::size_t r = 0; r < static_cast<std::size_t>(n); ++r) {
        const T* x = p.x.data() + r * size;
        long double projection = 0;
        for (std::size_t i = 0; i < size; ++i) projection += x[i] * p.mean[i];
        for (std::size_t i = 0; i < size; ++i) {
          moment0[i] += x[i] * p.offset[r];
          product0[i] += x[i] * p.weights[r] * projection;
          for (std::size_t j = 0; j <= i; ++j) gram0[i * size + j] += p.weights[r] * x[i] * x[j];
        }
      }
      const double near = 4 * tolerance<T>(n, d);
      for (std::size_t i = 0; i < size; ++i) {
        EXPECT_NEAR(moment[i], static_cast<double>(moment0[i]), near);
        EXPECT_NEAR(product[i], static_cast<double>(product0[i]), near);
        EXPECT_NEAR(diagonal[i], static_cast<double>(gram0[i * size + i]), near);
        for (std::size_t j = 0; j <= i; ++j)
          EXPECT_NEAR(gram[i * size + j], static_cast<double>(gram0[i * size + j]), near);
      }
    }
}

TYPED_TEST(OpsTest, ScaleMultipliesEveryWeight) {
  using T = TypeParam;
  const Context context({}, 1);
  for (const bool extras : {true, false}) {
    Problem<T> p = make_problem<T>(RowLikelihood::bernoulli, 70, 3, 0.4, extras);
    RowSums once, scaled;
    this->ops(context).expected_log_likelihood_full_rank(context, p.rows, p.mean.data(), p.factor.data(), once);
    p.rows.scale = 4;  // a power of two: exact
    this->ops(context).expected_log_likelihood_full_rank(context, p.rows, p.mean.data(), p.factor.data(), scaled);
    EXPECT_EQ(scaled.value, 4 * once.value);
  }
}

TYPED_TEST(OpsTest, RowsAreKeptAndGathered) {
  using T = TypeParam;
  const Context context({}, 3);
  const std::int64_t n = 90000, d = 120;  // enough for threads
  const std::vector<double> x = [&] {
    std::vector<double> values(static_cast<std::size_t>(n * d));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 1009);
    return values;
  }();
  std::vector<std::int64_t> source(static_cast<std::size_t>(d));
  std::vector<double> centre(source.size());
  for (std::size_t k = 0; k < source.size(); ++k) {
    source[k] = static_cast<std::int64_t>((k + 7) % source.size());
    centre[k] = 0.5 * static_cast<double>(k);
  }
  std::vector<T> kept(x.size());
  this->ops(context).keep_rows(context, x.data(), n, d, source.data(), centre.data(), kept.data());
  const std::vector<std::int64_t> rows = {89999, 0, 41, 41};
  std::vector<T> out(4 * source.size());
  this->ops(context).gather_rows(context, kept.data(), d, rows.data(), 4, out.data());
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t k = 0; k < source.size(); ++k) {
      const std::size_t row = static_cast<std::size_t>(rows[i] * d);
      ASSERT_EQ(out[i * source.size() + k], static_cast<T>(x[row + static_cast<std::size_t>(source[k])] - centre[k]));
    }
}

TYPED_TEST(OpsTest, StartingCurvatureIsItsDefinition) {
  using T = TypeParam;
  const Context context({}, 1);
  for (const RowLikelihood likelihood : kLikelihoods) {
    Problem<T> p = make_problem<T>(likelihood, 33, 2, 0.4, true);
    p.rows.scale = 2;
    std::vector<T> c(33), cr(33);
    this->ops(context).starting_curvature(context, p.rows, c.data(), cr.data());
    for (std::size_t i = 0; i < c.size(); ++i) {
      const double y = p.y[i], w = 2.0 * p.weights[i];
      const double expected_c = likelihood == RowLikelihood::bernoulli ? w * p.trials[i] / 4
                                : likelihood == RowLikelihood::poisson ? w * (y + 0.5)
                                                                       : w;
      const double r = likelihood == RowLikelihood::bernoulli ? 0
                       : likelihood == RowLikelihood::poisson ? std::log(y + 0.5) - p.offset[i]
                                                              : y - p.offset[i];
      EXPECT_NEAR(c[i], expected_c, 1e-5 * (1 + expected_c));
      EXPECT_NEAR(cr[i], expected_c * r, 1e-5 * (1 + std::abs(expected_c * r)));
    }
  }
}

TYPED_TEST(OpsTest, LogLikelihoodOfDrawsIsTheExpectationWithoutSpread) {
  using T = TypeParam;
  const Context context({}, 1);
  for (const RowLikelihood likelihood : kLikelihoods)
    for (const std::int64_t n : {1, 64, 1500}) {
      const std::int64_t d = 5, n_draws = 7;
      const Problem<T> p = make_problem<T>(likelihood, n, d, 0, true);
      std::vector<double> z(static_cast<std::size_t>(n_draws * d)), out(static_cast<std::size_t>(n_draws));
      standard_normals(make_key(4, Purpose::test), 0, 0, 0, std::span<double>(z));
      for (double& v : z) v *= 0.4;
      this->ops(context).log_likelihood(context, p.rows, z.data(), n_draws, out.data());
      Problem<T> at = p;
      for (std::size_t s = 0; s < out.size(); ++s) {
        at.mean.assign(z.begin() + static_cast<std::ptrdiff_t>(s) * d,
                       z.begin() + static_cast<std::ptrdiff_t>(s + 1) * d);
        EXPECT_NEAR(out[s], static_cast<double>(plain_sums(at, false).value), 20 * tolerance<T>(n, d));
      }
    }
}

TYPED_TEST(OpsTest, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  const std::int64_t n = 20011, d = 40;  // more than one chunk, and enough work for threads
  const Problem<T> p = make_problem<T>(RowLikelihood::bernoulli, n, d, 0.5, true);
  std::vector<double> first;
  for (const int threads : {1, 2, 3, 7}) {
    const Context context({}, threads);
    std::vector<double> result(static_cast<std::size_t>(2 + d + d * d + d + 600));
    RowSums sums{.value = 0, .absolute = 0, .gradient = result.data() + 2, .curvature = result.data() + 2 + d};
    this->ops(context).expected_log_likelihood_full_rank(context, p.rows, p.mean.data(), p.factor.data(), sums);
    result[0] = sums.value;
    this->ops(context).curvature_product(context, p.rows, p.weights.data(), p.mean.data(),
                                         result.data() + 2 + d + d * d);
    std::vector<T> z(static_cast<std::size_t>(600 * d));
    this->ops(context).normals(context, Key{3}, 0, 0, 600, d, z.data());
    const std::vector<double> draws(z.begin(), z.end());
    this->ops(context).log_likelihood(context, p.rows, draws.data(), 600, result.data() + 2 + d + d * d + d);
    if (first.empty()) first = result;
    EXPECT_TRUE(first == result) << threads << " threads";  // ==, not near
  }
}

TYPED_TEST(OpsTest, NormalsAreThoseOfTheirKeyStepDrawAndElement) {
  using T = TypeParam;
  const Context context({}, 2);
  std::vector<T> out(1000 * 37), one(37);
  this->ops(context).normals(context, Key{11}, 2, 5, 1000, 37, out.data());
  for (const std::uint32_t s : {0U, 1U, 500U, 999U}) {
    standard_normals(Key{11}, 2, 5 + s, 0, std::span<T>(one));
    for (std::size_t j = 0; j < one.size(); ++j) ASSERT_EQ(out[s * 37 + j], one[j]);
  }
}

}  // namespace
}  // namespace velbo::internal
