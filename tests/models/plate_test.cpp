// Plates: their sums against the same model written as a whole, minibatches, and what they refuse.
#include "velbo/plate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "models/model_density.h"
#include "models/model_state.h"
#include "support/errors.h"
#include "velbo/distributions.h"
#include "velbo/fit.h"
#include "velbo/functions.h"
#include "velbo/model.h"
#include "velbo/random.h"

namespace velbo {
namespace {

using internal::RowBatch;

std::vector<double> normals(std::uint64_t key, std::int64_t n) {
  std::vector<double> out(static_cast<std::size_t>(n));
  standard_normals(make_key(key, Purpose::test), 0, 0, 0, std::span<double>(out));
  return out;
}

// Regression with groups: y ~ normal(alpha[group] + beta x, sigma), and each row a latent of its own, shift ~ normal(0, 1).
struct Data {
  std::int64_t n, groups;
  std::vector<double> rows;  // x, y
  std::vector<std::int64_t> group;
};
Data make_data(std::int64_t n, std::int64_t groups) {
  Data out{n, groups, normals(1, 2 * n), {}};
  for (std::int64_t i = 0; i < n; ++i) out.group.push_back((i * i + 3 * i) % groups);
  return out;
}

struct RowTerm {
  template <class T>
  T operator()(const double* row, const T* latent) const {
    const T &alpha = latent[0], &beta = latent[1], &sigma = latent[2], &shift = latent[3];
    return normal_lpdf(row[1], alpha + beta * row[0] + 0.1 * shift, sigma) + normal_lpdf(shift, 0, 1);
  }
};

struct ParametersTerm {
  std::int64_t groups;
  template <class T>
  T operator()(const T* theta) const {
    T sum = normal_lpdf(theta[0], 0, 1) + half_cauchy_lpdf(theta[1], 1);
    for (std::int64_t j = 0; j < groups; ++j) sum += normal_lpdf(theta[2 + j], 0.5, 2);
    return sum;
  }
};

struct Whole {
  const Data* data;
  template <class T>
  T operator()(const T* theta) const {
    T sum = ParametersTerm{data->groups}(theta);
    for (std::int64_t i = 0; i < data->n; ++i) {
      const T latent[] = {theta[2 + data->group[static_cast<std::size_t>(i)]], theta[0], theta[1],
                          theta[2 + data->groups + i]};
      sum += RowTerm{}(data->rows.data() + 2 * i, latent);
    }
    return sum;
  }
};

std::vector<Parameter> parameters_of(const Data& data) {
  return {real("beta"), positive("sigma"), real("alpha", {data.groups}), real("shift", {data.n})};
}

Model with_plate(const Data& data) {
  const Plate plate({data.rows.data(), data.n, 2, 2},
                    {latent("alpha", data.group), latent("beta"), latent("sigma"), local("shift", data.n)}, RowTerm{},
                    "measurements");
  return {Parameters(parameters_of(data)), ParametersTerm{data.groups}, {plate}, "groups"};
}

TEST(Plate, IsTheSumOverItsRows) {
  const Data data = make_data(57, 5);
  const Model rows = with_plate(data), whole(Parameters(parameters_of(data)), Whole{&data});
  EXPECT_EQ(rows.n_rows(), 57);
  const std::vector<double> z = normals(2, rows.n_latents());
  std::vector<double> gradient(z.size()), expected(z.size());
  EXPECT_NEAR(rows.log_joint(z, gradient), whole.log_joint(z, expected), 1e-10);
  EXPECT_NEAR(rows.log_joint(z), whole.log_joint(z), 1e-10);
  for (std::size_t i = 0; i < z.size(); ++i)
    EXPECT_NEAR(gradient[i], expected[i], 1e-11 * (1 + std::abs(expected[i]))) << i;
}

// Numbers of latents at the edges of what is differentiated at a time, the same element read twice among them.
template <std::size_t K>
struct ManyTerm {
  template <class T>
  T operator()(const double* row, const T* latent) const {
    T sum = 0;
    for (std::size_t k = 0; k < K; ++k) sum += sin(latent[k]) * latent[(k + 1) % K] * (row[0] + static_cast<double>(k));
    return sum;
  }
};
template <std::size_t K>
void check_many() {
  const std::vector<double> rows = normals(3, 5);
  Latent latents[K];
  for (std::size_t k = 0; k < K; ++k) latents[k] = latent("x", static_cast<std::int64_t>(k < 2 ? 0 : k - 1));
  const Model model({real("x", {static_cast<std::int64_t>(K)})}, [](const auto* x) { return normal_lpdf(x[0], 0, 1); },
                    {Plate({rows.data(), 5, 1, 1}, latents, ManyTerm<K>{})});
  const GradientCheck check = check_gradient(model, normals(4, K));
  EXPECT_TRUE(check.passed) << K << ": " << check.message;
}

TEST(Plate, DifferentiatesByAnyNumberOfLatents) {
  check_many<1>();
  check_many<2>();
  check_many<7>();
  check_many<8>();
  check_many<9>();
  check_many<16>();
}

// Ten chunks of rows, more than three threads take at once; numbers of draws at the edges of what is taken along.
TEST(Plate, HasTheSameBitsForAnyThreadsAndNeighbours) {
  const Data data = make_data(40001, 40);
  const Model model(
      {real("beta"), positive("sigma"), real("alpha", {40}), real("shift")}, ParametersTerm{40},
      {Plate({data.rows.data(), data.n, 2, 2},
             {latent("alpha", data.group), latent("beta"), latent("sigma"), latent("shift")}, RowTerm{})});
  const std::int64_t most = 9, d = model.n_latents();
  const std::vector<double> z = normals(5, most * d);
  std::vector<double> value(static_cast<std::size_t>(most)), gradient(z.size());
  internal::ModelDensity one(model, Context(Device{}, 1));
  one.evaluate(most, z.data(), value.data(), gradient.data());
  for (const int threads : {1, 2, 3})
    for (const std::int64_t n : {1, 7, 8, 9}) {
      internal::ModelDensity density(model, Context(Device{}, threads));
      std::vector<double> some(static_cast<std::size_t>(n)), slope(static_cast<std::size_t>(n * d)), alone = some;
      density.evaluate(n, z.data(), some.data(), slope.data());
      density.evaluate(n, z.data(), alone.data(), nullptr);
      for (std::size_t i = 0; i < some.size(); ++i) EXPECT_EQ(some[i], value[i]) << threads << " " << n << " " << i;
      for (std::size_t i = 0; i < slope.size(); ++i)
        ASSERT_EQ(slope[i], gradient[i]) << threads << " " << n << " " << i;
      for (std::size_t i = 0; i < some.size(); ++i) EXPECT_NEAR(alone[i], value[i], 1e-9 * std::abs(value[i]));
    }
}

// The same density for one draw at a time and for several: normal, bernoulli and the functions without branches are written for
// several, the others are taken lane by lane.
template <bool kLanes, class Density>
struct Taken : Density {
  static constexpr bool branches_on_rows_only = true;
};
template <class Density>
struct Taken<false, Density> : Density {};

struct MixedTerm {
  template <class T>
  T operator()(const double* row, const T* x) const {
    const double count = std::floor(std::abs(3 * row[0])), outcome = row[1] > 0 ? 1 : 0;
    const T scale = exp(0.3 * x[1]);
    T sum = normal_lpdf(row[0], x[0] * row[1] - 2 / scale, scale) + std_normal_lpdf(x[2] / 3) + square(x[1]) * 0.1;
    sum += bernoulli_logit_lpmf(outcome, 40 * x[0]) + log(scale) - log1p(scale) + sigmoid(x[2]) + softplus(-x[2]) +
           log_sigmoid(x[1]);
    sum += student_t_lpdf(row[1], 4, x[0], scale) + poisson_log_lpmf(count, x[1]) + half_cauchy_lpdf(scale, 2) +
           gamma_lpdf(scale, 2, 3);
    return sum - tanh(x[0]) + pow(scale, x[1]) + log_sum_exp(x[0], x[2]) + fmax(x[0], x[1]) + lgamma(scale) -
           1.5 * x[2] + (2 - x[0]) / 3;
  }
};

TEST(Plate, TakesSeveralDrawsAtOnceAlike) {
  const std::vector<double> rows = normals(10, 80), z = normals(11, 17 * 3);
  const auto evaluate = [&](auto term) {
    const Model model({real("x", {3})}, [](const auto* x) { return normal_lpdf(x[0], 0, 1); },
                      {Plate({rows.data(), 40, 2, 2}, {latent("x", 0), latent("x", 1), latent("x", 2)}, term)});
    std::vector<double> value(17), gradient(z.size());
    internal::ModelDensity(model, Context(Device{}, 1)).evaluate(17, z.data(), value.data(), gradient.data());
    value.insert(value.end(), gradient.begin(), gradient.end());
    std::vector<double> alone(17);
    internal::ModelDensity(model, Context(Device{}, 1)).evaluate(17, z.data(), alone.data(), nullptr);
    value.insert(value.end(), alone.begin(), alone.end());
    return value;
  };
  const std::vector<double> one = evaluate(Taken<false, MixedTerm>{}), several = evaluate(Taken<true, MixedTerm>{});
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(several[i], one[i], 2e-13 * (1000 + std::abs(one[i]))) << i;
}

struct FailingTerm {
  static constexpr bool branches_on_rows_only = true;
  double outcome;
  template <class T>
  T operator()(const double* row, const T* x) const {
    return normal_lpdf(row[0], 0, x[0]) + bernoulli_logit_lpmf(outcome, x[1]);
  }
};

// A scale that leaves its support in one lane, an outcome that cannot be, and a NaN, each beside lanes where all is well.
TEST(Plate, SeveralDrawsAtOnceFailOneByOne) {
  const std::vector<double> rows = {1.0, 2.0};
  const std::vector<double> z = {1.0, 0.5, -1.0, 0.5, 2.0, std::nan(""), 1.5, -700.0};
  for (const double outcome : {1.0, 0.5}) {
    const Model model({real("x", {2})}, [](const auto* x) { return 0.0 * x[0]; },
                      {Plate({rows.data(), 1, 2, 2}, {latent("x", 0), latent("x", 1)}, FailingTerm{outcome})});
    std::vector<double> value(4), gradient(8);
    internal::ModelDensity(model, Context(Device{}, 1)).evaluate(4, z.data(), value.data(), gradient.data());
    EXPECT_TRUE(std::isnan(value[1]) && std::isnan(value[2]));
    if (outcome == 1) {
      EXPECT_NEAR(value[0], normal_lpdf(1.0, 0, 1.0) + bernoulli_logit_lpmf(1, 0.5), 1e-14);
      EXPECT_NEAR(value[3], normal_lpdf(1.0, 0, 1.5) - 700, 1e-12);
      EXPECT_EQ(gradient[7], 1);
    } else {
      EXPECT_EQ(value[0], -std::numeric_limits<double>::infinity());
    }
  }
}

// The mean over the batches of an epoch, weighted by their sizes where the last one is short, is what all rows give: the rows' own
// latents and their priors scale with the rows, the parameters' priors do not.
TEST(Plate, MinibatchesAverageToAllRows) {
  const Data data = make_data(50, 4);
  const Model model = with_plate(data);
  const std::vector<double> z = normals(6, model.n_latents());
  const auto d = z.size();
  double value = 0;
  std::vector<double> gradient(d), expected(d), mean(d);
  const double all = model.log_joint(z, expected);
  internal::ModelDensity density(model, Context(Device{}, 1));
  double sum = 0;
  for (std::int64_t first = 0; first < 50; first += 7) {  // the last one has one row
    std::vector<std::int64_t> rows;
    for (std::int64_t i = first; i < std::min<std::int64_t>(50, first + 7); ++i) rows.push_back((i * 13) % 50);
    const auto size = static_cast<double>(rows.size());
    const RowBatch batch{rows, 50 / size};
    density.evaluate(1, z.data(), &batch, &value, gradient.data());
    sum += size / 50 * value;
    for (std::size_t i = 0; i < d; ++i) mean[i] += size / 50 * gradient[i];
  }
  EXPECT_NEAR(sum, all, 1e-12 * std::abs(all));
  for (std::size_t i = 0; i < d; ++i) EXPECT_NEAR(mean[i], expected[i], 1e-12 * (1 + std::abs(expected[i]))) << i;
}

TEST(Plate, SeveralShareTheRowsOfABatch) {
  const std::vector<double> rows = normals(7, 12);
  const auto term = [](const double* row, const auto* mu) { return normal_lpdf(row[0], mu[0], 1); };
  const Plate a({rows.data(), 5, 1, 1}, {latent("mu")}, term, "a"),
      b({rows.data() + 5, 7, 1, 1}, {latent("mu")}, term, "b");
  const Model two({real("mu")}, [](const auto* mu) { return normal_lpdf(mu[0], 0, 1); }, {a, b});
  const Model one({real("mu")}, [](const auto* mu) { return normal_lpdf(mu[0], 0, 1); },
                  {Plate({rows.data(), 12, 1, 1}, {latent("mu")}, term)});
  const std::vector<std::int64_t> some = {11, 2, 4, 5};
  const RowBatch batch{some, 3};
  const double z = 0.3;
  double of_two = 0, of_one = 0, slope_two = 0, slope_one = 0;
  internal::ModelDensity(two, Context(Device{}, 1)).evaluate(1, &z, &batch, &of_two, &slope_two);
  internal::ModelDensity(one, Context(Device{}, 1)).evaluate(1, &z, &batch, &of_one, &slope_one);
  EXPECT_NEAR(of_two, of_one, 1e-13);
  EXPECT_NEAR(slope_two, slope_one, 1e-13);
}

TEST(Plate, RowsDensitiesAddUpToTheirSum) {
  const Data data = make_data(5000, 3);  // two chunks
  const Plate plate({data.rows.data(), data.n, 2, 2},
                    {latent("alpha", data.group), latent("beta"), latent("sigma"), latent("alpha")}, RowTerm{});
  const Model model({real("beta"), positive("sigma"), real("alpha", {3})}, [](const auto*) { return 0.0; }, {plate});
  const std::int64_t n = model.parameters().n_constrained();
  std::vector<double> z = normals(8, 10 * n), theta(z.size());
  for (std::int64_t s = 0; s < 10; ++s)
    model.parameters().constrain(
        std::span(z).subspan(static_cast<std::size_t>(s * n), static_cast<std::size_t>(n)),
        std::span(theta).subspan(static_cast<std::size_t>(s * n), static_cast<std::size_t>(n)));
  const std::vector<double> rows = model.row_log_densities({theta.data(), 10, n, n}, 2);
  ASSERT_EQ(rows.size(), 50000U);
  for (std::size_t s = 0; s < 10; ++s) {
    const auto at = std::span(z).subspan(s * static_cast<std::size_t>(n), static_cast<std::size_t>(n));
    const double log_jacobian = at[1];
    EXPECT_NEAR(std::accumulate(rows.begin() + static_cast<std::ptrdiff_t>(5000 * s),
                                rows.begin() + static_cast<std::ptrdiff_t>(5000 * (s + 1)), log_jacobian),
                model.log_joint(at), 1e-8);
  }
  const double latents[] = {theta[2], theta[0], theta[1], theta[2]};
  EXPECT_EQ(rows[0], RowTerm{}(data.rows.data(), latents));
}

TEST(Plate, ADrawThatFailsLeavesItsNeighboursAlone) {
  const Data data = make_data(20, 2);
  const Plate plate({data.rows.data(), data.n, 2, 2}, {latent("x")},
                    [](const double*, const auto* x) { return log(x[0]); });
  const Model model({real("x")}, [](const auto* x) { return normal_lpdf(x[0], 0, 1); }, {plate});
  const std::vector<double> z = {1.0, -1.0, 2.0};
  std::vector<double> value(3), gradient(3);
  internal::ModelDensity(model, Context(Device{}, 1)).evaluate(3, z.data(), value.data(), gradient.data());
  EXPECT_TRUE(std::isnan(value[1]));
  EXPECT_EQ(value[0], model.log_joint(std::span(z).subspan(0, 1)));
  EXPECT_NEAR(gradient[2], 20 / 2.0 - 2.0, 1e-12);
}

TEST(Plate, RefusesWhatDoesNotFit) {
  const std::vector<double> rows = normals(9, 6);
  const auto term = [](const double*, const auto* x) { return -x[0] * x[0]; };
  const auto model_with = [&](const Plate& plate) {
    return Model({real("alpha", {4}), simplex("p", 3)}, [](const auto* x) { return -x[0] * x[0]; }, {plate});
  };
  const auto of_indices = [&](std::vector<std::int64_t> element) {
    return test::error_of([&] {
      model_with(Plate({rows.data(), 3, 2, 2}, {latent("alpha", std::move(element))}, term, "wells"));
    });
  };
  const auto of_latent = [&](const Latent& read) {
    return test::error_of([&] { model_with(Plate({rows.data(), 3, 2, 2}, {read}, term)); });
  };
  const auto of_data = [&](MatrixView<const double> data) {
    return test::error_of([&] { (void)Plate(data, {latent("alpha")}, term); });
  };
  EXPECT_EQ(of_indices({0, 3, 4}),
            R"(argument| plate "wells", row 2: latent 0 is element 4 of "alpha", expected 0 to 3)");
  EXPECT_EQ(of_indices({0, 3}), R"(shape| plate "wells": latent 0 ("alpha") has 2 elements, expected one a row: 3)");
  EXPECT_EQ(of_latent(latent("p", -1)), R"(argument| plate "data": latent 0 is element -1 of "p", expected 0 to 2)");
  EXPECT_THAT(of_latent(latent("beta")), testing::HasSubstr("beta"));
  EXPECT_EQ(of_data({rows.data(), 0, 2, 2}),
            R"(argument| plate "data" has 0 rows of 2 columns, expected at least one row)");
  EXPECT_EQ(of_data({rows.data(), 3, 2, 1}), R"(argument| plate "data": 2 columns, but rows are 1 numbers apart)");
  const Model without({real("x")}, [](const auto* x) { return -x[0] * x[0]; });
  EXPECT_THAT(test::error_of([&] {
                (void)without.row_log_densities({rows.data(), 6, 1, 1});
              }),
              testing::HasSubstr("no plates"));
}

}  // namespace
}  // namespace velbo
