// The engine `gradient` against `newton`, whose answers reference_test.cpp checks against independent ones: estimators, families,
// likelihoods, batches, scales of data, determinism.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "support/errors.h"
#include "support/simulate.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

struct Difference {
  double means = 0;  // largest, in posterior sds
  double sds = 0;    // largest relative
};

Difference difference(const Fit& fit, const Fit& reference) {
  Difference out;
  for (std::size_t i = 0; i < fit.summary.parameters.size(); ++i) {
    const ParameterSummary &found = fit.summary.parameters[i], &expected = reference.summary.parameters[i];
    out.means = std::max(out.means, std::abs(found.mean - expected.mean) / expected.sd);
    out.sds = std::max(out.sds, std::abs(found.sd / expected.sd - 1));
  }
  return out;
}

Glm wells() {
  return Glm("switch ~ distance + arsenic", Likelihood::bernoulli,
             read_csv(VELBO_TEST_DATA_DIR "/../../examples/data/wells.csv"));
}

class Wells : public testing::TestWithParam<std::tuple<Estimator, FamilyKind, EntropyGradient, DrawKind>> {
 protected:
  // Of the same family; low rank 2 of 3 latents holds any covariance.
  [[nodiscard]] static Fit reference(FamilyKind family) {
    return velbo::fit(wells(),
                      {.family = family == FamilyKind::mean_field ? family : FamilyKind::full_rank, .tolerance = 1e-4});
  }
  [[nodiscard]] static FitOptions options() {
    const auto [estimator, family, entropy, draws] = GetParam();
    FitOptions out{.engine = EngineKind::gradient, .family = family};
    out.rank = family == FamilyKind::low_rank ? 2 : 0;
    out.gradient.estimator = estimator;
    out.gradient.entropy = entropy;
    out.gradient.draw_kind = draws;
    return out;
  }
};

// All rows a step, as it comes: whatever noise the estimator has, averages reach 0.15 sd and 5 %.
TEST_P(Wells, AllRows) {
  const Fit fit = velbo::fit(wells(), options());
  EXPECT_TRUE(fit.summary.converged()) << fit.summary.full_report();
  const Difference off = difference(fit, reference(std::get<1>(GetParam())));
  EXPECT_LT(off.means, 0.15);
  EXPECT_LT(off.sds, 0.05);
  // What the fit says of itself holds: the error is in sds of means and of log sds, and asked to be 0.02.
  EXPECT_LT(fit.summary.quality.error_sd, 0.02);
  EXPECT_LT(off.means, 0.03);
}

// Batches of 256 with an anchor.
TEST_P(Wells, AnchoredBatches) {
  FitOptions o = options();
  o.gradient.batch_size = 256;
  o.gradient.check_batches = true;
  const Fit fit = velbo::fit(wells(), o);
  EXPECT_TRUE(fit.summary.converged()) << fit.summary.full_report();
  const Difference off = difference(fit, reference(std::get<1>(GetParam())));
  EXPECT_LT(off.means, 0.05);
  EXPECT_LT(off.sds, 0.05);
}

INSTANTIATE_TEST_SUITE_P(
    All, Wells,
    testing::Combine(testing::Values(Estimator::quadrature, Estimator::local, Estimator::weights),
                     testing::Values(FamilyKind::mean_field, FamilyKind::full_rank, FamilyKind::low_rank),
                     testing::Values(EntropyGradient::closed_form), testing::Values(DrawKind::iid)),
    [](const auto& p) {
      return std::string(name(std::get<0>(p.param))) + "_" + std::string(name(std::get<1>(p.param)));
    });
INSTANTIATE_TEST_SUITE_P(Sticking, Wells,
                         testing::Values(std::tuple{Estimator::weights, FamilyKind::full_rank,
                                                    EntropyGradient::sticking_the_landing, DrawKind::sobol}),
                         [](const auto&) { return std::string("sobol_full_rank"); });

// Plain minibatches stay off by the noise of their batches; an anchor does not.
TEST(Anchor, ReachesWhatPlainBatchesCannot) {
  FitOptions options{.engine = EngineKind::gradient, .max_steps = 600};
  options.gradient.batch_size = 128;
  options.gradient.variance_reduction = VarianceReduction::none;
  const Fit plain = velbo::fit(wells(), options);
  options.gradient.variance_reduction = VarianceReduction::anchor;
  const Fit anchored = velbo::fit(wells(), options);
  EXPECT_FALSE(plain.summary.converged());
  EXPECT_GT(plain.summary.quality.error_sd, 0.02);
  EXPECT_TRUE(anchored.summary.converged());
  // Off by about sqrt(N / (B steps)) = 0.2 sds, not lost.
  EXPECT_LT(difference(plain, anchored).means, 1);
}

class Likelihoods : public testing::TestWithParam<std::tuple<Likelihood, Estimator>> {};

TEST_P(Likelihoods, AgreeWithNewton) {
  const auto [likelihood, estimator] = GetParam();
  Table table = test::logistic_table(1500, 3, 4);
  std::vector<double> count, real;
  for (std::size_t i = 0; i < 1500; ++i) {
    const double eta = 0.5 * table.at("x1").numbers[i] - 0.3 * table.at("x2").numbers[i] + 0.2;
    count.push_back(std::floor(std::exp(eta) + static_cast<double>(i % 3)));
    real.push_back(10 * eta + std::sin(static_cast<double>(i)));
  }
  table.add_numbers("count", count);
  table.add_numbers("real", real);
  const std::string outcome = likelihood == Likelihood::poisson    ? "count"
                              : likelihood == Likelihood::gaussian ? "real"
                                                                   : "y";
  const Glm model(outcome + " ~ x1 + x2 + x3", likelihood, table);
  const Fit reference = velbo::fit(model, {.tolerance = 1e-4});
  FitOptions options{.engine = EngineKind::gradient};
  options.gradient.estimator = estimator;
  options.gradient.batch_size = 200;
  const Fit fit = velbo::fit(model, options);
  EXPECT_TRUE(fit.summary.converged()) << fit.summary.full_report();
  EXPECT_LT(difference(fit, reference).means, 0.05);
  EXPECT_LT(difference(fit, reference).sds, 0.05);
  EXPECT_NEAR(fit.summary.quality.elbo, reference.summary.quality.elbo, 0.01);
}

INSTANTIATE_TEST_SUITE_P(All, Likelihoods,
                         testing::Combine(testing::Values(Likelihood::bernoulli, Likelihood::poisson,
                                                          Likelihood::gaussian),
                                          testing::Values(Estimator::quadrature, Estimator::local, Estimator::weights)),
                         [](const auto& p) {
                           return std::string(name(std::get<0>(p.param))) + "_" +
                                  std::string(name(std::get<1>(p.param)));
                         });

// The step size needs no tuning: the same model in units from 1e-3 to 1e3 takes about the same steps to the same answer.
class Scales : public testing::TestWithParam<OptimizerKind> {};

TEST_P(Scales, DoNotMatter) {
  std::int64_t steps = 0;
  Fit reference = velbo::fit(wells(), {.tolerance = 1e-4});
  for (const double scale : {1.0, 1e-3, 1e3}) {
    Table table = read_csv(VELBO_TEST_DATA_DIR "/../../examples/data/wells.csv");
    std::vector<double> arsenic = table.at("arsenic").numbers;
    for (double& v : arsenic) v *= scale;
    table.add_numbers("scaled", arsenic);
    FitOptions options{.engine = EngineKind::gradient};
    options.gradient.estimator = Estimator::weights;
    options.gradient.batch_size = 500;
    options.gradient.optimizer = GetParam();
    const Fit fit = velbo::fit(Glm("switch ~ distance + scaled", Likelihood::bernoulli, table), options);
    EXPECT_TRUE(fit.summary.converged()) << scale << fit.summary.full_report();
    const ParameterSummary &found = fit.summary.parameters[2], &expected = reference.summary.parameters[2];
    EXPECT_NEAR(found.mean * scale, expected.mean, 0.05 * expected.sd) << scale;
    EXPECT_NEAR(found.sd * scale, expected.sd, 0.05 * expected.sd) << scale;
    if (scale == 1) steps = fit.summary.fit.steps;
    EXPECT_LE(fit.summary.fit.steps, 2 * steps) << scale;
    EXPECT_GE(2 * fit.summary.fit.steps, steps) << scale;
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Scales, testing::Values(OptimizerKind::sgd, OptimizerKind::adam),
                         [](const auto& p) { return std::string(name(p.param)); });

// LIBSVM's classification sets, sparse rows, against newton: within 0.1 sd.
class Sparse : public testing::TestWithParam<std::tuple<std::string, FamilyKind, Estimator>> {};

TEST_P(Sparse, AgreesWithNewton) {
  const auto& [name, family, estimator] = GetParam();
  const std::string path = VELBO_SHARED_DATA_DIR "/classification/" + name + ".libsvm";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "the shared data are not here: " << name;
  const LibsvmData data = read_libsvm(path);
  GlmArrays arrays{.x = data.x, .y = data.y};
  arrays.y_holds_labels = true;
  GlmOptions priors;
  priors.prior = Prior::normal(0, 1);
  const Glm model(Likelihood::bernoulli, arrays, priors);
  const Fit reference = velbo::fit(model, {.family = family, .tolerance = 1e-3, .diagnostic_draws = 100});
  FitOptions options{.engine = EngineKind::gradient, .family = family, .diagnostic_draws = 100};
  options.gradient.estimator = estimator;
  const Fit fit = velbo::fit(model, options);
  EXPECT_TRUE(fit.summary.converged()) << fit.summary.brief_report();
  EXPECT_LT(difference(fit, reference).means, 0.1);
  EXPECT_LT(difference(fit, reference).sds, 0.05);
}

INSTANTIATE_TEST_SUITE_P(Classification, Sparse,
                         testing::Values(std::tuple{"a9a", FamilyKind::full_rank, Estimator::quadrature},
                                         std::tuple{"a9a", FamilyKind::mean_field, Estimator::local},
                                         std::tuple{"mushrooms", FamilyKind::full_rank, Estimator::quadrature},
                                         std::tuple{"mushrooms", FamilyKind::mean_field, Estimator::quadrature}),
                         [](const auto& p) {
                           return std::get<0>(p.param) + "_" + std::string(velbo::name(std::get<1>(p.param)));
                         });

// 100,000 sparse columns with mean field: nothing of size columns squared, or rows times columns.
TEST(WideSparse, IsFittedInProportionToItsEntries) {
  constexpr std::int64_t n = 3000, d = 100000, each = 12;
  std::vector<std::int64_t> start = {0};
  std::vector<std::int32_t> column;
  std::vector<double> value, y;
  const std::vector<double> noise = test::normals(n, 3);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t k = 0; k < each; ++k) {
      column.push_back(static_cast<std::int32_t>(k * (d / each) + (i * 7919 + k * 104729) % (k < 2 ? 5 : d / each)));
      value.push_back(k == 0 && column.back() % 2 == 0 ? 2.0 : 1.0);
    }
    start.push_back(static_cast<std::int64_t>(column.size()));
    y.push_back(
        (column[static_cast<std::size_t>(i * each)] % 2 == 0 ? 1.0 : -1.0) + noise[static_cast<std::size_t>(i)] > 0
            ? 1
            : 0);
  }
  GlmOptions priors;
  priors.prior = Prior::normal(0, 1);
  const Glm model(Likelihood::bernoulli, {.x = FeatureMatrix::sparse(d, start, column, value), .y = y}, priors);
  const Fit newton = velbo::fit(model, {.diagnostic_draws = 100});
  EXPECT_TRUE(newton.summary.converged()) << newton.summary.brief_report();
  EXPECT_EQ(newton.summary.fit.family, "mean_field");
  EXPECT_GT(newton.summary.parameters[1].mean, 0.3);   // even columns of the first group: outcome 1
  EXPECT_LT(newton.summary.parameters[2].mean, -0.3);  // odd ones: 0
  FitOptions options{.engine = EngineKind::gradient, .max_steps = 300, .diagnostic_draws = 100};
  options.gradient.batch_size = 500;
  const Fit gradient = velbo::fit(model, options);
  // Beyond 1,000 latents steps are whitened by the diagonal alone and a few hundred do not arrive, which the fit has to say.
  EXPECT_FALSE(gradient.summary.converged());
  EXPECT_GT(gradient.summary.quality.error_sd, 0.02);
  EXPECT_GT(gradient.summary.quality.elbo, newton.summary.quality.elbo - 60);
  EXPECT_LE(gradient.summary.quality.elbo, newton.summary.quality.elbo);
}

TEST(Gradient, SameSeedSameBitsWithAnyThreads) {
  const Glm model("y ~ x1 + x2 + x3 + x4 + x5", Likelihood::bernoulli, test::logistic_table(30000, 5, 2));
  for (const Estimator estimator : {Estimator::weights, Estimator::local}) {
    FitOptions options{.engine = EngineKind::gradient, .max_steps = 60, .threads = 1};
    options.gradient.estimator = estimator;
    options.gradient.batch_size = 20000;
    const Fit one = velbo::fit(model, options);
    for (const int threads : {1, 2, 3}) {
      options.threads = threads;
      const Fit other = velbo::fit(model, options);
      EXPECT_EQ(one.posterior.unconstrained_mean(), other.posterior.unconstrained_mean());
      EXPECT_EQ(one.posterior.unconstrained_covariance(), other.posterior.unconstrained_covariance());
    }
    options.seed = 2;
    EXPECT_NE(one.posterior.unconstrained_mean(), velbo::fit(model, options).posterior.unconstrained_mean());
  }
}

TEST(Gradient, OptionsThatMakeNoSenseAreRefused) {
  const Glm model = wells();
  const auto refused = [&](auto&& change) {
    FitOptions options{.engine = EngineKind::gradient};
    change(options);
    return test::error_of([&] { static_cast<void>(velbo::fit(model, options)); });
  };
  EXPECT_EQ(refused([](FitOptions& o) { o.gradient.draws = -1; }),
            "argument| draws is -1, expected 1 or more (0: chosen)");
  EXPECT_EQ(refused([](FitOptions& o) { o.gradient.momentum = 1; }),
            "argument| momentum is 1, expected a number from 0 to below 1");
  EXPECT_EQ(refused([](FitOptions& o) { o.gradient.draw_kind = DrawKind::sobol; }),
            "argument| sobol draws are for estimator weights, not quadrature");
  EXPECT_EQ(refused([](FitOptions& o) { o.rank = 2; }),
            "argument| a rank was given, but family full_rank has none; low_rank has");
  EXPECT_EQ(refused([](FitOptions& o) {
              o.family = FamilyKind::low_rank;
              o.rank = 4;
            }),
            "argument| rank is 4, expected at most the 3 latents");
  EXPECT_NE(refused([](FitOptions& o) {
              o.engine = EngineKind::newton;
              o.gradient.batch_size = 10;
            }).find("engine newton looks at all rows"),
            std::string::npos);
}

}  // namespace
}  // namespace velbo
