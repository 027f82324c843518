// Predictions of levels: against averages over the posterior's draws, closed forms, and limits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "posterior/make_posterior.h"
#include "support/errors.h"
#include "support/level_likelihoods.h"
#include "velbo/distributions.h"

namespace velbo {
namespace {

using test::error_of;
using test::matrix;
using Numbers = std::vector<double>;

constexpr Likelihood kBoth[] = {Likelihood::categorical, Likelihood::ordinal};
const std::vector<std::string> kLevels = {"a", "b", "c", "d"};

// Of four levels and two features: categorical 3 (Intercept, x1, x2), ordinal x1, x2 and three cutpoints.  Scale as of the family.
Posterior some_posterior(Likelihood likelihood, FamilyKind family = FamilyKind::full_rank, double sd = 0.3) {
  Numbers mean = {0.4, 0.8, -0.5, -0.3, 0.2, 0.9, 0.1, -0.7, 0.3};
  if (likelihood == Likelihood::ordinal) mean = {0.8, -0.5, -0.9, 0.2, -0.4};
  const std::size_t d = mean.size();
  const Numbers noise = test::normals(static_cast<std::int64_t>(d * d), 3);
  Numbers scale;
  for (std::size_t i = 0; i < d; ++i) {
    if (family == FamilyKind::full_rank) {
      for (std::size_t j = 0; j < d; ++j) scale.push_back(j > i ? 0 : i == j ? sd : 0.5 * sd * noise[d * i + j]);
    } else {
      scale.push_back(sd * (1 + 0.2 * static_cast<double>(i)));
      for (std::size_t r = 0; family == FamilyKind::low_rank && r < 2; ++r) scale.push_back(sd * noise[d * i + r]);
    }
  }
  return test::make_posterior(likelihood, family, mean, scale, kLevels);
}

// eta [C - 1] or [1] of constrained parameters.
Numbers predictors(Likelihood likelihood, const double* theta, const Numbers& x, double offset) {
  if (likelihood == Likelihood::ordinal) return {theta[0] * x[0] + theta[1] * x[1] + offset};
  Numbers out;
  for (int k = 0; k < 3; ++k) out.push_back(theta[3 * k] + theta[3 * k + 1] * x[0] + theta[3 * k + 2] * x[1]);
  return out;
}

// Of each level, over draws of the posterior.
struct BruteForce {
  Numbers mean, sd;          // [C]
  std::vector<Numbers> all;  // [C] ascending

  [[nodiscard]] double share_below(std::size_t c, double p) const {
    const auto at = std::lower_bound(all[c].begin(), all[c].end(), p);
    return static_cast<double>(at - all[c].begin()) / static_cast<double>(all[c].size());
  }
};
constexpr std::size_t kDraws = 200'000;
BruteForce average(const Posterior& q, const Numbers& x, double offset) {
  const Numbers theta = q.sample(kDraws, 11);
  const std::size_t d = theta.size() / kDraws;
  BruteForce out;
  out.all.assign(4, Numbers(kDraws));
  const bool ordinal = q.likelihood() == Likelihood::ordinal;
  for (std::size_t s = 0; s < kDraws; ++s) {
    const double* const at = theta.data() + s * d;
    const Numbers cutpoints = ordinal ? Numbers(at + 2, at + 5) : Numbers();
    const Numbers p = test::level_probabilities(q.likelihood(), predictors(q.likelihood(), at, x, offset), cutpoints);
    for (std::size_t c = 0; c < 4; ++c) out.all[c][s] = p[c];
  }
  for (Numbers& draws : out.all) {
    std::sort(draws.begin(), draws.end());
    const double mean = std::accumulate(draws.begin(), draws.end(), 0.0) / kDraws;
    double squares = 0;
    for (const double v : draws) squares += (v - mean) * (v - mean);
    out.mean.push_back(mean);
    out.sd.push_back(std::sqrt(squares / kDraws));
  }
  return out;
}

Predictions predict(const Posterior& q, const Numbers& x, PredictionKind kind, double offset = 0,
                    double interval = 0.9) {
  const Numbers o(x.size() / 2, offset);
  return q.predict(matrix(x, 2), o, {}, {.kind = kind, .interval = interval});
}

// 192 numbers within 5 standard errors of the average over draws, and what the fixed points may leave (docs/likelihoods.md).
TEST(LevelPredictionStatistical, AgreesWithDraws) {
  for (const Likelihood likelihood : kBoth)
    for (const FamilyKind family : {FamilyKind::full_rank, FamilyKind::mean_field, FamilyKind::low_rank}) {
      const Posterior q = some_posterior(likelihood, family);
      for (const Numbers& x : {Numbers{0.7, -1.2}, Numbers{-2.0, 1.5}}) {
        SCOPED_TRACE(std::string(name(likelihood)) + " " + std::string(name(family)));
        const double offset = likelihood == Likelihood::ordinal ? 0.3 : 0;
        const BruteForce expected = average(q, x, offset);
        const Predictions p = predict(q, x, PredictionKind::response, offset);
        ASSERT_EQ(p.mean.size(), 4U);
        EXPECT_EQ(p.levels, kLevels);
        const double noise = 5 / std::sqrt(kDraws);
        for (std::size_t c = 0; c < 4; ++c) {
          const double sd = expected.sd[c];
          EXPECT_NEAR(p.mean[c], expected.mean[c], (noise + 0.002) * sd) << c;
          EXPECT_NEAR(p.sd[c] / sd, 1, 2 * noise + 0.02) << c;  // kurtosis below 17
          EXPECT_NEAR(expected.share_below(c, p.lower[c]), 0.05, 0.22 * noise + 0.01) << c;
          EXPECT_NEAR(expected.share_below(c, p.upper[c]), 0.95, 0.22 * noise + 0.01) << c;
        }
        const Predictions y = predict(q, x, PredictionKind::outcome, offset);
        for (std::size_t c = 0; c < 4; ++c) {
          EXPECT_EQ(y.mean[c], p.mean[c]);
          EXPECT_NEAR(y.sd[c], std::sqrt(p.mean[c] * (1 - p.mean[c])), 1e-15);
          EXPECT_EQ(y.lower[c], p.mean[c] > 0.95 ? 1 : 0);
          EXPECT_EQ(y.upper[c], p.mean[c] > 0.05 ? 1 : 0);
        }
      }
    }
}

// Also where predictors are huge, and rows are zero.
TEST(LevelPrediction, ProbabilitiesAddUpToOne) {
  for (const Likelihood likelihood : kBoth)
    for (const double sd : {1e-6, 0.3, 4.0}) {
      const Posterior q = some_posterior(likelihood, FamilyKind::full_rank, sd);
      const Predictions p = predict(q, {0, 0, 1, -1, 40, 3, -300, 200, 1e5, 1e5}, PredictionKind::response);
      for (std::size_t n = 0; n < 5; ++n) {
        double sum = 0;
        for (std::size_t c = 0; c < 4; ++c) {
          const std::size_t i = 4 * n + c;
          sum += p.mean[i];
          EXPECT_TRUE(p.lower[i] >= 0 && p.lower[i] <= p.upper[i] && p.upper[i] <= 1) << i;
          EXPECT_TRUE(p.sd[i] >= 0 && p.sd[i] <= 0.5 + 1e-12) << i;
        }
        EXPECT_NEAR(sum, 1, 1e-12) << n;
      }
    }
}

// An almost certain posterior has the densities' own probabilities, with all their digits where they are small.
TEST(LevelPrediction, AnAlmostCertainPosteriorGivesTheLawsProbabilities) {
  const auto check = [](Likelihood likelihood, const Numbers& theta, const Numbers& x, double offset,
                        const auto& log_p) {
    const Posterior q = some_posterior(likelihood, FamilyKind::full_rank, 1e-12);
    const Predictions p = predict(q, x, PredictionKind::response, offset);
    const Numbers eta = predictors(likelihood, theta.data(), x, offset);
    for (int c = 0; c < 4; ++c)
      EXPECT_NEAR(p.mean[static_cast<std::size_t>(c)] / std::exp(log_p(c, eta)), 1, 1e-9) << name(likelihood) << c;
  };
  for (const double far : {0.5, -60.0, 60.0}) {
    check(Likelihood::categorical, {0.4, 0.8, -0.5, -0.3, 0.2, 0.9, 0.1, -0.7, 0.3}, {far, 0.4}, 0,
          [](int c, const Numbers& eta) {
            const Numbers all = {0, eta[0], eta[1], eta[2]};
            return categorical_logit_lpmf(c, all.data(), 4);
          });
    const Numbers cutpoints = {-0.9, -0.9 + std::exp(0.2), -0.9 + std::exp(0.2) + std::exp(-0.4)};
    check(Likelihood::ordinal, {0.8, -0.5}, {far, 0.4}, 0.7,
          [&](int c, const Numbers& eta) { return ordered_logistic_lpmf(c, eta[0], cutpoints.data(), 4); });
  }
}

TEST(LevelPrediction, LinearPredictorsAreGaussian) {
  for (const FamilyKind family : {FamilyKind::full_rank, FamilyKind::mean_field, FamilyKind::low_rank})
    for (const Likelihood likelihood : kBoth) {
      const Posterior q = some_posterior(likelihood, family);
      const Numbers x = {0.7, -1.2};
      const Predictions p = predict(q, x, PredictionKind::linear, likelihood == Likelihood::ordinal ? 0.5 : 0);
      const bool ordinal = likelihood == Likelihood::ordinal;
      ASSERT_EQ(p.mean.size(), ordinal ? 1U : 3U);
      EXPECT_EQ(p.levels, ordinal ? std::vector<std::string>() : (std::vector<std::string>{"b", "c", "d"}));
      const Numbers covariance = q.unconstrained_covariance(), &mean = q.unconstrained_mean();
      const Numbers row = ordinal ? x : Numbers{1, 0.7, -1.2};
      for (std::size_t k = 0; k < p.mean.size(); ++k) {
        const std::size_t first = k * row.size();
        double expected = ordinal ? 0.5 : 0, variance = 0;
        for (std::size_t i = 0; i < row.size(); ++i) {
          expected += row[i] * mean[first + i];
          for (std::size_t j = 0; j < row.size(); ++j)
            variance += row[i] * row[j] * covariance[(first + i) * mean.size() + first + j];
        }
        EXPECT_NEAR(p.mean[k], expected, 1e-14);
        EXPECT_NEAR(p.sd[k], std::sqrt(variance), 1e-13);
        EXPECT_NEAR(p.upper[k], expected + 1.6448536269514722 * std::sqrt(variance), 1e-12);
        EXPECT_NEAR(p.lower[k], expected - 1.6448536269514722 * std::sqrt(variance), 1e-12);
      }
    }
}

// Two levels are a bernoulli outcome, whose expectations are by quadrature and whose quantiles are exact.
TEST(LevelPrediction, TwoLevelsAreBernoulli) {
  const Numbers mean = {0.3, -0.8, 0.5}, factor = {0.5, 0, 0, -0.3, 0.4, 0, 0.2, -0.1, 0.3};
  const Posterior bernoulli = test::make_posterior(Likelihood::bernoulli, FamilyKind::full_rank, mean, factor);
  const Posterior categorical =
      test::make_posterior(Likelihood::categorical, FamilyKind::full_rank, mean, factor, {"no", "yes"});
  // z = (x1, x2, cutpoint) with cutpoint = -intercept: a factor of the covariance in that order.
  const Posterior mean_field =
      test::make_posterior(Likelihood::bernoulli, FamilyKind::mean_field, mean, {0.5, 0.4, 0.3});
  const Posterior ordinal = test::make_posterior(Likelihood::ordinal, FamilyKind::mean_field, {-0.8, 0.5, -0.3},
                                                 {0.4, 0.3, 0.5}, {"no", "yes"});
  for (const auto& [one, two] : {std::pair{&bernoulli, &categorical}, std::pair{&mean_field, &ordinal}})
    for (const Numbers& x : {Numbers{0.5, -1.0}, Numbers{3.0, 2.0}}) {
      const Predictions a = predict(*one, x, PredictionKind::response), b = predict(*two, x, PredictionKind::response);
      EXPECT_NEAR(b.mean[1], a.mean[0], 0.001 * a.sd[0]);
      EXPECT_NEAR(b.mean[0], 1 - a.mean[0], 0.001 * a.sd[0]);
      EXPECT_NEAR(b.sd[1], a.sd[0], 0.002 * a.sd[0]);
      EXPECT_NEAR(b.lower[1], a.lower[0], 0.02 * a.sd[0]);
      EXPECT_NEAR(b.upper[1], a.upper[0], 0.02 * a.sd[0]);
    }
}

TEST(LevelPrediction, MissingValuesAndMistakes) {
  const Posterior q = some_posterior(Likelihood::categorical);
  const Predictions p = predict(q, {1, std::nan(""), 1, 1}, PredictionKind::response);
  for (std::size_t c = 0; c < 4; ++c) {
    EXPECT_TRUE(std::isnan(p.mean[c]) && std::isnan(p.upper[c]));
    EXPECT_TRUE(std::isfinite(p.mean[4 + c]));
  }
  const Predictions again = predict(q, {1, 1}, PredictionKind::response);  // each row as if it were alone
  for (std::size_t c = 0; c < 4; ++c) EXPECT_EQ(p.mean[4 + c], again.mean[c]);
  const Numbers x = {1, 2, 3};
  EXPECT_EQ(error_of([&] { (void)q.predict(matrix(x, 3), {}, {}); }),
            "shape| x has 3 columns, the model has 2 predictors");
  EXPECT_EQ(error_of([&] { (void)q.predict(matrix(x, 1), {}, {}, {.interval = 0}); }),
            "shape| x has 1 columns, the model has 2 predictors");
  EXPECT_EQ(error_of([&] {
              (void)q.predict(matrix({1, 2}, 2), {}, {}, {.interval = 0});
            }),
            "argument| interval is 0, expected a probability between 0 and 1");
}

}  // namespace
}  // namespace velbo
