// Fits of mixtures: invariances, engines against each other, merges, pruning, new rows, resuming, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>

#include "mixtures/problem.h"
#include "support/errors.h"
#include "support/scratch.h"

namespace velbo::test {
namespace {

void expect_same(const GaussianMixtureFit& a, const GaussianMixtureFit& b) {
  EXPECT_EQ(a.run.elbo, b.run.elbo);
  EXPECT_EQ(a.run.elbo_trace, b.run.elbo_trace);
  EXPECT_EQ(a.run.steps, b.run.steps);
  EXPECT_EQ(a.posterior.state().statistics, b.posterior.state().statistics);
  EXPECT_EQ(a.posterior.means(), b.posterior.means());
  EXPECT_EQ(a.posterior.covariances_sd(), b.posterior.covariances_sd());
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b, double relative) {
  ASSERT_EQ(a.size(), b.size());
  double scale = 0;
  for (const double value : b) scale = std::max(scale, std::abs(value));
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], relative * scale) << i;
}

GaussianMixtureOptions options_of(CovarianceKind kind, std::int64_t k) {
  GaussianMixtureOptions out;
  out.covariance = kind;
  out.n_components = k;
  return out;
}

TEST(MixtureFit, SameBitsForAnyNumberOfThreads) {
  const Rows rows = groups_of_rows(30000, 6, 4, 2, 5);
  for (const CovarianceKind kind : kKinds)
    for (const ConjugateEngine engine : {ConjugateEngine::cavi, ConjugateEngine::memoized, ConjugateEngine::svi}) {
      SCOPED_TRACE(std::string(name(kind)) + " " + std::string(name(engine)));
      GaussianMixtureOptions options = options_of(kind, 4);
      options.fit.engine = engine;
      options.fit.max_passes = 3;
      options.fit.threads = 1;
      const GaussianMixtureFit one = fit_gaussian_mixture(rows.matrix(), options);
      options.fit.threads = 3;
      const GaussianMixtureFit three = fit_gaussian_mixture(rows.matrix(), options);
      expect_same(one, three);
      EXPECT_EQ(one.posterior.responsibilities(rows.matrix(), 1), one.posterior.responsibilities(rows.matrix(), 4));
      EXPECT_EQ(one.posterior.log_density(rows.matrix(), 1), one.posterior.log_density(rows.matrix(), 4));
    }
}

TEST(MixtureFit, RowsOfWeightTwoAreThereTwice) {
  const Rows rows = groups_of_rows(120, 3, 3, 2, 7);
  Rows twice = rows;
  std::vector<double> weights(120, 1.0);
  std::vector<double> r = random_responsibilities(120, 3, 3), r_twice = r;
  for (std::int64_t n = 0; n < 120; n += 3) {
    weights[static_cast<std::size_t>(n)] = 2;
    twice.x.insert(twice.x.end(), rows.x.begin() + n * 3, rows.x.begin() + n * 3 + 3);
    r_twice.insert(r_twice.end(), r.begin() + n * 3, r.begin() + n * 3 + 3);
    ++twice.n;
  }
  for (const CovarianceKind kind : kKinds) {
    SCOPED_TRACE(name(kind));
    GaussianMixtureOptions options = options_of(kind, 3);
    options.responsibilities = r;
    options.fit.max_passes = 15;
    const GaussianMixtureFit weighted = fit_gaussian_mixture(rows.matrix(), options, weights);
    options.responsibilities = r_twice;
    const GaussianMixtureFit repeated = fit_gaussian_mixture(twice.matrix(), options);
    EXPECT_NEAR(weighted.run.elbo, repeated.run.elbo, 1e-9 * std::abs(repeated.run.elbo));
    expect_near(weighted.posterior.means(), repeated.posterior.means(), 1e-9);
    expect_near(weighted.posterior.weights(), repeated.posterior.weights(), 1e-9);
    expect_near(weighted.posterior.covariances(), repeated.posterior.covariances(), 1e-9);
  }
}

TEST(MixtureFit, OrderOfRowsAndLabelsDoNotMatter) {
  const Rows rows = groups_of_rows(200, 3, 3, 2, 7);
  Rows reversed = rows;
  const std::vector<double> r = random_responsibilities(200, 3, 3);
  std::vector<double> r_reversed(r.size()), r_relabelled(r.size());
  const std::size_t label[] = {2, 0, 1};
  for (std::size_t n = 0; n < 200; ++n)
    for (std::size_t j = 0; j < 3; ++j) {
      reversed.x[(199 - n) * 3 + j] = rows.x[n * 3 + j];
      r_reversed[(199 - n) * 3 + j] = r[n * 3 + j];
      r_relabelled[n * 3 + label[j]] = r[n * 3 + j];
    }
  for (const CovarianceKind kind : kKinds)
    for (const WeightsPrior prior : kPriors) {
      SCOPED_TRACE(name(kind));
      GaussianMixtureOptions options = options_of(kind, 3);
      options.weights_prior = prior;
      options.fit.max_passes = 10;
      options.responsibilities = r;
      const GaussianMixtureFit fit = fit_gaussian_mixture(rows.matrix(), options);
      options.responsibilities = r_reversed;
      const GaussianMixtureFit other_order = fit_gaussian_mixture(reversed.matrix(), options);
      EXPECT_NEAR(fit.run.elbo, other_order.run.elbo, 1e-9 * std::abs(fit.run.elbo));
      expect_near(other_order.posterior.means(), fit.posterior.means(), 1e-8);
      options.responsibilities = r_relabelled;
      const GaussianMixtureFit relabelled = fit_gaussian_mixture(rows.matrix(), options);
      EXPECT_NEAR(fit.run.elbo, relabelled.run.elbo, 1e-9 * std::abs(fit.run.elbo));
      // Sticks bring their own order, which labels have no part in.
      std::vector<double> weights = fit.posterior.weights(), others = relabelled.posterior.weights();
      if (prior == WeightsPrior::dirichlet) others = {others[2], others[0], others[1]};
      expect_near(others, weights, 1e-8);
      if (prior == WeightsPrior::dirichlet_process) {
        EXPECT_TRUE(std::is_sorted(fit.posterior.counts().rbegin(), fit.posterior.counts().rend()));
      }
    }
}

// Units and origin of a feature change the ELBO by the log determinant alone, and answers as they do.
TEST(MixtureFit, ScaleAndOriginDoNotMatter) {
  const Rows rows = groups_of_rows(150, 2, 3, 2, 7);
  Rows other = rows;
  const double unit[] = {3e60, 2e-70}, origin[] = {5e61, -1e-69};
  for (std::size_t i = 0; i < other.x.size(); ++i) other.x[i] = other.x[i] * unit[i % 2] + origin[i % 2];
  for (const CovarianceKind kind : {CovarianceKind::full, CovarianceKind::diagonal, CovarianceKind::tied}) {
    GaussianMixtureOptions options = options_of(kind, 3);
    options.responsibilities = random_responsibilities(150, 3, 3);
    options.fit.max_passes = 10;
    const GaussianMixtureFit fit = fit_gaussian_mixture(rows.matrix(), options),
                             far = fit_gaussian_mixture(other.matrix(), options);
    EXPECT_NEAR(far.run.elbo, fit.run.elbo - 150 * (std::log(unit[0]) + std::log(unit[1])),
                1e-8 * std::abs(far.run.elbo));
    for (std::size_t i = 0; i < 6; ++i)
      EXPECT_NEAR((far.posterior.means()[i] - origin[i % 2]) / unit[i % 2], fit.posterior.means()[i], 1e-7);
    expect_near(far.posterior.responsibilities(other.matrix()), fit.posterior.responsibilities(rows.matrix()), 1e-7);
  }
}

TEST(MixtureFit, FloatsAreCloseToDoubles) {
  const Rows rows = groups_of_rows(5000, 8, 5, 1.5, 7);
  for (const CovarianceKind kind : kKinds) {
    SCOPED_TRACE(name(kind));
    GaussianMixtureOptions options = options_of(kind, 5);
    options.responsibilities = random_responsibilities(5000, 5, 3);
    options.fit.max_passes = 8;
    const GaussianMixtureFit exact = fit_gaussian_mixture(rows.matrix(), options);
    const GaussianMixtureFit rounded = fit_gaussian_mixture(rows.matrix_of_floats(), options);
    options.fit.scalar = Scalar::float32;
    const GaussianMixtureFit single = fit_gaussian_mixture(rows.matrix(), options);
    EXPECT_EQ(exact.run.scalar, "double");
    EXPECT_EQ(rounded.run.scalar, "float");
    for (const GaussianMixtureFit* fit : {&rounded, &single}) {
      EXPECT_NEAR(fit->run.elbo, exact.run.elbo, 1e-5 * std::abs(exact.run.elbo));
      expect_near(fit->posterior.means(), exact.posterior.means(), 1e-3);
      expect_near(fit->posterior.weights(), exact.posterior.weights(), 1e-3);
    }
  }
}

// Float rows far from the origin, whose mean is no float: the same numbers as doubles say what is right.
TEST(MixtureFit, FloatsKeepTheDigitsOfTheirCentre) {
  const Rows rows = groups_of_rows(1000, 2, 2, 4, 7);
  std::vector<float> x;
  for (const double value : rows.x) x.push_back(static_cast<float>(3e6 + value));
  const std::vector<double> wide(x.begin(), x.end());
  GaussianMixtureOptions options = options_of(CovarianceKind::full, 2);
  options.responsibilities = random_responsibilities(1000, 2, 3);
  const GaussianMixture single = fit_gaussian_mixture(MatrixView<const float>{x.data(), 1000, 2, 2}, options).posterior,
                        exact =
                            fit_gaussian_mixture(MatrixView<const double>{wide.data(), 1000, 2, 2}, options).posterior;
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(single.means()[i], exact.means()[i], 2e-3) << i;
}

// Groups that are far apart, begun with too many components.
TEST(MixtureFit, MergesFindTheNumberOfGroups) {
  Rows rows{1200, 3, {}};  // round groups of one size, which every kind of covariance can describe
  std::mt19937_64 engine(21);
  std::normal_distribution<double> normal;
  for (int i = 0; i < 1200; ++i)
    for (int j = 0; j < 3; ++j) rows.x.push_back((i % 4 == j + 1 ? 14 : 0) + normal(engine));
  int merges = 0;
  for (const CovarianceKind kind : kKinds)
    for (const WeightsPrior prior : kPriors) {
      SCOPED_TRACE(std::string(name(kind)) + " " + std::string(name(prior)));
      GaussianMixtureOptions options = options_of(kind, 10);
      options.weights_prior = prior;
      options.fit.engine = ConjugateEngine::memoized;
      options.fit.batch_size = 200;
      options.concentration = 1;
      options.prune_below = 1;
      const GaussianMixtureFit fit = fit_gaussian_mixture(rows.matrix(), options);
      EXPECT_EQ(fit.posterior.n_components(), 4);
      EXPECT_EQ(fit.pruned.size(), 6U);
      merges += static_cast<int>(fit.merges);
      for (const double count : fit.posterior.counts()) EXPECT_NEAR(count, 300, 1);
      for (std::size_t i = 1; i < fit.run.elbo_trace.size(); ++i)
        EXPECT_GE(fit.run.elbo_trace[i], fit.run.elbo_trace[i - 1] - 1e-9 * std::abs(fit.run.elbo)) << i;
      std::set<std::int32_t> of_group[4];
      const std::vector<std::int32_t> labels = fit.posterior.labels(rows.matrix());
      for (std::size_t n = 0; n < labels.size(); ++n) of_group[n % 4].insert(labels[n]);
      for (const auto& found : of_group) EXPECT_EQ(found.size(), 1U);
      // Without merges there are more.
      options.merges = false;
      const GaussianMixtureFit unmerged = fit_gaussian_mixture(rows.matrix(), options);
      EXPECT_EQ(unmerged.merges, 0);
      EXPECT_LE(unmerged.run.elbo, fit.run.elbo + 1e-6 * std::abs(fit.run.elbo));
    }
  EXPECT_GE(merges, 8);
}

TEST(MixtureFit, RestartsKeepTheBest) {
  const Rows rows = groups_of_rows(600, 2, 6, 3, 2);
  GaussianMixtureOptions options = options_of(CovarianceKind::full, 6);
  options.n_restarts = 5;
  const GaussianMixtureFit fit = fit_gaussian_mixture(rows.matrix(), options);
  ASSERT_EQ(fit.run.elbo_of_restarts.size(), 5U);
  EXPECT_EQ(fit.run.elbo, *std::max_element(fit.run.elbo_of_restarts.begin(), fit.run.elbo_of_restarts.end()));
  options.n_restarts = 1;
  EXPECT_EQ(fit_gaussian_mixture(rows.matrix(), options).run.elbo, fit.run.elbo_of_restarts[0]);
}

TEST(MixtureFit, EnginesReachTheSameOptimum) {
  const Rows rows = groups_of_rows(2000, 3, 3, 5, 4);
  GaussianMixtureOptions options = options_of(CovarianceKind::full, 3);
  options.fit.tolerance = 1e-9;
  const GaussianMixtureFit cavi = fit_gaussian_mixture(rows.matrix(), options);
  options.fit.engine = ConjugateEngine::memoized;
  options.fit.batch_size = 150;
  const GaussianMixtureFit memoized = fit_gaussian_mixture(rows.matrix(), options);
  EXPECT_NEAR(memoized.run.elbo, cavi.run.elbo, 1e-6 * std::abs(cavi.run.elbo));
  options.fit.engine = ConjugateEngine::svi;
  options.fit.max_passes = 40;
  const GaussianMixtureFit svi = fit_gaussian_mixture(rows.matrix(), options);
  EXPECT_NEAR(svi.run.elbo, cavi.run.elbo, 1e-3 * std::abs(cavi.run.elbo));
  EXPECT_LT(svi.run.elbo, cavi.run.elbo + 1e-6 * std::abs(cavi.run.elbo));
}

// With one component the answer does not depend on how the rows came; with more it is a sound prior for what follows.
TEST(MixtureFit, NewRowsAddUp) {
  const Rows rows = groups_of_rows(400, 3, 3, 8, 4);
  const FeatureMatrix first = FeatureMatrix::borrow(MatrixView<const double>{rows.x.data(), 250, 3, 3}),
                      second = FeatureMatrix::borrow(MatrixView<const double>{rows.x.data() + 750, 150, 3, 3});
  for (const CovarianceKind kind : kKinds)
    for (const WeightsPrior prior : kPriors) {
      SCOPED_TRACE(name(kind));
      GaussianMixtureOptions options = options_of(kind, 1);
      options.weights_prior = prior;
      options.degrees_of_freedom = 6;
      options.prior_mean = {1, 2, 3};
      options.prior_scale.assign(kind == CovarianceKind::spherical ? 1 : kind == CovarianceKind::diagonal ? 3 : 9, 0.0);
      for (std::size_t i = 0; i < options.prior_scale.size(); i += kind == CovarianceKind::diagonal ? 1 : 4)
        options.prior_scale[i] = 2;
      const GaussianMixtureFit whole = fit_gaussian_mixture(rows.matrix(), options),
                               half = fit_gaussian_mixture(first, options), both = partial_fit(half.posterior, second);
      expect_near(both.posterior.means(), whole.posterior.means(), 1e-10);
      expect_near(both.posterior.covariances(), whole.posterior.covariances(), 1e-10);
      // The chain rule of evidences.
      EXPECT_NEAR(half.run.elbo + both.run.elbo, whole.run.elbo, 1e-9 * std::abs(whole.run.elbo));

      options.n_components = 3;
      const GaussianMixtureFit three = fit_gaussian_mixture(first, options),
                               more = partial_fit(three.posterior, second);
      double total = 0;
      for (const double count : more.posterior.counts()) total += count;
      EXPECT_NEAR(total, 400, 1e-9);
      for (std::size_t i = 1; i < more.run.elbo_trace.size(); ++i)
        EXPECT_GE(more.run.elbo_trace[i], more.run.elbo_trace[i - 1] - 1e-9 * std::abs(more.run.elbo));
      options.init = std::make_shared<const GaussianMixture>(three.posterior);
      const GaussianMixtureFit from_scratch = fit_gaussian_mixture(rows.matrix(), options);
      if (prior == WeightsPrior::dirichlet) expect_near(more.posterior.means(), from_scratch.posterior.means(), 0.02);
    }
}

TEST(MixtureFit, StartsWhereItIsTold) {
  const Rows rows = groups_of_rows(300, 2, 3, 10, 4);
  GaussianMixtureOptions options = options_of(CovarianceKind::full, 3);
  const GaussianMixtureFit fit = fit_gaussian_mixture(rows.matrix(), options);
  const std::vector<double>& means = fit.posterior.means();
  options.means = {means[4], means[5], means[0], means[1], means[2], means[3]};
  const GaussianMixtureFit from_means = fit_gaussian_mixture(rows.matrix(), options);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(from_means.posterior.means()[i], options.means[i], 0.1);
  options.means.clear();
  options.init = std::make_shared<const GaussianMixture>(from_means.posterior);
  const GaussianMixtureFit warm = fit_gaussian_mixture(rows.matrix(), options);
  EXPECT_LE(warm.run.steps, 2);
  EXPECT_NEAR(warm.run.elbo, fit.run.elbo, 1e-3);
}

TEST(MixtureFit, ResumedFitsHaveTheSameBits) {
  const ScratchFolder folder;
  const Rows rows = groups_of_rows(900, 3, 3, 1, 4);
  for (const ConjugateEngine engine : {ConjugateEngine::cavi, ConjugateEngine::memoized, ConjugateEngine::svi}) {
    SCOPED_TRACE(name(engine));
    GaussianMixtureOptions options = options_of(CovarianceKind::full, 6);
    options.fit.engine = engine;
    options.fit.tolerance = 1e-6;
    options.fit.max_passes = 30;
    if (engine != ConjugateEngine::cavi) options.fit.batch_size = 100;
    options.n_restarts = 2;
    options.prune_below = 2;
    const GaussianMixtureFit whole = fit_gaussian_mixture(rows.matrix(), options);
    GaussianMixtureOptions part = options;
    part.fit.checkpoint = folder.file("state");
    part.fit.max_passes = 7;
    part.prune_below = 0;
    fit_gaussian_mixture(rows.matrix(), part);
    options.fit.resume = part.fit.checkpoint;
    expect_same(fit_gaussian_mixture(rows.matrix(), options), whole);
    options.concentration = 3;
    EXPECT_THAT(error_of([&] { fit_gaussian_mixture(rows.matrix(), options); }),
                ::testing::HasSubstr("data, priors and start"));
  }
}

TEST(MixtureFit, ProgressMayEndIt) {
  const Rows rows = groups_of_rows(900, 3, 3, 1, 4);
  GaussianMixtureOptions options = options_of(CovarianceKind::full, 6);
  options.n_restarts = 3;
  int calls = 0;
  options.fit.progress = [&](const StepReport&) { return ++calls < 4; };
  const GaussianMixtureFit fit = fit_gaussian_mixture(rows.matrix(), options);
  EXPECT_EQ(fit.run.status, Status::interrupted);
  EXPECT_EQ(calls, 4);
}

// Where a maximum likelihood fit would divide by zero.
TEST(MixtureFit, HardDataGiveSoundFits) {
  std::vector<Rows> cases;
  cases.push_back({1, 2, {3, 4}});
  cases.push_back({5, 1, {2, 2, 2, 2, 2}});                        // all the same
  cases.push_back({6, 2, {1, 7, 1, 7, 1, 7, 5, 7, 5, 7, 5, 7}});   // duplicates, and a constant feature
  cases.push_back({4, 3, {1, 2, 3, 2, 4, 6, 3, 6, 9, 4, 8, 12}});  // on a line
  cases.push_back({4, 2, {1e140, 1e-140, -2e140, 3e-140, 5e140, 1e-140, 1e140, 4e-140}});
  cases.push_back({3, 2, {1e15, 1, 1e15 + 1, 2, 1e15 + 2, 3}});
  for (const Rows& rows : cases)
    for (const CovarianceKind kind : kKinds)
      for (const WeightsPrior prior : kPriors)
        for (std::int64_t k = 1; k <= std::min<std::int64_t>(rows.n, 4); ++k) {
          SCOPED_TRACE(std::to_string(rows.x[0]) + " " + std::string(name(kind)) + " " + std::to_string(k));
          GaussianMixtureOptions options = options_of(kind, k);
          options.weights_prior = prior;
          const GaussianMixtureFit fit = fit_gaussian_mixture(rows.matrix(), options);
          EXPECT_TRUE(std::isfinite(fit.run.elbo));
          for (const auto* values : {&fit.posterior.means(), &fit.posterior.means_sd(), &fit.posterior.weights(),
                                     &fit.posterior.weights_sd(), &fit.posterior.covariances()})
            for (const double value : *values) EXPECT_TRUE(std::isfinite(value));
          for (const double value : fit.posterior.covariances_sd()) EXPECT_FALSE(std::isnan(value));
          for (const double value : fit.posterior.responsibilities(rows.matrix()))
            EXPECT_TRUE(value >= 0 && value <= 1 + 1e-15);
          for (const double value : fit.posterior.log_density(rows.matrix())) EXPECT_TRUE(std::isfinite(value));
          for (const double value : fit.posterior.sample(3).x) EXPECT_TRUE(std::isfinite(value));
        }
}

TEST(MixtureFit, MistakesAreExplained) {
  const Rows rows = groups_of_rows(50, 2, 2, 1, 4);
  const auto said = [&](const auto& change, std::vector<double> weights = {}) {
    GaussianMixtureOptions options = options_of(CovarianceKind::full, 2);
    Rows mine = rows;
    change(options, mine);
    return error_of([&] { fit_gaussian_mixture(mine.matrix(), options, weights); });
  };
  using Options = GaussianMixtureOptions;
  EXPECT_EQ(said([](Options& o, Rows&) { o.n_components = 51; }),
            "argument| n_components is 51, but there are 50 rows: expected no more components than rows");
  EXPECT_EQ(said([](Options& o, Rows&) { o.n_components = 0; }), "argument| n_components is 0, expected 1 or more");
  EXPECT_EQ(said([](Options&, Rows& r) { r.x[75] = std::numeric_limits<double>::quiet_NaN(); }),
            "data| x[37, 1] is nan, expected a finite number; missing values are not supported");
  EXPECT_EQ(said([](Options&, Rows& r) { r.x[4] = -std::numeric_limits<double>::infinity(); }),
            "data| x[2, 0] is -inf, expected a finite number; missing values are not supported");
  EXPECT_EQ(said([](Options&, Rows& r) { r.n = 0; }), "shape| x is [0, 2], expected at least one row and one column");
  EXPECT_EQ(said([](Options& o, Rows&) { o.degrees_of_freedom = 3; }),
            "argument| degrees_of_freedom is 3, expected more than 3 of full covariances of 2 features, or 0 for the "
            "default");
  EXPECT_EQ(said([](Options& o, Rows&) {
              o.prior_scale = {1, 2};
            }),
            "shape| prior_scale has 2 elements, expected 4 of full covariances of 2 features");
  EXPECT_EQ(said([](Options& o, Rows&) {
              o.prior_scale = {1, 2, 2, 1};
            }),
            "argument| prior_scale is not a symmetric positive definite matrix");
  EXPECT_EQ(said([](Options& o, Rows&) { o.prior_mean = {1}; }), "shape| prior_mean has 1 elements, expected 2");
  EXPECT_EQ(said([](Options& o, Rows&) {
              o.means = {1, 2, 3, 4}, o.n_restarts = 2;
            }),
            "argument| n_restarts is 2, but the start is given, expected 1");
  EXPECT_EQ(
      said([](Options& o, Rows&) { o.responsibilities.assign(100, 0.4); }),
      "data| responsibilities of row 0 add up to 0.8 and are at least 0, expected numbers from 0 that add up to 1");
  EXPECT_THAT(said([](Options& o, Rows&) {
                o.fit.device = Device{DeviceKind::cuda, 97};
              }),
              ::testing::StartsWith("device| device cuda:97 is not usable"));
  EXPECT_EQ(said([](Options&, Rows&) {}, {1, 2}), "shape| there are 2 weights and 50 rows, expected as many");
  std::vector<double> weights(50, 1.0);
  weights[7] = -1;
  EXPECT_EQ(said([](Options&, Rows&) {}, weights), "data| weights[7] is -1, expected a finite number, 0 or more");
  EXPECT_EQ(said([](Options&, Rows&) {}, std::vector<double>(50, 0.0)),
            "data| all weights are 0, expected some that are positive");
  const FeatureMatrix sparse = FeatureMatrix::sparse(2, {0, 1, 2}, {0, 1}, {1, 2});
  EXPECT_THAT(error_of([&] { fit_gaussian_mixture(sparse); }), ::testing::HasSubstr("shape| x is sparse"));
  const GaussianMixtureFit fit = fit_gaussian_mixture(rows.matrix());
  const std::vector<double> wrong = {1, 2, 3};
  EXPECT_EQ(error_of([&] {
              (void)fit.posterior.labels(MatrixView<const double>{wrong.data(), 1, 3, 3});
            }),
            "shape| x has 3 columns, expected the 2 features of the mixture");
}

}  // namespace
}  // namespace velbo::test
