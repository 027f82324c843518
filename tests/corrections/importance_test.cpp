// Weighted draws: exact weights, corrected moments within their own standard errors, and what is refused.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <numbers>

#include "corrections/gaussian_posterior.h"
#include "support/errors.h"
#include "support/json_case.h"
#include "support/posteriordb_models.h"
#include "velbo/distributions.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

using test::error_of;
using test::gaussian_posterior;

// x ~ normal(1, 2), log s ~ normal(-1, 0.5), with a density 7 times too large: constants cancel.
struct Target {
  template <class T>
  T operator()(const T* theta) const {
    return normal_lpdf(theta[0], 1, 2) + lognormal_lpdf(theta[1], -1, 0.5) + std::log(7);
  }
};
Model target() { return {{real("x"), positive("s")}, Target{}, "target"}; }
// Wider than the target where it is off: k_hat is negative.
Posterior wider() { return gaussian_posterior(target(), FamilyKind::mean_field, {2, -0.8}, {2.6, 0.6}); }

TEST(ImportanceDraws, AreThePosteriorsDrawsWithTheRatioOfTheDensities) {
  const ImportanceDraws draws = importance_draws(target(), wider(), {.draws = 1000, .seed = 5});
  ASSERT_EQ(draws.n_draws, 1000);
  ASSERT_EQ(draws.n_parameters, 2);
  EXPECT_EQ(draws.draws, wider().sample(1000, 5));
  const auto log_normal = [](double x, double mean, double sd) {
    return -0.5 * std::pow((x - mean) / sd, 2) - std::log(sd) - 0.5 * std::log(2 * std::numbers::pi);
  };
  for (std::size_t s = 0; s < 1000; ++s) {
    const double x = draws.draws[2 * s], z = std::log(draws.draws[2 * s + 1]);
    const double expected =
        std::log(7) + log_normal(x, 1, 2) + log_normal(z, -1, 0.5) - log_normal(x, 2, 2.6) - log_normal(z, -0.8, 0.6);
    ASSERT_NEAR(draws.log_ratios[s], expected, 1e-12 * std::max(1.0, std::abs(expected)));
  }
  EXPECT_EQ(draws.n_not_finite, 0);
  EXPECT_TRUE(draws.reliable);
  EXPECT_NEAR(draws.psis.log_mean_weight, std::log(7), 0.1);
}

// The mean over 300 seeds within 4.5 standard errors of the truth (a false alarm in 36,000 runs; the seeds are fixed), and the spread
// over the seeds is what mean_se says: its own relative error is 1 / sqrt(600).
TEST(ImportanceDraws, CorrectMomentsWithinTheirStandardErrors) {
  constexpr int kSeeds = 300;
  const auto second = [](std::span<const double> theta, std::span<double> out) {
    out[0] = theta[0] * theta[1];
    out[1] = theta[0] * theta[0];
    out[2] = 1;
  };
  const double s_mean = std::exp(-1 + 0.125), s_sd = s_mean * std::sqrt(std::expm1(0.25));
  const double truth[] = {1, s_mean, 2, s_sd, 1 * s_mean, 5, 1};
  double sum[7] = {}, squares[7] = {}, claimed[7] = {};
  for (int seed = 1; seed <= kSeeds; ++seed) {
    const ImportanceDraws draws =
        importance_draws(target(), wider(), {.draws = 2000, .seed = static_cast<std::uint64_t>(seed), .threads = 1});
    const CorrectedMoments own = corrected_moments(draws), derived = corrected_moments(draws, 3, second);
    const double found[] = {own.mean[0],     own.mean[1],     own.sd[0],      own.sd[1],
                            derived.mean[0], derived.mean[1], derived.mean[2]};
    for (int i = 0; i < 7; ++i) sum[i] += found[i], squares[i] += found[i] * found[i];
    claimed[0] += own.mean_se[0], claimed[1] += own.mean_se[1];
    claimed[4] += derived.mean_se[0], claimed[5] += derived.mean_se[1], claimed[6] += derived.mean_se[2];
  }
  for (int i = 0; i < 7; ++i) {
    const double mean = sum[i] / kSeeds, spread = std::sqrt(std::max(0.0, squares[i] / kSeeds - mean * mean));
    // Ratios of means are biased by order 1 / S, a twentieth of the spread here.
    EXPECT_NEAR(mean, truth[i], (4.5 / std::sqrt(kSeeds) + 0.05) * spread + 1e-12) << i;
    if (i != 2 && i != 3 && i != 6) {
      EXPECT_NEAR(claimed[i] / kSeeds, spread, 0.2 * spread) << i;
    }
  }
  EXPECT_NEAR(claimed[6], 0, 1e-10);
}

TEST(ImportanceDraws, HaveTheSameBitsForAnyNumberOfThreads) {
  const ImportanceDraws one = importance_draws(target(), wider(), {.draws = 3000, .seed = 3, .threads = 1}),
                        three = importance_draws(target(), wider(), {.draws = 3000, .seed = 3, .threads = 3});
  EXPECT_EQ(one.draws, three.draws);
  EXPECT_EQ(one.log_ratios, three.log_ratios);
  EXPECT_EQ(one.psis.log_weights, three.psis.log_weights);
  EXPECT_EQ(corrected_moments(one).mean, corrected_moments(three).mean);
  const ImportanceDraws other = importance_draws(target(), wider(), {.draws = 3000, .seed = 4, .threads = 3});
  EXPECT_NE(one.draws, other.draws);
}

// A normal cut off at 0, without the constraint: a half normal, whose mean is sqrt(2 / pi).
struct Half {
  template <class T>
  T operator()(const T* x) const {
    if (x[0] < 0)
      return T(x[0] < -1 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity());
    return -0.5 * x[0] * x[0];
  }
};

TEST(ImportanceDraws, GiveDrawsThatAreNotFiniteNoWeight) {
  const Model model({real("x")}, Half{}, "half");
  const ImportanceDraws draws =
      importance_draws(model, gaussian_posterior(model, FamilyKind::mean_field, {0.5}, {1.2}), {.draws = 40000});
  std::int64_t negative = 0;
  for (std::size_t s = 0; s < draws.draws.size(); ++s) {
    if (draws.draws[s] >= 0) continue;
    ++negative;
    ASSERT_EQ(draws.psis.log_weights[s], -std::numeric_limits<double>::infinity());
  }
  EXPECT_GT(negative, 1000);
  EXPECT_EQ(draws.n_not_finite, negative);
  const CorrectedMoments moments = corrected_moments(draws);
  EXPECT_NEAR(moments.mean[0], std::sqrt(2 / std::numbers::pi), 4.5 * moments.mean_se[0]);
  EXPECT_LT(moments.mean_se[0], 0.01);
}

// Far narrower than the target: k_hat is 1 - 0.3^2, about 0.9.
TEST(ImportanceDraws, CorrectNothingSilently) {
  const Posterior narrow = gaussian_posterior(target(), FamilyKind::mean_field, {1, -1}, {0.6, 0.5});
  const ImportanceDraws draws = importance_draws(target(), narrow, {.draws = 20000});
  EXPECT_GT(draws.psis.k_hat, 0.7);
  EXPECT_FALSE(draws.reliable);
  const CorrectedMoments refused = corrected_moments(draws);
  ASSERT_EQ(refused.mean.size(), 2U);
  EXPECT_TRUE(std::isnan(refused.mean[0]) && std::isnan(refused.sd[1]) && std::isnan(refused.mean_se[1]));
  const auto twice = [](std::span<const double> theta, std::span<double> out) { out[0] = 2 * theta[0]; };
  EXPECT_TRUE(std::isnan(corrected_moments(draws, 1, twice).sd[0]));
  const CorrectedMoments allowed = corrected_moments(draws, Unreliable::allow);
  EXPECT_GT(allowed.sd[0], 1);  // raw 0.6, target 2
  EXPECT_NEAR(corrected_moments(draws, 1, twice, Unreliable::allow).sd[0], 2 * allowed.sd[0], 1e-12);
}

TEST(ImportanceDraws, RefuseWhatMakesNoSense) {
  const Model other({real("x"), real("s")}, Target{}, "other");
  const auto refusal = [](const Model& model, const Posterior& posterior, const ImportanceOptions& options) {
    return error_of([&] { static_cast<void>(importance_draws(model, posterior, options)); });
  };
  EXPECT_EQ(refusal(target(), wider(), {.draws = 0}), "argument| draws is 0, expected at least 1");
  EXPECT_EQ(refusal(other, wider(), {}),
            "argument| the posterior to correct has other parameters or constraints: x, s, expected x, s");
  const Model half({real("x")}, Half{}, "half");
  EXPECT_EQ(refusal(half, gaussian_posterior(half, FamilyKind::mean_field, {-9}, {0.1}), {.draws = 50}),
            "data| the log density of \"half\" is finite at none of 50 draws of the posterior");
  const ImportanceDraws draws = importance_draws(target(), wider(), {.draws = 100});
  EXPECT_EQ(error_of([&] { static_cast<void>(corrected_moments(draws, 0, {})); }),
            "argument| number of derived quantities is 0, expected at least 1");
  EXPECT_EQ(error_of([&] { static_cast<void>(corrected_moments(draws, 1, {})); }),
            "argument| the function of derived quantities is empty");
}

class EightSchools : public testing::Test {
 protected:
  void read(const std::string& name) {
    const std::string folder = std::string(VELBO_SHARED_DATA_DIR) + "/posteriordb/" + name + "/";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << "shared data not beside the clone: " << name;
    model.emplace(test::posteriordb_model(name, test::read_json(folder + "data.json")));
    exact = test::read_json(folder + "exact.json");
  }
  std::optional<Model> model;
  nlohmann::json exact;  // by quadrature, without Monte Carlo error
};

// The effects mu + tau eta of the non-centred form, and mu and tau: a Gaussian alone is 0.17 sd and 23 % off.
TEST_F(EightSchools, AreRepairedInTheNonCentredForm) {
  read("eight_schools-eight_schools_noncentered");
  if (!model) return;
  const Fit fit = velbo::fit(*model);
  // The posterior is a borderline case: over twelve seeds k-hat is 0.61 to 0.71, once above the threshold.
  const ImportanceDraws draws = importance_draws(*model, fit.posterior, {.draws = 200000, .seed = 2});
  EXPECT_TRUE(draws.reliable) << draws.psis.k_hat;
  const CorrectedMoments found = corrected_moments(draws, 10, [](auto theta, auto out) {
    for (std::size_t j = 0; j < 8; ++j) out[j] = theta[8] + theta[9] * theta[j];
    out[8] = theta[8];
    out[9] = theta[9];
  });
  double worst = 0, least = 2, most = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    const double sd = exact["sd"][i], ratio = found.sd[i] / sd;
    worst = std::max(worst, std::abs(found.mean[i] - exact["mean"][i].get<double>()) / sd);
    least = std::min(least, ratio);
    most = std::max(most, ratio);
  }
  std::printf("k-hat %.2f, means within %.4f sd, sds %.3f to %.3f of the exact ones\n", draws.psis.k_hat, worst, least,
              most);
  EXPECT_LT(worst, 0.05);
  EXPECT_GT(least, 0.93);
  EXPECT_LT(most, 1.03);
}

TEST_F(EightSchools, AreFlaggedInTheCentredForm) {
  read("eight_schools-eight_schools_centered");
  if (!model) return;
  const Fit fit = velbo::fit(*model, {.tolerance = 0.1});
  const ImportanceDraws draws = importance_draws(*model, fit.posterior, {.draws = 200000});
  std::printf("k-hat %.2f\n", draws.psis.k_hat);
  EXPECT_GT(draws.psis.k_hat, 0.7);
  EXPECT_FALSE(draws.reliable);
  EXPECT_TRUE(std::isnan(corrected_moments(draws).mean[9]));
}

}  // namespace
}  // namespace velbo
