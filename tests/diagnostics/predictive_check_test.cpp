// Posterior predictive checks: coverage, ranks and p-values in closed form.
#include "velbo/predictive_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "posterior/normal_quantile.h"
#include "support/errors.h"

namespace velbo {
namespace {

using test::error_of;

// theta = (centre, sd); y_rep ~ normal(centre, sd).
void simulate(std::span<const double> theta, Key key, std::span<double> y_rep) {
  standard_normals(key, 0, 0, 0, y_rep);
  for (double& y : y_rep) y = theta[0] + theta[1] * y;
}

std::vector<double> same_theta(std::size_t n_draws, double centre, double sd) {
  std::vector<double> out;
  for (std::size_t s = 0; s < n_draws; ++s) out.insert(out.end(), {centre, sd});
  return out;
}

// Data at the quantiles of normal(0, 1): of normal(0, s) a central interval of probability p holds 2 Phi(s z_p) - 1 of them.
std::vector<double> normal_data(std::size_t n) {
  std::vector<double> out;
  for (std::size_t i = 0; i < n; ++i)
    out.push_back(internal::normal_quantile((static_cast<double>(i) + 0.5) / static_cast<double>(n)));
  return out;
}

constexpr std::size_t kDraws = 4000, kData = 200;

TEST(PredictiveCheck, CoverageIsThatOfTheModelsSpread) {
  const auto share = [](double probability, double sd) {
    return std::erf(sd * internal::normal_quantile(0.5 + probability / 2) / std::sqrt(2.0));
  };
  for (const double sd : {1.0, 0.6, 1.8}) {
    const PredictiveCheck check =
        predictive_check(same_theta(kDraws, 0, sd), kDraws, normal_data(kData), simulate, {.seed = 3});
    // Each datum's interval is estimated from 4,000 draws, its ends to some hundredths of an sd.
    EXPECT_EQ(check.half.probability, 0.5);
    EXPECT_EQ(check.ninety.probability, 0.9);
    EXPECT_NEAR(check.half.covered, share(0.5, sd), 0.03) << sd;
    EXPECT_NEAR(check.ninety.covered, share(0.9, sd), 0.03) << sd;
    EXPECT_NEAR(check.half.se, std::sqrt(0.25 / kData), 1e-15);
    EXPECT_NEAR(check.ninety.se, std::sqrt(0.09 / kData), 1e-15);
  }
}

TEST(PredictiveCheck, RanksAndPValuesHaveTheRightSide) {
  const std::vector<double> y = normal_data(kData);
  PredictiveCheckOptions options;
  options.statistics = {
      [](std::span<const double> data, std::span<const double>) { return *std::max_element(data.begin(), data.end()); },
      // The discrepancy sum ((y - centre) / sd)^2: of simulations chi-squared with 200 degrees of freedom, of the data 198.6 / sd^2.
      [](std::span<const double> data, std::span<const double> theta) {
        double sum = 0;
        for (const double v : data) sum += std::pow((v - theta[0]) / theta[1], 2);
        return sum;
      },
      [](std::span<const double>, std::span<const double>) { return 1.0; }};
  const PredictiveCheck right = predictive_check(same_theta(kDraws, 0, 1), kDraws, y, simulate, options);
  // P(max of 200 > Phi^-1(1 - 1/400)) = 1 - (1 - 1/400)^200; both within 4.5 standard errors of 4,000 draws.
  EXPECT_NEAR(right.p_values[0], 1 - std::pow(1 - 1.0 / 400, 200), 4.5 * 0.5 / std::sqrt(kDraws));
  EXPECT_NEAR(right.p_values[1], 0.5, 0.06);
  EXPECT_EQ(right.p_values[2], 0.5);  // ties
  for (std::size_t i = 0; i < kData; i += 20)
    EXPECT_NEAR(right.rank[i], (static_cast<double>(i) + 0.5) / kData, 4.5 * 0.5 / std::sqrt(kDraws)) << i;
  const PredictiveCheck narrow = predictive_check(same_theta(400, 0, 0.6), 400, y, simulate, options);
  EXPECT_LT(narrow.p_values[0], 0.01);  // the data's largest is beyond what the model makes
  EXPECT_LT(narrow.p_values[1], 0.01);
  const PredictiveCheck high = predictive_check(same_theta(400, 5, 1), 400, y, simulate, options);
  EXPECT_GT(high.p_values[0], 0.99);
  EXPECT_LT(high.rank[100], 0.01);
}

TEST(PredictiveCheck, HasTheSameBitsForAnyNumberOfThreads) {
  const std::vector<double> y = normal_data(30), draws = same_theta(300, 0.1, 1.2);
  const PredictiveCheck one = predictive_check(draws, 300, y, simulate, {.threads = 1}),
                        three = predictive_check(draws, 300, y, simulate, {.threads = 3});
  EXPECT_EQ(one.rank, three.rank);
  EXPECT_NE(one.rank, predictive_check(draws, 300, y, simulate, {.seed = 2}).rank);
}

TEST(PredictiveCheck, RefusesWhatMakesNoSense) {
  const std::vector<double> y{1, 2}, bad{1, NAN}, draws = same_theta(20, 0, 1);
  const auto refusal = [&](std::int64_t n_draws, std::span<const double> data, const Simulator& simulator,
                           const PredictiveCheckOptions& options) {
    return error_of([&] { static_cast<void>(predictive_check(draws, n_draws, data, simulator, options)); });
  };
  EXPECT_EQ(refusal(19, y, simulate, {}), "argument| n_draws is 19, expected at least 20");
  EXPECT_EQ(refusal(20, y, {}, {}), "argument| the simulator is empty");
  EXPECT_EQ(refusal(20, y, simulate, {.statistics = {TestStatistic()}}), "argument| a test statistic is empty");
  EXPECT_EQ(refusal(21, y, simulate, {}), "shape| 40 numbers are not 21 rows of parameters");
  EXPECT_EQ(refusal(20, {}, simulate, {}), "shape| y has no elements");
  EXPECT_EQ(refusal(20, bad, simulate, {}), "data| datum 1 is nan, expected a finite number");
  const Simulator nothing = [](auto, Key, std::span<double> out) { std::fill(out.begin(), out.end(), NAN); };
  EXPECT_EQ(refusal(20, y, nothing, {.threads = 1}), "data| simulated datum 0 of draw 0 is not a number");
}

}  // namespace
}  // namespace velbo
