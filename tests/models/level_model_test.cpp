// categorical and ordinal: the log joint against its definition with every constant, gradients against differences, weights, every
// kind of rows, starts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "models/expected_log_joint.h"
#include "models/model_density.h"
#include "models/row_model.h"
#include "support/level_likelihoods.h"

namespace velbo {
namespace {

constexpr Likelihood kBoth[] = {Likelihood::categorical, Likelihood::ordinal};

std::vector<double> some_z(std::int64_t d, double scale = 0.4) {
  std::vector<double> z = test::normals(d, 5);
  for (double& value : z) value *= scale;
  return z;
}

double log_normal(double x, double mean, double sd) {
  return -0.5 * std::log(2 * std::numbers::pi) - std::log(sd) - 0.5 * (x - mean) * (x - mean) / (sd * sd);
}
double log_student(double x, double df, double location, double scale) {
  const double r = (x - location) / scale;
  return std::lgamma(0.5 * (df + 1)) - std::lgamma(0.5 * df) - 0.5 * std::log(df * std::numbers::pi) - std::log(scale) -
         0.5 * (df + 1) * std::log1p(r * r / df);
}

GlmOptions with_everything(Likelihood likelihood) {
  GlmOptions options;
  if (likelihood == Likelihood::ordinal) options.offset = "o";
  options.weights = "w";
  options.prior = Prior::student_t(4, 0.1, 1.5);
  options.prior_intercept = Prior::normal(0.2, 3);
  return options;
}

// Of y ~ x1 + x2 + g with with_everything(), at z.
double log_joint_by_definition(Likelihood likelihood, const Table& table, const std::vector<double>& z) {
  const bool ordinal = likelihood == Likelihood::ordinal;
  double sum = 0;
  std::vector<double> cutpoints;
  if (ordinal) {
    for (std::size_t j = 0; j < 3; ++j) sum += log_student(z[j], 4, 0.1, 1.5);
    for (std::size_t k = 0; k < 3; ++k) {
      cutpoints.push_back(k == 0 ? z[3] : cutpoints.back() + std::exp(z[3 + k]));
      if (k > 0) sum += z[3 + k];  // d cutpoint / d z
      sum += log_normal(cutpoints[k], 0.2, 3);
    }
    sum += std::log(3.0 * 2.0);  // the share of the cone in which they are ordered
  } else {
    for (std::size_t j = 0; j < 8; ++j) sum += j % 4 == 0 ? log_normal(z[j], 0.2, 3) : log_student(z[j], 4, 0.1, 1.5);
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(table.n_rows()); ++i) {
    const double row[] = {1, table.at("x1").numbers[i], table.at("x2").numbers[i],
                          table.at("g").codes[i] == 1 ? 1.0 : 0.0};
    std::vector<double> eta(ordinal ? 1 : 2, ordinal ? table.at("o").numbers[i] : 0);
    for (std::size_t j = 0; j < (ordinal ? 3 : 8); ++j) eta[ordinal ? 0 : j / 4] += z[j] * row[ordinal ? 1 + j : j % 4];
    const double p =
        test::level_probabilities(likelihood, eta, cutpoints)[static_cast<std::size_t>(table.at("y").numbers[i])];
    sum += table.at("w").numbers[i] * std::log(p);
  }
  return sum;
}

TEST(LevelModel, LogJointIsItsDefinition) {
  for (const Likelihood likelihood : kBoth) {
    const Table table = test::level_table(likelihood, 70);
    const Glm glm("y ~ x1 + x2 + g", likelihood, table, with_everything(likelihood));
    for (const double scale : {0.0, 0.4, 1.2}) {
      const std::vector<double> z = some_z(glm.n_latents(), scale);
      const double expected = log_joint_by_definition(likelihood, table, z);
      EXPECT_NEAR(glm.log_joint(z), expected, 1e-11 * std::abs(expected)) << name(likelihood) << " " << scale;
    }
  }
}

TEST(LevelModel, GradientsMatchDifferences) {
  for (const Likelihood likelihood : kBoth) {
    const Glm glm("y ~ x1 * g + x2", likelihood, test::level_table(likelihood, 80), with_everything(likelihood));
    const Model model = internal::make_row_model(glm.data());
    for (const double scale : {0.1, 1.0}) {
      const std::vector<double> z = some_z(glm.n_latents(), scale);
      const GradientCheck checked = check_gradient(model, z);
      EXPECT_TRUE(checked.passed) << name(likelihood) << ": " << checked.message;
      // Once more by plain central differences.
      std::vector<double> gradient(z.size());
      (void)model.log_joint(z, gradient);
      for (std::size_t i = 0; i < z.size(); ++i) {
        constexpr double kStep = 1e-5;
        std::vector<double> up = z, down = z;
        up[i] += kStep;
        down[i] -= kStep;
        const double slope = (glm.log_joint(up) - glm.log_joint(down)) / (2 * kStep);
        EXPECT_NEAR(gradient[i], slope, 1e-6 * (1 + std::abs(slope))) << name(likelihood) << " " << i;
      }
    }
  }
}

TEST(LevelModel, NamesAndDefaultPriors) {
  Table table = test::level_table(Likelihood::categorical, 300);
  std::vector<std::string> text;
  for (const double y : table.at("y").numbers) text.emplace_back(y == 0 ? "lo" : y == 1 ? "mid" : "hi");
  table.add_text("t", text);
  GlmOptions options;
  options.levels = {"lo", "mid", "hi"};
  const Glm categorical("t ~ x1 + g", Likelihood::categorical, table, options);
  EXPECT_EQ(categorical.levels(), options.levels);
  EXPECT_EQ(categorical.names(),
            (std::vector<std::string>{"Intercept[mid]", "x1[mid]", "gb[mid]", "Intercept[hi]", "x1[hi]", "gb[hi]"}));
  double counts[3] = {};
  for (const double y : table.at("y").numbers) counts[static_cast<std::size_t>(y)] += 1;
  const auto& priors = categorical.priors();
  ASSERT_EQ(priors.size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(priors[i].parameter, categorical.names()[i]);
  EXPECT_NEAR(priors[0].prior.location, std::log((counts[1] + 0.5) / (counts[0] + 0.5)), 1e-12);
  EXPECT_NEAR(priors[3].prior.location, std::log((counts[2] + 0.5) / (counts[0] + 0.5)), 1e-12);
  EXPECT_EQ(priors[1].prior, priors[4].prior);
  EXPECT_EQ(priors[1].prior.location, 0);

  const Glm ordinal("t ~ x1 + g", Likelihood::ordinal, table, options);
  EXPECT_EQ(ordinal.names(), (std::vector<std::string>{"x1", "gb", "cutpoint[1]", "cutpoint[2]"}));
  EXPECT_EQ(ordinal.priors()[0].prior, priors[1].prior);  // as of the same columns there
  EXPECT_EQ(ordinal.priors()[2].prior, Prior::normal(0, priors[0].prior.scale));
  EXPECT_EQ(ordinal.priors()[3].prior, ordinal.priors()[2].prior);
  EXPECT_GT(priors[0].prior.scale, 2.5);  // g's mean is not 0
  EXPECT_FALSE(ordinal.labels());
}

// A row of weight 2 is the row twice; weights of 0 are rows that are not there.
TEST(LevelModel, WeightsCountRows) {
  for (const Likelihood likelihood : kBoth) {
    const Table table = test::level_table(likelihood, 41);
    std::vector<double> x, y, doubled_x, doubled_y, weights;
    for (std::size_t i = 0; i < 41; ++i) {
      const double weight = i % 5 == 1 ? 2 : i % 5 == 3 ? 0 : 1;
      weights.push_back(weight);
      for (const char* const column : {"x1", "x2"}) x.push_back(table.at(column).numbers[i]);
      y.push_back(table.at("y").numbers[i]);
      for (int copy = 0; copy < static_cast<int>(weight); ++copy) {
        for (const char* const column : {"x1", "x2"}) doubled_x.push_back(table.at(column).numbers[i]);
        doubled_y.push_back(y.back());
      }
    }
    const auto n = static_cast<std::int64_t>(doubled_y.size());
    const Glm weighted(likelihood,
                       {.x = FeatureMatrix(MatrixView<const double>{x.data(), 41, 2, 2}), .y = y, .weights = weights});
    const Glm repeated(likelihood,
                       {.x = FeatureMatrix(MatrixView<const double>{doubled_x.data(), n, 2, 2}), .y = doubled_y});
    for (std::size_t i = 0; i < weighted.priors().size(); ++i) {
      EXPECT_NEAR(weighted.priors()[i].prior.location, repeated.priors()[i].prior.location, 1e-13);
      EXPECT_NEAR(weighted.priors()[i].prior.scale, repeated.priors()[i].prior.scale, 1e-12);
    }
    const std::vector<double> z = some_z(weighted.n_latents());
    std::vector<double> a(z.size()), b(z.size());
    const double one = internal::make_row_model(weighted.data()).log_joint(z, a),
                 two = internal::make_row_model(repeated.data()).log_joint(z, b);
    EXPECT_NEAR(one, two, 1e-13 * std::abs(two)) << name(likelihood);
    for (std::size_t i = 0; i < z.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12 * (1 + std::abs(b[i]))) << i;
  }
}

// A matrix of floats, of doubles and a sparse one.
TEST(LevelModel, GoesOverEveryKindOfRows) {
  for (const Likelihood likelihood : kBoth) {
    const Table table = test::level_table(likelihood, 40);
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
    const auto value = [&](FeatureMatrix matrix) {
      const Glm glm(likelihood, {.x = std::move(matrix), .y = y});
      return glm.log_joint(some_z(glm.n_latents()));
    };
    const double expected = value(FeatureMatrix(MatrixView<const double>{x.data(), 40, 2, 2}));
    EXPECT_EQ(value(FeatureMatrix(MatrixView<const float>{as_float.data(), 40, 2, 2})), expected);
    EXPECT_NEAR(value(FeatureMatrix::sparse(2, start, column, entries)), expected, 1e-12 * std::abs(expected));
  }
}

// Each draw has the bits that it has alone, on any number of threads.
TEST(LevelModel, SameBitsForThreadsAndDraws) {
  for (const Likelihood likelihood : kBoth) {
    const Glm glm("y ~ x1 + x2 + g", likelihood, test::level_table(likelihood, 5000), with_everything(likelihood));
    const Model model = internal::make_row_model(glm.data());
    const auto d = static_cast<std::size_t>(glm.n_latents());
    constexpr std::size_t kDraws = 11;
    const std::vector<double> z = some_z(static_cast<std::int64_t>(kDraws * d), 0.2);
    std::vector<double> value(kDraws), gradient(kDraws * d), other(kDraws), other_gradient(kDraws * d), alone(d);
    internal::ModelDensity one(model, Context(Device{}, 1)), three(model, Context(Device{}, 3));
    one.evaluate(kDraws, z.data(), value.data(), gradient.data());
    three.evaluate(kDraws, z.data(), other.data(), other_gradient.data());
    EXPECT_EQ(other, value);
    EXPECT_EQ(other_gradient, gradient);
    for (std::size_t s = 0; s < kDraws; ++s) {
      EXPECT_EQ(model.log_joint(std::span(z).subspan(s * d, d), alone), value[s]);
      EXPECT_TRUE(std::equal(alone.begin(), alone.end(), gradient.begin() + static_cast<std::ptrdiff_t>(s * d)));
    }
  }
}

// Where a fit begins, predictors less cutpoints have sds near 0.5, wherever the columns are.
TEST(LevelModel, StartIsInTheMiddleOfTheColumns) {
  for (const Likelihood likelihood : kBoth)
    for (const double shift : {0.0, 1000.0}) {
      const bool ordinal = likelihood == Likelihood::ordinal;
      const Table table = test::level_table(likelihood, 50);
      std::vector<double> x;
      for (const double value : table.at("x1").numbers) x.push_back(value + shift);
      const FeatureMatrix matrix(MatrixView<const double>{x.data(), 50, 1, 1});
      const Glm glm(likelihood, {.x = matrix, .y = table.at("y").numbers});
      const internal::GaussianPoint start = internal::row_model_start(glm.data());
      for (const double value : x) {
        Eigen::VectorXd row = Eigen::VectorXd::Zero(start.mean.size());
        row[0] = ordinal ? value : 1;
        row[1] = ordinal ? -1 : value;
        const double sd = (start.factor.transpose() * row).norm();
        EXPECT_TRUE(sd > 0.2 && sd < 2.5) << name(likelihood) << " " << shift << " " << sd;
      }
      // Without predictors, the shares of the levels.
      std::vector<double> share(ordinal ? 4 : 3, 0.0), theta(static_cast<std::size_t>(glm.n_latents()));
      for (const double y : table.at("y").numbers) share[static_cast<std::size_t>(y)] += 1.0 / 50;
      const std::vector<double> z(start.mean.begin(), start.mean.end());
      (void)internal::row_model_parameters(glm.data().recipe).constrain(z, theta);
      const std::vector<double> found =
          ordinal ? test::level_probabilities(likelihood, {0}, {theta.begin() + 1, theta.end()})
                  : test::level_probabilities(likelihood, {theta[0], theta[2]}, {});
      for (std::size_t c = 0; c < share.size(); ++c) EXPECT_NEAR(found[c], share[c], 0.02) << name(likelihood) << c;
    }
}

}  // namespace
}  // namespace velbo
