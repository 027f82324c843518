// Fits of categorical and ordinal outcomes: the truth is found again, two levels are bernoulli, statsmodels, and all that a fit leaves.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "support/errors.h"
#include "support/json_case.h"
#include "support/level_likelihoods.h"
#include "support/scratch.h"
#include "velbo/fit.h"

namespace velbo {
namespace {

constexpr Likelihood kBoth[] = {Likelihood::categorical, Likelihood::ordinal};
constexpr const char* kFormula = "y ~ x1 + x2 + g";

GlmOptions with_offset(Likelihood likelihood) {
  GlmOptions options;
  if (likelihood == Likelihood::ordinal) options.offset = "o";
  return options;
}
Glm model_of(Likelihood likelihood, std::int64_t n, std::uint64_t seed = 1) {
  return Glm(kFormula, likelihood, test::level_table(likelihood, n, seed), with_offset(likelihood));
}

// 14 z-scores below 4.5: a false alarm once in 10,000 choices of the seed (it is fixed).
TEST(LevelLikelihoodsStatistical, TheTruthIsFoundAgain) {
  for (const Likelihood likelihood : kBoth) {
    SCOPED_TRACE(name(likelihood));
    GlmOptions options = with_offset(likelihood);
    options.prior = options.prior_intercept = Prior::normal(0, 100);
    const Glm model(kFormula, likelihood, test::level_table(likelihood, 2000), options);
    const Fit fit = velbo::fit(model, {.diagnostic_draws = 2000});
    EXPECT_TRUE(fit.summary.converged()) << fit.summary.full_report();
    EXPECT_NE(fit.summary.quality.verdict, Verdict::unreliable) << fit.summary.full_report();
    const std::vector<double> truth = test::level_truth(likelihood);
    ASSERT_EQ(fit.summary.parameters.size(), truth.size());
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const ParameterSummary& p = fit.summary.parameters[i];
      EXPECT_LT(std::abs(p.mean - truth[i]), 4.5 * p.sd) << p.name << " " << p.mean << " +- " << p.sd;
      EXPECT_LT(p.sd, 0.2) << p.name;
    }
  }
}

// Of few parameters the mean over a Gaussian fit with flat priors is near to the maximum, as the posterior is nearly Gaussian.
TEST(LevelLikelihoods, NearStatsmodelsMaximumLikelihood) {
  const std::filesystem::path folder = std::filesystem::path(VELBO_TEST_DATA_DIR).parent_path() / "reference/levels";
  const nlohmann::json c = test::read_json(folder / "levels.json");
  const Table table = test::table_of(c["columns"]);
  GlmOptions flat;
  flat.prior = flat.prior_intercept = Prior::flat();
  for (const auto& [outcome, key, likelihood] : {std::tuple{"species", "multinomial", Likelihood::categorical},
                                                 std::tuple{"grade", "ordinal", Likelihood::ordinal}}) {
    const Fit fit = velbo::fit(Glm(std::string(outcome) + " ~ sepal_length + sepal_width + petal_length + petal_width",
                                   likelihood, table, flat),
                               {.diagnostic_draws = 1000});
    EXPECT_TRUE(fit.summary.converged());
    const auto mean = c[key]["mean"].get<std::vector<double>>(), sd = c[key]["sd"].get<std::vector<double>>();
    const std::vector<double> covariance = fit.posterior.unconstrained_covariance();
    for (std::size_t i = 0; i < mean.size(); ++i) {
      EXPECT_NEAR(fit.posterior.unconstrained_mean()[i], mean[i], 0.3 * sd[i]) << outcome << " " << i;
      EXPECT_NEAR(std::sqrt(covariance[i * mean.size() + i]) / sd[i], 1, 0.03) << outcome << " " << i;
    }
  }
}

// bernoulli's engine newton has exact expectations: the same ELBO, means and sds, within the Monte Carlo error of this one's.
TEST(LevelLikelihoods, TwoLevelsAreBernoulli) {
  const Table table = test::logistic_table(250, 2, 7);
  GlmOptions options;
  options.prior_intercept = Prior::normal(0, 2);  // the cutpoint's too, which is minus the intercept
  const Fit newton = velbo::fit(Glm("y ~ x1 + x2", Likelihood::bernoulli, table, options));
  EXPECT_EQ(newton.summary.fit.engine, "newton");
  for (const Likelihood likelihood : kBoth) {
    SCOPED_TRACE(name(likelihood));
    FitOptions tight;
    tight.tolerance = 0.003;
    tight.diagnostic_draws = 1000;
    const Fit fit = velbo::fit(Glm("y ~ x1 + x2", likelihood, table, options), tight);
    EXPECT_TRUE(fit.summary.converged());
    EXPECT_NEAR(fit.summary.quality.elbo, newton.summary.quality.elbo, 5 * fit.summary.quality.elbo_se + 1e-3);
    EXPECT_LT(fit.summary.quality.elbo_se, 0.05);
    const bool ordinal = likelihood == Likelihood::ordinal;
    for (std::size_t i = 0; i < 3; ++i) {
      const ParameterSummary& a = newton.summary.parameters[i];
      const ParameterSummary& b = fit.summary.parameters[!ordinal ? i : i == 0 ? 2 : i - 1];
      EXPECT_NEAR(ordinal && i == 0 ? -b.mean : b.mean, a.mean, 0.03 * a.sd) << a.name;
      EXPECT_NEAR(b.sd, a.sd, 0.03 * a.sd) << a.name;
    }
  }
}

TEST(LevelLikelihoods, SummaryFileAndDraws) {
  for (const Likelihood likelihood : kBoth) {
    SCOPED_TRACE(name(likelihood));
    const bool ordinal = likelihood == Likelihood::ordinal;
    Table table = test::level_table(likelihood, 90);
    const std::vector<std::string> levels = ordinal ? std::vector<std::string>{"poor", "fair", "good", "best"}
                                                    : std::vector<std::string>{"walk", "bus", "car, \"own\""};
    std::vector<std::string> text;
    for (const double y : table.at("y").numbers) text.push_back(levels[static_cast<std::size_t>(y)]);
    table.add_text("t", text);
    GlmOptions model = with_offset(likelihood);
    model.levels = levels;
    FitOptions options;
    options.diagnostic_draws = 1000;
    const Glm glm("t ~ x1 + x2 + g", likelihood, table, model);
    const Fit fit = velbo::fit(glm, options);
    EXPECT_TRUE(fit.summary.converged()) << fit.summary.full_report();
    EXPECT_EQ(fit.posterior.levels(), levels);
    EXPECT_EQ(fit.summary.model.levels, levels);
    EXPECT_EQ(fit.summary.model.likelihood, name(likelihood));
    EXPECT_EQ(fit.posterior.names(), glm.names());
    const Summary read = Summary::from_json(fit.summary.to_json());
    EXPECT_EQ(read.model.levels, levels);
    EXPECT_EQ(read.model.priors.back().prior, fit.summary.model.priors.back().prior);
    const std::string report = fit.summary.full_report();
    EXPECT_NE(report.find(ordinal ? "poor < fair < good < best" : "walk, bus, car, \"own\""), std::string::npos)
        << report;
    EXPECT_NE(report.find("\n" + glm.names().back() + " "), std::string::npos) << report;
    const std::vector<double> draws = fit.posterior.sample(50);
    for (std::size_t s = 0; s < 50 && ordinal; ++s)
      EXPECT_TRUE(draws[6 * s + 3] < draws[6 * s + 4] && draws[6 * s + 4] < draws[6 * s + 5]) << s;

    const test::ScratchFolder folder;
    const std::string path = folder.file("fit.velbo");
    fit.save(path);
    EXPECT_NE(test::read_bytes(path).find("\"format_version\":\"4\""), std::string::npos);
    const Posterior loaded = Posterior::load(path);
    EXPECT_EQ(loaded.levels(), levels);
    EXPECT_EQ(loaded.names(), glm.names());
    EXPECT_EQ(loaded.sample(20), fit.posterior.sample(20));
    EXPECT_EQ(loaded.mean(), fit.posterior.mean());
    EXPECT_EQ(loaded.quantile(0.3), fit.posterior.quantile(0.3));
    const Table rows = test::level_table(likelihood, 7, 3);
    for (const PredictionKind kind : {PredictionKind::response, PredictionKind::linear, PredictionKind::outcome}) {
      const Predictions a = loaded.predict(rows, {.kind = kind}), b = fit.posterior.predict(rows, {.kind = kind});
      EXPECT_EQ(a.levels, b.levels);
      EXPECT_EQ(a.mean, b.mean);
      EXPECT_EQ(a.lower, b.lower);
      EXPECT_EQ(a.upper, b.upper);
      EXPECT_EQ(a.mean.size(), 7 * (kind != PredictionKind::linear ? levels.size() : ordinal ? 1 : 2));
    }
    // A fit may begin there; one of other levels may not.
    FitOptions warm = options;
    warm.init = loaded;
    const Fit again = velbo::fit(glm, warm);
    EXPECT_TRUE(again.summary.converged());
    EXPECT_NEAR(again.summary.parameters[1].mean, fit.summary.parameters[1].mean, 0.1 * fit.summary.parameters[1].sd);
    std::swap(model.levels[0], model.levels[1]);
    const Glm other("t ~ x1 + x2 + g", likelihood, table, model);
    EXPECT_TRUE(
        test::error_of([&] { (void)velbo::fit(other, warm); }).starts_with("argument| the fit to start from has "));
  }
}

// Predictions from a table are those of the same columns as an array: ordinal's formula has an intercept's column that it skips.
TEST(LevelLikelihoods, TablesAndArraysPredictTheSame) {
  for (const Likelihood likelihood : kBoth) {
    const Table table = test::level_table(likelihood, 60);
    const std::vector<double>&x1 = table.at("x1").numbers, &x2 = table.at("x2").numbers;
    std::vector<double> x;
    for (std::size_t i = 0; i < x1.size(); ++i) x.insert(x.end(), {x1[i], x2[i]});
    const FeatureMatrix matrix(MatrixView<const double>{x.data(), 60, 2, 2});
    const FitOptions options = {.diagnostic_draws = 100};
    const Fit a = velbo::fit(Glm("y ~ x1 + x2", likelihood, table), options);
    const Fit b = velbo::fit(Glm(likelihood, {.x = matrix, .y = table.at("y").numbers}), options);
    EXPECT_EQ(a.posterior.names(), b.posterior.names());
    EXPECT_EQ(a.posterior.unconstrained_mean(), b.posterior.unconstrained_mean());
    EXPECT_EQ(a.posterior.predict(table).mean, b.posterior.predict(matrix, {}, {}).mean);
  }
}

TEST(LevelLikelihoods, MeanFieldBySaa) {
  for (const Likelihood likelihood : kBoth) {
    const Glm model = model_of(likelihood, 120);
    FitOptions options;
    options.family = FamilyKind::mean_field;
    options.diagnostic_draws = 1000;
    const Fit fit = velbo::fit(model, options);
    EXPECT_EQ(fit.summary.fit.engine, "saa");
    EXPECT_TRUE(fit.summary.converged()) << name(likelihood);
    options.family = FamilyKind::full_rank;
    const Fit full = velbo::fit(model, options);
    EXPECT_LT(fit.summary.quality.elbo, full.summary.quality.elbo + 0.1);
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_NEAR(fit.summary.parameters[i].mean, full.summary.parameters[i].mean, 0.3 * full.summary.parameters[i].sd);
  }
}

}  // namespace
}  // namespace velbo
