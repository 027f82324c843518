// Data that break careless optimisers: each fit converges, to a point that is a stationary one of the ELBO and says what is
// odd, or says that it did not.
#include <gtest/gtest.h>

#include <cmath>

#include "support/simulate.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

// Converged, finite, and fitting again from there moves nothing: another start, another path, the same optimum.
void expect_sound(const Glm& model, const FitOptions& options = {}) {
  const Fit fit = velbo::fit(model, options);
  ASSERT_EQ(fit.summary.fit.status, Status::converged) << fit.summary.fit.message;
  EXPECT_TRUE(std::isfinite(fit.summary.quality.elbo));
  EXPECT_LE(fit.summary.quality.error_sd, 0.02);
  FitOptions again = options;
  again.tolerance = 1e-4;
  again.scalar = Scalar::float64;
  const Fit precise = velbo::fit(model, again);
  ASSERT_EQ(precise.summary.fit.status, Status::converged) << precise.summary.fit.message;
  for (std::size_t i = 0; i < fit.summary.parameters.size(); ++i) {
    const ParameterSummary& a = fit.summary.parameters[i];
    const ParameterSummary& b = precise.summary.parameters[i];
    EXPECT_GT(a.sd, 0) << a.name;
    EXPECT_NEAR(a.mean, b.mean, 0.03 * b.sd) << a.name;
    EXPECT_NEAR(a.sd / b.sd, 1, 0.02) << a.name;
  }
  EXPECT_NEAR(fit.summary.quality.elbo, precise.summary.quality.elbo, 0.01);
}

GlmOptions priors(const Prior& prior, const Prior& intercept) {
  GlmOptions options;
  options.prior = prior;
  options.prior_intercept = intercept;
  return options;
}

bool any_warning_names(const Summary& summary, const std::string& what) {
  for (const std::string& warning : summary.warnings)
    if (warning.find(what) != std::string::npos) return true;
  return false;
}

Table separated() {
  Table table;
  table.add_numbers("x", {-5, -4, -3, -2, -1, 1, 2, 3, 4, 5});
  table.add_numbers("y", {0, 0, 0, 0, 0, 1, 1, 1, 1, 1});
  return table;
}

TEST(HardCases, SeparatedDataWithAWidePrior) {
  expect_sound(Glm("y ~ x", Likelihood::bernoulli, separated(), priors(Prior::normal(0, 100), Prior::normal(0, 100))));
}

TEST(HardCases, NearlySeparatedDataWithAWidePrior) {
  Table table;
  std::vector<double> x = test::normals(200, 5), y;
  for (const double v : x) y.push_back(v > 0 ? 1 : 0);
  y[17] = 1 - y[17];
  for (double& v : x) v *= 3;
  table.add_numbers("x", x);
  table.add_numbers("y", y);
  expect_sound(Glm("y ~ x", Likelihood::bernoulli, table, priors(Prior::normal(0, 100), Prior::normal(0, 100))));
}

TEST(HardCases, SeparatedDataWithFlatPriorsDivergeAndNameTheDirection) {
  const Glm model("y ~ x", Likelihood::bernoulli, separated(), priors(Prior::flat(), Prior::flat()));
  const Fit fit = velbo::fit(model);
  EXPECT_EQ(fit.summary.fit.status, Status::diverged);
  EXPECT_EQ(fit.summary.quality.verdict, Verdict::unreliable);
  EXPECT_NE(fit.summary.fit.message.find("keeps rising along"), std::string::npos) << fit.summary.fit.message;
  EXPECT_NE(fit.summary.fit.message.find('x'), std::string::npos);
}

TEST(HardCases, PoissonWithInterceptEight) {
  Table table;
  std::vector<double> x = test::normals(300, 6), noise = test::normals(300, 7), y;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double rate = std::exp(8 + 0.5 * x[i]);
    y.push_back(std::max(0.0, std::round(rate + std::sqrt(rate) * noise[i])));
  }
  table.add_numbers("x", x);
  table.add_numbers("y", y);
  const Glm model("y ~ x", Likelihood::poisson, table, priors(Prior::normal(0, 2.5), Prior::normal(0, 10)));
  expect_sound(model);
  const Fit fit = velbo::fit(model);
  EXPECT_NEAR(fit.summary.parameters[0].mean, 8, 0.01);
  EXPECT_NEAR(fit.summary.parameters[1].mean, 0.5, 0.01);
}

TEST(HardCases, PoissonOfZeros) {
  Table table;
  table.add_numbers("x", test::normals(30, 8));
  table.add_numbers("y", std::vector<double>(30, 0.0));
  expect_sound(Glm("y ~ x", Likelihood::poisson, table, priors(Prior::normal(0, 2.5), Prior::normal(0, 10))));
}

TEST(HardCases, AConstantColumnIsLeftToItsPrior) {
  Table table = test::logistic_table(200, 1, 30);
  table.add_numbers("one", std::vector<double>(200, 3.0));
  const Glm model("y ~ x1 + one", Likelihood::bernoulli, table, priors(Prior::normal(0, 2.5), Prior::normal(0, 10)));
  expect_sound(model);
  const Fit fit = velbo::fit(model);
  EXPECT_TRUE(any_warning_names(fit.summary, "Intercept")) << fit.summary.warnings.size();
  const Glm flat("y ~ x1 + one", Likelihood::bernoulli, table, priors(Prior::flat(), Prior::flat()));
  const Fit none = velbo::fit(flat);
  EXPECT_EQ(none.summary.fit.status, Status::diverged);
  EXPECT_NE(none.summary.fit.message.find("one"), std::string::npos) << none.summary.fit.message;
}

TEST(HardCases, CollinearColumnsShareWhatTheDataSay) {
  Table table = test::logistic_table(300, 1, 40);
  std::vector<double> twice = table.at("x1").numbers;
  for (double& v : twice) v *= 2;
  table.add_numbers("twice", twice);
  for (const Likelihood likelihood : {Likelihood::bernoulli, Likelihood::gaussian}) {
    const Glm model("y ~ x1 + twice", likelihood, table, priors(Prior::normal(0, 1), Prior::normal(0, 10)));
    expect_sound(model);
    const Fit fit = velbo::fit(model);
    EXPECT_TRUE(any_warning_names(fit.summary, "twice"));
    // Along the null direction 2 x1 - twice the prior is untouched: sd 1 for the unit direction.
    const auto cov = fit.posterior.unconstrained_covariance();
    const std::size_t d = fit.summary.parameters.size();
    const double variance = (4 * cov[1 * d + 1] - 4 * cov[1 * d + 2] + cov[2 * d + 2]) / 5;
    EXPECT_NEAR(variance, 1, 0.01);
  }
  const Fit none = velbo::fit(Glm("y ~ x1 + twice", Likelihood::gaussian, table, priors(Prior::flat(), Prior::flat())));
  EXPECT_EQ(none.summary.fit.status, Status::diverged);
}

TEST(HardCases, MoreColumnsThanRows) {
  const Table table = test::logistic_table(20, 40, 50);
  std::string formula = "y ~ x1";
  for (int j = 2; j <= 40; ++j) formula += " + x" + std::to_string(j);
  expect_sound(Glm(formula, Likelihood::bernoulli, table, priors(Prior::normal(0, 2.5), Prior::normal(0, 10))));
  GlmOptions options = priors(Prior::normal(0, 2.5), Prior::normal(0, 10));
  options.prior_sigma = Prior::exponential(1);
  expect_sound(Glm(formula, Likelihood::gaussian, table, options));
}

TEST(HardCases, OneRow) {
  Table table;
  table.add_numbers("x", {1.5});
  table.add_numbers("y", {1});
  for (const Likelihood likelihood : {Likelihood::bernoulli, Likelihood::poisson, Likelihood::gaussian})
    expect_sound(Glm("y ~ x", likelihood, table));
}

// Rows of weight zero change nothing, whatever is in them.
TEST(HardCases, RowsOfWeightZeroAreNotThere) {
  const Table some = test::logistic_table(100, 2, 60);
  Table more;
  std::vector<double> weights(130, 1.0);
  for (std::size_t i = 100; i < 130; ++i) weights[i] = 0;
  for (const char* column : {"x1", "x2", "y"}) {
    std::vector<double> values = some.at(column).numbers;
    for (int i = 0; i < 30; ++i) values.push_back(std::string(column) == "y" ? 1 : 1000.0 + i);
    more.add_numbers(column, values);
  }
  more.add_numbers("w", weights);
  for (const Likelihood likelihood : {Likelihood::bernoulli, Likelihood::gaussian}) {
    GlmOptions options = priors(Prior::normal(0, 2.5), Prior::normal(0, 10));
    if (likelihood == Likelihood::gaussian) options.prior_sigma = Prior::exponential(1);
    const Fit without =
        velbo::fit(Glm("y ~ x1 + x2", likelihood, some, options), {.tolerance = 1e-5, .scalar = Scalar::float64});
    options.weights = "w";
    const Fit with =
        velbo::fit(Glm("y ~ x1 + x2", likelihood, more, options), {.tolerance = 1e-5, .scalar = Scalar::float64});
    EXPECT_NEAR(with.summary.quality.elbo, without.summary.quality.elbo, 1e-6);
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_NEAR(with.summary.parameters[i].mean, without.summary.parameters[i].mean, 1e-6);
  }
}

TEST(HardCases, AFactorLevelWithOneRow) {
  Table table = test::logistic_table(80, 1, 70);
  std::vector<std::string> group(80, "common");
  group[3] = "rare";
  for (std::size_t i = 40; i < 80; ++i) group[i] = "other";
  table.add_text("group", group);
  expect_sound(Glm("y ~ x1 + group", Likelihood::bernoulli, table));
  expect_sound(Glm("y ~ x1 + group", Likelihood::gaussian, table));
}

TEST(HardCases, ColumnsFarFromZeroAndOfAnyScale) {
  Table table = test::logistic_table(500, 2, 80);
  std::vector<double> year = table.at("x1").numbers, money = table.at("x2").numbers;
  for (double& v : year) v = 2020 + v;
  for (double& v : money) v = 1e6 + 1e4 * v;
  Table far;
  far.add_numbers("year", year);
  far.add_numbers("money", money);
  far.add_numbers("y", table.at("y").numbers);
  for (const FamilyKind family : {FamilyKind::full_rank, FamilyKind::mean_field}) {
    const Fit fit = velbo::fit(Glm("y ~ year + money", Likelihood::bernoulli, far), {.family = family});
    EXPECT_EQ(fit.summary.fit.status, Status::converged) << fit.summary.fit.message;
  }
  // With priors that scale with the data the answer does too.
  const Fit near = velbo::fit(Glm("y ~ x1 + x2", Likelihood::bernoulli, table));
  const Fit fit = velbo::fit(Glm("y ~ year + money", Likelihood::bernoulli, far));
  EXPECT_NEAR(fit.summary.parameters[1].mean, near.summary.parameters[1].mean, 0.02 * near.summary.parameters[1].sd);
  EXPECT_NEAR(fit.summary.parameters[2].mean * 1e4, near.summary.parameters[2].mean,
              0.02 * near.summary.parameters[2].sd);
}

TEST(HardCases, HeavyTailedPriorsAgainstTheData) {
  // The prior sits 200 of its scales away from what the data say: its curvature is negative there.
  const Table table = test::logistic_table(400, 2, 90);
  expect_sound(
      Glm("y ~ x1 + x2", Likelihood::bernoulli, table, priors(Prior::cauchy(20, 0.1), Prior::student_t(3, 0, 2.5))));
  expect_sound(
      Glm("y ~ x1 + x2", Likelihood::bernoulli, table, priors(Prior::laplace(0, 0.05), Prior::laplace(0, 10))));
}

// Weights of importance sampling that hardly differ have a tail of noise, whose shape says nothing.
TEST(HardCases, NearlyPerfectFitsAreGoodWhateverTheirKHat) {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
    const Fit fit = velbo::fit(Glm("y ~ x1", Likelihood::bernoulli, test::logistic_table(40000, 1, 1000 * seed)));
    EXPECT_EQ(fit.summary.quality.verdict, Verdict::good)
        << fit.summary.quality.k_hat << " " << fit.summary.quality.ess;
    EXPECT_FALSE(std::isnan(fit.summary.parameters[0].corrected_mean));
  }
}

// Rounded to float these columns are no longer collinear, and noise would replace the prior.
TEST(HardCases, AColumnThatIsASumOfOthersIsFittedInDouble) {
  Table table = test::logistic_table(50000, 2, 110);
  std::vector<double> sum = table.at("x1").numbers;
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += table.at("x2").numbers[i];
  table.add_numbers("sum", sum);
  const Fit fit = velbo::fit(
      Glm("y ~ x1 + x2 + sum", Likelihood::bernoulli, table, priors(Prior::normal(0, 100), Prior::normal(0, 10))));
  EXPECT_EQ(fit.summary.fit.scalar, "double");
  EXPECT_NEAR(fit.summary.parameters[3].sd, 100 / std::sqrt(3.0), 0.1);
  EXPECT_TRUE(any_warning_names(fit.summary, "sum"));
  const Fit none =
      velbo::fit(Glm("y ~ x1 + x2 + sum", Likelihood::bernoulli, table, priors(Prior::flat(), Prior::flat())));
  EXPECT_EQ(none.summary.fit.status, Status::diverged);
}

TEST(HardCases, ARareLevelWithoutEventsAndWithoutPriorDiverges) {
  Table table = test::logistic_table(30000, 1, 120);
  std::vector<double> rare(30000, 0.0), y = table.at("y").numbers;
  for (std::size_t i = 0; i < 10; ++i) {
    rare[3000 * i + 17] = 1;
    y[3000 * i + 17] = 0;
  }
  Table with_level;
  with_level.add_numbers("x1", table.at("x1").numbers);
  with_level.add_numbers("rare", rare);
  with_level.add_numbers("y", y);
  const Fit fit =
      velbo::fit(Glm("y ~ x1 + rare", Likelihood::bernoulli, with_level, priors(Prior::flat(), Prior::flat())));
  EXPECT_EQ(fit.summary.fit.status, Status::diverged) << fit.summary.parameters[2].mean;
  EXPECT_NE(fit.summary.fit.message.find("rare"), std::string::npos) << fit.summary.fit.message;
}

// The unit of precision weights is the user's: only sigma and its default prior follow it.
TEST(HardCases, PrecisionWeightsHaveNoUnit) {
  Table table = test::logistic_table(100, 2, 130);
  const std::vector<double> noise = test::normals(100, 131);
  std::vector<double> y(100), w(100), large(100);
  for (std::size_t i = 0; i < 100; ++i) {
    y[i] = table.at("x1").numbers[i] + noise[i];
    w[i] = 1 + static_cast<double>(i % 3);
    large[i] = 1e6 * w[i];
  }
  table.add_numbers("outcome", y);
  table.add_numbers("w", w);
  table.add_numbers("large", large);
  GlmOptions options;
  options.weights_kind = WeightsKind::precision;
  options.weights = "w";
  const Fit small = velbo::fit(Glm("outcome ~ x1 + x2", Likelihood::gaussian, table, options), {.tolerance = 1e-4});
  options.weights = "large";
  const Fit big = velbo::fit(Glm("outcome ~ x1 + x2", Likelihood::gaussian, table, options), {.tolerance = 1e-4});
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(big.summary.parameters[i].mean, small.summary.parameters[i].mean,
                1e-3 * small.summary.parameters[i].sd);
    EXPECT_NEAR(big.summary.parameters[i].sd / small.summary.parameters[i].sd, 1, 1e-3);
  }
  EXPECT_NEAR(big.summary.parameters[3].mean / small.summary.parameters[3].mean, 1000, 1);
}

TEST(HardCases, NoTrialsAtAllLeaveThePrior) {
  Table table;
  table.add_numbers("x", {1, 2, 3});
  table.add_numbers("y", {0, 0, 0});
  table.add_numbers("n", {0, 0, 0});
  GlmOptions options = priors(Prior::normal(1, 2), Prior::normal(-1, 3));
  options.trials = "n";
  const Fit fit = velbo::fit(Glm("y ~ x", Likelihood::binomial, table, options));
  EXPECT_EQ(fit.summary.fit.status, Status::converged) << fit.summary.fit.message;
  EXPECT_NEAR(fit.summary.parameters[0].mean, -1, 1e-6);
  EXPECT_NEAR(fit.summary.parameters[0].sd, 3, 1e-6);
  EXPECT_NEAR(fit.summary.parameters[1].sd, 2, 1e-6);
}

// Far from the optimum Anderson's proposal may lie next to the point by accident: that is not convergence.
TEST(HardCases, AnOutcomeInTinyUnitsIsNotConvergedByAccident) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Table table;
    std::vector<double> y = test::normals(50, 140 + seed);
    for (double& v : y) v *= 1e-9;
    table.add_numbers("y", y);
    table.add_numbers("x", test::normals(50, 150 + seed));
    GlmOptions options = priors(Prior::cauchy(0, 1), Prior::cauchy(0, 1));
    options.prior_sigma = Prior::half_cauchy(1);
    const Fit fit = velbo::fit(Glm("y ~ x", Likelihood::gaussian, table, options));
    if (fit.summary.fit.status != Status::converged) continue;  // to say so is sound
    EXPECT_NEAR(std::log10(fit.summary.parameters[2].mean), -9, 0.2) << fit.summary.quality.error_sd;
  }
}

// Ninety small fits of many kinds, at the default tolerance and at 1e-6: what is claimed converged is near the optimum.
TEST(HardCases, ClaimedConvergenceIsNearTheOptimum) {
  const Prior coefficient[] = {Prior::normal(0, 2.5), Prior::normal(0, 50), Prior::student_t(3, 0, 1),
                               Prior::cauchy(0, 0.5), Prior::laplace(0, 0.3)};
  int far = 0;
  for (int i = 0; i < 90; ++i) {
    const std::int64_t n = 5 + 37 * (i % 5), d = 1 + i % 4;
    Table table = test::logistic_table(n, d, static_cast<std::uint64_t>(10000 + 100 * i));
    const Likelihood likelihood = i % 3 == 0   ? Likelihood::bernoulli
                                  : i % 3 == 1 ? Likelihood::poisson
                                               : Likelihood::gaussian;
    std::string outcome = "y";
    if (likelihood == Likelihood::gaussian) {
      table.add_numbers("z", test::normals(n, static_cast<std::uint64_t>(50000 + i)));
      outcome = "z";
    }
    std::string formula = outcome + " ~ x1";
    for (std::int64_t j = 2; j <= d; ++j) formula += " + x" + std::to_string(j);
    const Glm model(formula, likelihood, table, priors(coefficient[i % 5], Prior::normal(0, 10)));
    const Fit fit = velbo::fit(model, {.diagnostic_draws = 100});
    const Fit precise =
        velbo::fit(model, {.tolerance = 1e-6, .max_steps = 3000, .scalar = Scalar::float64, .diagnostic_draws = 100});
    double off = 0;
    for (std::size_t k = 0; k < fit.summary.parameters.size(); ++k) {
      const auto& a = fit.posterior.unconstrained_mean();
      const auto cov = precise.posterior.unconstrained_covariance();
      const double sd = std::sqrt(cov[k * fit.summary.parameters.size() + k]);
      off = std::max(off, std::abs(a[k] - precise.posterior.unconstrained_mean()[k]) / sd);
    }
    EXPECT_EQ(fit.summary.fit.status, Status::converged) << "case " << i << ": " << fit.summary.fit.message;
    EXPECT_LT(off, 0.1) << "case " << i << ", claimed " << fit.summary.quality.error_sd << ", steps "
                        << fit.summary.fit.steps;
    far += off > 0.02 ? 1 : 0;
  }
  EXPECT_LE(far, 5);  // an estimate, which a few exceed
}

}  // namespace
}  // namespace velbo
