// Likelihoods known by their log density: the log joint against the same model written with a plate, gradients, limits in which they
// are other likelihoods, the same bits for any threads, and what they refuse.
#include "models/row_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/model_density.h"
#include "models/row_law.h"
#include "support/errors.h"
#include "support/row_likelihoods.h"
#include "velbo/distributions.h"

namespace velbo {
namespace {

using test::error_of;
using test::RowCase;

constexpr std::int64_t kCoefficients = 4;

GlmOptions with_everything() {
  GlmOptions options;
  options.offset = "o";
  options.weights = "w";
  options.prior = Prior::student_t(4, 0.1, 1.5);
  options.prior_intercept = Prior::normal(0.2, 3);
  return options;
}

// z that is nobody's optimum.
std::vector<double> some_z(std::size_t d, double scale = 0.4) {
  std::vector<double> z = test::normals(static_cast<std::int64_t>(d), 5);
  for (double& value : z) value *= scale;
  return z;
}

// Of a row: 1, x1, x2, [g = b], offset, weight, y.
template <Likelihood kLikelihood>
struct RowTerm {
  template <class T>
  T operator()(const double* row, const T* latent) const {
    T eta = row[0] * latent[0] + row[4];
    for (int j = 1; j < kCoefficients; ++j) eta += row[j] * latent[j];
    const T* const aux = latent + kCoefficients;
    if constexpr (kLikelihood == Likelihood::student_t) return row[5] * student_t_lpdf(row[6], aux[1], eta, aux[0]);
    if constexpr (kLikelihood == Likelihood::negative_binomial)
      return row[5] * neg_binomial_2_log_lpmf(row[6], eta, aux[0]);
    if constexpr (kLikelihood == Likelihood::gamma) return row[5] * gamma_lpdf(row[6], aux[0], aux[0] / exp(eta));
    if constexpr (kLikelihood == Likelihood::beta) {
      const T mu = 1 / (1 + exp(-eta));
      return row[5] * beta_lpdf(row[6], mu * aux[0], (1 - mu) * aux[0]);
    }
  }
};

template <Likelihood kLikelihood>
struct PriorTerm {
  std::vector<Prior> auxiliary;  // as the model chose them
  template <class T>
  T operator()(const T* theta) const {
    T sum = normal_lpdf(theta[0], 0.2, 3);
    for (int j = 1; j < kCoefficients; ++j) sum += student_t_lpdf(theta[j], 4, 0.1, 1.5);
    for (std::size_t a = 0; a < auxiliary.size(); ++a) {
      const T& value = theta[kCoefficients + a];
      const Prior& p = auxiliary[a];
      sum += p.kind == Prior::Kind::gamma ? gamma_lpdf(value, p.df, 1 / p.scale) : exponential_lpdf(value, 1 / p.scale);
    }
    return sum;
  }
};

template <Likelihood kLikelihood, int kAuxiliary>
void expect_the_plates_log_joint(const RowCase& c) {
  const Table table = test::row_table(c, 60);
  const Glm glm("y ~ x1 + x2 + g", kLikelihood, table, with_everything());
  std::vector<double> rows;
  for (std::size_t i = 0; i < 60; ++i)
    rows.insert(rows.end(),
                {1, table.at("x1").numbers[i], table.at("x2").numbers[i], table.at("g").codes[i] == 1 ? 1.0 : 0.0,
                 table.at("o").numbers[i], table.at("w").numbers[i], table.at("y").numbers[i]});
  std::vector<Parameter> parameters = {real("b", {kCoefficients})};
  PriorTerm<kLikelihood> prior;
  for (std::size_t a = 0; a < kAuxiliary; ++a) {
    parameters.push_back(positive("aux" + std::to_string(a)));
    prior.auxiliary.push_back(glm.priors()[kCoefficients + a].prior);
  }
  Latent latents[kCoefficients + kAuxiliary];
  for (int j = 0; j < kCoefficients; ++j) latents[j] = latent("b", j);
  for (int a = 0; a < kAuxiliary; ++a) latents[kCoefficients + a] = latent("aux" + std::to_string(a));
  const Plate plate({rows.data(), 60, 7, 7}, latents, RowTerm<kLikelihood>{});
  const Model whole(parameters, prior, {plate});

  const Model model = internal::make_row_model(glm.data());
  for (const double scale : {0.0, 0.4, 1.5}) {
    const std::vector<double> z = some_z(kCoefficients + kAuxiliary, scale);
    std::vector<double> expected(z.size()), found(z.size());
    const double value = whole.log_joint(z, expected);
    EXPECT_NEAR(model.log_joint(z, found), value, 1e-11 * std::abs(value));
    EXPECT_NEAR(glm.log_joint(z), value, 1e-11 * std::abs(value));
    for (std::size_t i = 0; i < z.size(); ++i)
      EXPECT_NEAR(found[i], expected[i], 1e-10 * (1 + std::abs(expected[i]))) << scale << " " << i;
  }
}

TEST(RowModel, IsTheSumOfAPlate) {
  expect_the_plates_log_joint<Likelihood::student_t, 2>(test::row_cases()[0]);
  expect_the_plates_log_joint<Likelihood::negative_binomial, 1>(test::row_cases()[1]);
  expect_the_plates_log_joint<Likelihood::gamma, 1>(test::row_cases()[2]);
  expect_the_plates_log_joint<Likelihood::beta, 1>(test::row_cases()[3]);
}

TEST(RowModel, GradientsMatchDifferences) {
  for (const RowCase& c : test::row_cases()) {
    const Glm glm("y ~ x1 * g + x2", c.likelihood, test::row_table(c, 80), with_everything());
    const GradientCheck checked =
        check_gradient(internal::make_row_model(glm.data()), some_z(static_cast<std::size_t>(glm.n_latents())));
    EXPECT_TRUE(checked.passed) << text_of(c) << ": " << checked.message;
  }
}

// A matrix of floats, of doubles and a sparse one; with and without the intercept's column.
TEST(RowModel, GoesOverEveryKindOfRows) {
  const RowCase& c = test::row_cases()[0];
  const Table table = test::row_table(c, 40);
  std::vector<double> x;
  std::vector<float> as_float;
  std::vector<std::int64_t> start = {0};
  std::vector<std::int32_t> column;
  std::vector<double> entries;
  for (std::size_t i = 0; i < 40; ++i) {
    for (const char* const name : {"x1", "x2"}) {
      const double value = static_cast<float>(std::max(0.0, table.at(name).numbers[i]));
      x.push_back(value);
      as_float.push_back(static_cast<float>(value));
      if (value == 0) continue;
      column.push_back(name[1] - '1');
      entries.push_back(value);
    }
    start.push_back(static_cast<std::int64_t>(entries.size()));
  }
  const std::vector<double>& y = table.at("y").numbers;
  for (const bool no_intercept : {false, true}) {
    GlmOptions options;
    options.no_intercept = no_intercept;
    const auto value = [&](FeatureMatrix matrix) {
      const Glm glm(c.likelihood, {.x = std::move(matrix), .y = y}, options);
      return glm.log_joint(some_z(static_cast<std::size_t>(glm.n_latents())));
    };
    const double expected = value(FeatureMatrix(MatrixView<const double>{x.data(), 40, 2, 2}));
    EXPECT_EQ(value(FeatureMatrix(MatrixView<const float>{as_float.data(), 40, 2, 2})), expected);
    EXPECT_NEAR(value(FeatureMatrix::sparse(2, start, column, entries)), expected, 1e-12 * std::abs(expected));
  }
}

// Each draw has the bits that it has alone, on any number of threads.
TEST(RowModel, SameBitsForThreadsAndDraws) {
  const RowCase& c = test::row_cases()[1];
  const Glm glm("y ~ x1 + x2 + g", c.likelihood, test::row_table(c, 5000), with_everything());
  const Model model = internal::make_row_model(glm.data());
  const auto d = static_cast<std::size_t>(glm.n_latents());
  constexpr std::size_t kDraws = 11;
  const std::vector<double> z = some_z(kDraws * d, 0.2);
  std::vector<double> value(kDraws), gradient(kDraws * d);
  internal::ModelDensity one(model, Context(Device{}, 1)), three(model, Context(Device{}, 3));
  one.evaluate(kDraws, z.data(), value.data(), gradient.data());
  for (int repeat = 0; repeat < 3; ++repeat) {  // pieces follow the time of the last ones
    std::vector<double> other(kDraws), other_gradient(kDraws * d);
    three.evaluate(kDraws, z.data(), other.data(), other_gradient.data());
    EXPECT_EQ(other, value);
    EXPECT_EQ(other_gradient, gradient);
  }
  std::vector<double> alone(d);
  for (std::size_t s = 0; s < kDraws; ++s) {
    EXPECT_EQ(model.log_joint(std::span(z).subspan(s * d, d), alone), value[s]);
    EXPECT_EQ(alone, std::vector<double>(gradient.begin() + static_cast<std::ptrdiff_t>(s * d),
                                         gradient.begin() + static_cast<std::ptrdiff_t>((s + 1) * d)));
  }
}

// The log joint of `likelihood` at z with `last` behind it, less what the last latent adds by itself.
double without_last(Likelihood likelihood, const Table& table, std::vector<double> z, double last,
                    const GlmOptions& options) {
  const Glm glm("y ~ x1 + x2 + g", likelihood, table, options);
  const Prior prior = glm.priors().back().prior;
  z.push_back(std::log(last));
  const double log_prior = prior.kind == Prior::Kind::gamma ? gamma_lpdf(last, prior.df, 1 / prior.scale)
                                                            : exponential_lpdf(last, 1 / prior.scale);
  return glm.log_joint(z) - log_prior - std::log(last);
}

TEST(RowModelLimits, StudentTOfManyDegreesIsGaussian) {
  const Table table = test::row_table(test::row_cases()[0], 60);
  const GlmOptions options = with_everything();
  const Glm gaussian("y ~ x1 + x2 + g", Likelihood::gaussian, table, options);
  const std::vector<double> z = some_z(5);
  const double expected = gaussian.log_joint(z);
  EXPECT_NEAR(without_last(Likelihood::student_t, table, z, 1e9, options), expected, 1e-5);
  EXPECT_GT(std::abs(without_last(Likelihood::student_t, table, z, 10, options) - expected), 0.1);
}

TEST(RowModelLimits, NegativeBinomialOfLargePhiIsPoisson) {
  const Table table = test::row_table(test::row_cases()[1], 60);
  const GlmOptions options = with_everything();
  const Glm poisson("y ~ x1 + x2 + g", Likelihood::poisson, table, options);
  const std::vector<double> z = some_z(4);
  const double expected = poisson.log_joint(z);
  EXPECT_NEAR(without_last(Likelihood::negative_binomial, table, z, 1e10, options), expected, 1e-5);
  EXPECT_GT(std::abs(without_last(Likelihood::negative_binomial, table, z, 10, options) - expected), 0.1);
}

// With shape 1 it is the exponential distribution's.
TEST(RowModelLimits, GammaOfShapeOneIsExponential) {
  const Table table = test::row_table(test::row_cases()[2], 60);
  GlmOptions options;
  options.prior = options.prior_intercept = Prior::flat();
  const std::vector<double> z = some_z(4);
  double expected = 0;
  for (std::size_t i = 0; i < 60; ++i) {
    const double eta = z[0] + z[1] * table.at("x1").numbers[i] + z[2] * table.at("x2").numbers[i] +
                       (table.at("g").codes[i] == 1 ? z[3] : 0);
    expected += exponential_lpdf(table.at("y").numbers[i], std::exp(-eta));
  }
  EXPECT_NEAR(without_last(Likelihood::gamma, table, z, 1, options), expected, 1e-10);
}

TEST(RowModelErrors, NameRowValueAndWhatWasExpected) {
  const auto refusal = [](Likelihood likelihood, double bad) {
    Table table;
    table.add_numbers("x", {1, 2, 3});
    table.add_numbers("y", {1, bad, 2});
    return error_of([&] { Glm("y ~ x", likelihood, table); });
  };
  EXPECT_EQ(refusal(Likelihood::negative_binomial, 1.5),
            "data| row 2: outcome y is 1.5, expected 0, 1, 2, ... (likelihood negative_binomial)");
  EXPECT_EQ(refusal(Likelihood::negative_binomial, -1),
            "data| row 2: outcome y is -1, expected 0, 1, 2, ... (likelihood negative_binomial)");
  EXPECT_EQ(refusal(Likelihood::gamma, 0), "data| row 2: outcome y is 0, expected a number above 0 (likelihood gamma)");
  EXPECT_EQ(refusal(Likelihood::beta, 0.5),
            "data| row 1: outcome y is 1, expected a number above 0 and below 1 (likelihood beta)");
  Table constant;
  constant.add_numbers("x", {1, 2, 3});
  constant.add_numbers("y", {2, 2, 2});
  EXPECT_EQ(error_of([&] { Glm("y ~ x", Likelihood::student_t, constant); }),
            "data| outcome y is constant (2 in all 3 rows): there is nothing to fit");
  GlmOptions options;
  options.prior_nu = Prior::gamma(2, 0.1);
  EXPECT_EQ(error_of([&] { Glm("y ~ x", Likelihood::poisson, constant, options); }),
            "argument| a prior for nu was given, but likelihood poisson has no nu");
}

}  // namespace
}  // namespace velbo
