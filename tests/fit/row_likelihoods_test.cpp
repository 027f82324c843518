// Fits of formulas whose likelihood is known by its log density: the truth is found again, limits, and everything a fit leaves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/errors.h"
#include "support/row_likelihoods.h"
#include "support/scratch.h"
#include "velbo/fit.h"

namespace velbo {
namespace {

using test::RowCase;

constexpr const char* kFormula = "y ~ x1 + x2 + g";

Glm model_of(const RowCase& c, std::int64_t n) {
  GlmOptions options;
  options.offset = "o";
  return Glm(kFormula, c.likelihood, test::row_table(c, n), options);
}

// 11 z-scores below 4.5: a false alarm once in 10,000 choices of the seed (it is fixed).
TEST(RowLikelihoodsStatistical, TheTruthIsFoundAgain) {
  for (const RowCase& c : test::row_cases()) {
    SCOPED_TRACE(text_of(c));
    const Fit fit = velbo::fit(model_of(c, 200), {.diagnostic_draws = 2000});
    EXPECT_TRUE(fit.summary.converged()) << fit.summary.full_report();
    EXPECT_NE(fit.summary.quality.verdict, Verdict::unreliable) << fit.summary.full_report();
    std::vector<double> truth = test::row_coefficients();
    truth.insert(truth.end(), c.auxiliary.begin(), c.auxiliary.end());
    ASSERT_EQ(fit.summary.parameters.size(), truth.size());
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const ParameterSummary& p = fit.summary.parameters[i];
      EXPECT_LT(std::abs(p.mean - truth[i]), 4.5 * p.sd) << p.name << " " << p.mean << " +- " << p.sd;
      EXPECT_LT(p.sd, 0.5 * std::max(truth[i], 0.6)) << p.name;
    }
  }
}

TEST(RowLikelihoods, SummaryFileAndDraws) {
  for (const RowCase& c : test::row_cases()) {
    SCOPED_TRACE(text_of(c));
    FitOptions options;
    options.diagnostic_draws = 1000;
    const Fit fit = velbo::fit(model_of(c, 60), options);
    EXPECT_EQ(fit.summary.model.likelihood, name(c.likelihood));
    EXPECT_EQ(fit.summary.model.n_rows, 60);
    EXPECT_EQ(fit.summary.fit.engine, "natural_gradient");
    EXPECT_EQ(fit.posterior.parameters(), nullptr);
    EXPECT_EQ(fit.posterior.likelihood(), c.likelihood);
    EXPECT_EQ(fit.posterior.names()[3], "gb");
    ASSERT_EQ(fit.summary.model.priors.size(), fit.posterior.names().size());
    for (std::size_t i = 0; i < fit.posterior.names().size(); ++i)
      EXPECT_EQ(fit.summary.model.priors[i].parameter, fit.posterior.names()[i]);
    const Summary read = Summary::from_json(fit.summary.to_json());
    EXPECT_EQ(read.model.priors.back().prior, fit.summary.model.priors.back().prior);
    EXPECT_NE(fit.summary.full_report().find("\n" + fit.posterior.names().back() + " "), std::string::npos);

    test::ScratchFolder folder;
    const std::string path = folder.file("fit.velbo");
    fit.save(path);
    const Posterior loaded = Posterior::load(path);
    EXPECT_EQ(loaded.sample(20), fit.posterior.sample(20));
    EXPECT_EQ(loaded.mean(), fit.posterior.mean());
    EXPECT_EQ(loaded.quantile(0.3), fit.posterior.quantile(0.3));
    const Table rows = test::row_table(c, 7, 3);
    for (const PredictionKind kind : {PredictionKind::response, PredictionKind::linear, PredictionKind::outcome}) {
      const Predictions a = loaded.predict(rows, {.kind = kind}), b = fit.posterior.predict(rows, {.kind = kind});
      EXPECT_EQ(a.mean, b.mean);
      EXPECT_EQ(a.upper, b.upper);
      for (std::size_t i = 0; i < 7; ++i) EXPECT_TRUE(a.lower[i] <= a.upper[i] && std::isfinite(a.mean[i]));
    }
    // A fit from there has less to do.
    FitOptions warm = options;
    warm.init = loaded;
    const Fit again = velbo::fit(model_of(c, 60), warm);
    EXPECT_TRUE(again.summary.converged());
    EXPECT_NEAR(again.summary.parameters[1].mean, fit.summary.parameters[1].mean, 0.1 * fit.summary.parameters[1].sd);
  }
}

// Where the prior holds nu, or phi, at a huge number: the other likelihood's exact fit, within a tenth of a posterior sd.
TEST(RowLikelihoods, LimitsAreTheOtherFits) {
  const auto compare = [](const RowCase& c, Likelihood limit, const GlmOptions& held) {
    SCOPED_TRACE(text_of(c));
    const Table table =
        test::row_table({limit == Likelihood::poisson ? c.likelihood : Likelihood::student_t,
                         limit == Likelihood::poisson ? std::vector<double>{1e6} : std::vector<double>{0.7, 1e6}},
                        100, 4);
    const Fit here = velbo::fit(Glm(kFormula, c.likelihood, table, held), {.diagnostic_draws = 1000});
    const Fit there = velbo::fit(Glm(kFormula, limit, table));
    EXPECT_TRUE(here.summary.converged());
    for (std::size_t i = 0; i < there.summary.parameters.size(); ++i) {
      const ParameterSummary &a = here.summary.parameters[i], &b = there.summary.parameters[i];
      EXPECT_EQ(a.name, b.name);
      EXPECT_NEAR(a.mean, b.mean, 0.1 * b.sd) << a.name;
      EXPECT_NEAR(a.sd, b.sd, 0.05 * b.sd) << a.name;
    }
  };
  GlmOptions student, counts;
  student.prior_nu = Prior::gamma(100, 1e-4);  // a million, 10 % either way
  counts.prior_phi = Prior::gamma(100, 1e-4);
  compare(test::row_cases()[0], Likelihood::gaussian, student);
  compare(test::row_cases()[1], Likelihood::poisson, counts);
}

// Same means, and sds of the conditional kind: those of the full-rank fit's precision's diagonal.
TEST(RowLikelihoods, MeanFieldBySaa) {
  const Glm model = model_of(test::row_cases()[0], 80);
  FitOptions options;
  options.family = FamilyKind::mean_field;
  options.diagnostic_draws = 1000;
  const Fit fit = velbo::fit(model, options);
  options.family = FamilyKind::full_rank;
  const Fit full = velbo::fit(model, options);
  EXPECT_EQ(fit.summary.fit.engine, "saa");
  EXPECT_TRUE(fit.summary.converged());
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(fit.summary.parameters[i].mean, full.summary.parameters[i].mean, 0.2 * full.summary.parameters[i].sd);
    EXPECT_LT(fit.summary.parameters[i].sd, 1.02 * full.summary.parameters[i].sd);
  }
}

TEST(RowLikelihoods, OptionsThatMakeNoSenseAreRefused) {
  const Glm model = model_of(test::row_cases()[0], 30);
  const auto refusal = [&](const FitOptions& options) { return test::error_of([&] { velbo::fit(model, options); }); };
  FitOptions options;
  options.engine = EngineKind::newton;
  EXPECT_EQ(refusal(options),
            "argument| engine is \"newton\", expected \"natural_gradient\", \"saa\", \"pathfinder\", \"gradient\" or "
            "\"auto\" for \"y ~ x1 + x2 + "
            "g\", which is "
            "known by its log density alone");
  options.engine = EngineKind::automatic;
  options.init = velbo::fit(model_of(test::row_cases()[1], 30), {.diagnostic_draws = 1000}).posterior;
  EXPECT_EQ(refusal(options),
            "argument| the fit to start from has other parameters or constraints: Intercept, x1, x2, gb, phi, expected "
            "Intercept, "
            "x1, x2, gb, sigma, nu");
}

}  // namespace
}  // namespace velbo
