// Pareto smoothed importance sampling against ArviZ (tests/data/psis) and against what is known exactly.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "velbo/diagnostics.h"
#include "velbo/error.h"

namespace velbo {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// As in tests/data/psis/make.py.
double uniform(std::uint64_t counter) {
  std::uint64_t z = counter * 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  z ^= z >> 31U;
  return (static_cast<double>(z >> 11U) + 0.5) * 0x1p-53;
}

std::vector<double> make_log_weights(const std::string& kind, double parameter, std::size_t n) {
  std::vector<double> out(n);
  for (std::size_t s = 0; s < n; ++s) {
    const double u = uniform(2 * s + 1);
    const double exponential = -std::log1p(-u);
    if (kind == "pareto") out[s] = parameter * exponential;
    if (kind == "bounded") out[s] = std::log1p(-std::pow(1 - u, parameter));
    if (kind == "normal") {
      const double z = std::sqrt(2 * exponential) * std::cos(2 * M_PI * uniform(2 * s + 2));
      out[s] = 0.5 * z * z * (1 - 1 / (parameter * parameter)) - std::log(parameter);
    }
    if (kind == "ties") out[s] = std::floor(0.6 * exponential * parameter) / parameter;
    if (kind == "offset") out[s] = 0.4 * exponential - parameter;
    if (kind == "steep") out[s] = -parameter * std::sqrt(u);
    if (kind == "zeros") out[s] = s % 3 == 0 ? -infinity : parameter * exponential;
  }
  return out;
}

double number(const nlohmann::json& value, double if_null) { return value.is_null() ? if_null : value.get<double>(); }

TEST(Psis, SameNumbersAsArviz) {
  std::ifstream file(VELBO_TEST_DATA_DIR "/psis/reference.json");
  ASSERT_TRUE(file) << "no reference";
  const auto cases = nlohmann::json::parse(file);
  ASSERT_GE(cases.size(), 20U);
  for (const auto& expected : cases) {
    const auto kind = expected["kind"].get<std::string>();
    const auto n = expected["n"].get<std::size_t>();
    SCOPED_TRACE(kind + " " + expected["parameter"].dump() + ", S = " + std::to_string(n));
    const auto raw = make_log_weights(kind, expected["parameter"].get<double>(), n);
    const PsisResult got = psis(raw);
    const double k = number(expected["k_hat"], infinity);
    if (std::isinf(k)) {
      EXPECT_EQ(got.k_hat, k);
      EXPECT_EQ(got.k_hat_se, infinity);
    } else {
      EXPECT_NEAR(got.k_hat, k, 1e-8);
    }
    EXPECT_EQ(psis_khat(raw), got.k_hat);
    EXPECT_NEAR(got.ess, expected["ess"].get<double>(), 1e-8 * got.ess);
    EXPECT_NEAR(got.log_mean_weight, expected["log_mean_weight"].get<double>(), 1e-8);
    auto ranked = got.log_weights;
    ASSERT_EQ(ranked.size(), n);
    std::sort(ranked.rbegin(), ranked.rend());
    for (std::size_t i = 0; i < expected["ranks"].size(); ++i) {
      const double truth = number(expected["log_weights"][i], -infinity);
      const double value = ranked[expected["ranks"][i].get<std::size_t>()];
      if (std::isinf(truth)) {
        EXPECT_EQ(value, truth);
      } else {
        EXPECT_NEAR(value, truth, 1e-8 * std::max(1.0, std::fabs(truth) * 1e-4)) << "rank " << expected["ranks"][i];
      }
    }
  }
}

TEST(Psis, SmoothingKeepsTheOrderAndNormalises) {
  const auto raw = make_log_weights("pareto", 0.8, 5000);
  const PsisResult got = psis(raw);
  double total = 0;
  for (double v : got.log_weights) total += std::exp(v);
  EXPECT_NEAR(total, 1, 1e-12);
  std::vector<std::size_t> by_raw(raw.size());
  std::iota(by_raw.begin(), by_raw.end(), std::size_t{0});
  std::sort(by_raw.begin(), by_raw.end(), [&](std::size_t a, std::size_t b) { return raw[a] < raw[b]; });
  for (std::size_t i = 1; i < by_raw.size(); ++i)
    ASSERT_LE(got.log_weights[by_raw[i - 1]], got.log_weights[by_raw[i]] + 1e-12);
  EXPECT_EQ(got.n_tail, static_cast<std::int64_t>(std::ceil(3 * std::sqrt(5000.0))));
  // What is below the cut is only normalised.
  const double shift = got.log_weights[by_raw[0]] - raw[by_raw[0]];
  EXPECT_NEAR(got.log_weights[by_raw[4000]] - raw[by_raw[4000]], shift, 1e-12);
}

// The shape does not depend on the scale of the weights, nor on the order of the draws.
TEST(Psis, IsInvariant) {
  auto raw = make_log_weights("normal", 1.8, 4000);
  const PsisResult first = psis(raw);
  for (double& v : raw) v += 700;
  std::reverse(raw.begin(), raw.end());
  const PsisResult second = psis(raw);
  EXPECT_NEAR(first.k_hat, second.k_hat, 1e-10);
  EXPECT_NEAR(first.log_mean_weight + 700, second.log_mean_weight, 1e-10);
  EXPECT_NEAR(first.log_weights.front(), second.log_weights.back(), 1e-9);
}

TEST(Psis, EqualWeightsAreAPerfectFit) {
  for (std::size_t n : {1U, 10U, 1000U}) {
    const PsisResult got = psis(std::vector<double>(n, -3.5));
    EXPECT_EQ(got.k_hat, -infinity);
    EXPECT_EQ(got.k_hat_se, 0);
    EXPECT_NEAR(got.ess, static_cast<double>(n), 1e-9 * static_cast<double>(n));
    EXPECT_NEAR(got.log_mean_weight, -3.5, 1e-12);
    EXPECT_NEAR(got.log_weights[0], -std::log(static_cast<double>(n)), 1e-12);
  }
  auto nearly = make_log_weights("pareto", 1e-12, 1000);
  EXPECT_EQ(psis_khat(nearly), -infinity);
}

TEST(Psis, OneDominantWeight) {
  std::vector<double> raw(1000, 0.0);
  raw[17] = 500;
  const PsisResult got = psis(raw);
  EXPECT_EQ(got.k_hat, infinity);
  EXPECT_NEAR(got.ess, 1, 1e-9);
  EXPECT_NEAR(got.log_weights[17], 0, 1e-9);
}

template <class F>
std::string message_of(F&& f, ErrorCode code) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  return "no error";
}

TEST(Psis, RefusesWhatIsNotAWeight) {
  std::vector<double> raw(100, 0.0);
  raw[41] = std::nan("");
  EXPECT_NE(message_of([&] { psis(raw); }, ErrorCode::data).find("log weight 41 is NaN"), std::string::npos);
  raw[41] = infinity;
  EXPECT_NE(message_of([&] { psis_khat(raw); }, ErrorCode::data).find("log weight 41 is +inf"), std::string::npos);
  EXPECT_NE(message_of([&] { psis(std::vector<double>(9, -infinity)); }, ErrorCode::data).find("every log weight"),
            std::string::npos);
  EXPECT_NE(message_of([&] { psis({}); }, ErrorCode::data).find("no log weights"), std::string::npos);
}

TEST(Psis, Threshold) {
  EXPECT_EQ(khat_threshold(1), 0);
  EXPECT_NEAR(khat_threshold(100), 0.5, 1e-12);
  EXPECT_NEAR(khat_threshold(1000), 2.0 / 3, 1e-12);
  EXPECT_EQ(khat_threshold(1000000), 0.7);
}

TEST(WeightedMoments, MatchADirectSum) {
  const std::vector<double> draws = {1, 1e9 + 10, 2, 1e9 + 20, 4, 1e9 + 60};
  const std::vector<double> log_weights = {std::log(0.5), std::log(0.25), std::log(0.25)};
  const WeightedMoments got = weighted_moments(draws, log_weights);
  ASSERT_EQ(got.mean.size(), 2U);
  EXPECT_NEAR(got.mean[0], 2, 1e-12);
  EXPECT_NEAR(got.sd[0], std::sqrt(1.5), 1e-12);
  EXPECT_NEAR(got.mean[1], 1e9 + 25, 1e-6);
  EXPECT_NEAR(got.sd[1], std::sqrt(425.0), 1e-6);
  // A draw without weight does not matter, even an infinite one.
  const WeightedMoments masked = weighted_moments(std::vector<double>{3, infinity}, std::vector<double>{0, -infinity});
  EXPECT_EQ(masked.mean[0], 3);
  EXPECT_EQ(masked.sd[0], 0);
  EXPECT_NE(message_of([] { weighted_moments(std::vector<double>(7), std::vector<double>(3)); }, ErrorCode::shape)
                .find("7 numbers"),
            std::string::npos);
}

// Importance weighting recovers the target's moments and its evidence: proposal N(0, 1), target N(0, 1.2^2) times 5.
TEST(WeightedMoments, CorrectAProposal) {
  const std::size_t n = 200000;
  std::vector<double> draws(n), log_weights(n);
  for (std::size_t s = 0; s < n; ++s) {
    const double z = std::sqrt(-2 * std::log(uniform(2 * s + 1))) * std::cos(2 * M_PI * uniform(2 * s + 2));
    draws[s] = z;
    log_weights[s] = std::log(5.0) - std::log(1.2) + 0.5 * z * z * (1 - 1 / 1.44);
  }
  const PsisResult got = psis(log_weights);
  const WeightedMoments moments = weighted_moments(draws, got.log_weights);
  // Five standard errors; the seed is fixed.
  EXPECT_NEAR(moments.mean[0], 0, 0.02);
  EXPECT_NEAR(moments.sd[0], 1.2, 0.02);
  EXPECT_NEAR(got.log_mean_weight, std::log(5.0), 0.01);
  EXPECT_NEAR(got.k_hat, 1 - 1 / 1.44, 0.15);
}

}  // namespace
}  // namespace velbo
