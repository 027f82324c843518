// Leave-one-out and WAIC: against a conjugate model's closed form, and the numbers of ArviZ.
#include "velbo/loo.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <string>

#include "support/errors.h"
#include "support/json_case.h"
#include "velbo/diagnostics.h"
#include "velbo/random.h"

namespace velbo {
namespace {

using test::error_of;

const nlohmann::json& arviz() {
  static const nlohmann::json json = test::read_json(std::string(VELBO_TEST_DATA_DIR) + "/loo/arviz.json");
  return json;
}
std::vector<double> numbers(const nlohmann::json& json) { return json.get<std::vector<double>>(); }

void expect_near(const std::vector<double>& found, const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], tolerance) << i;
}

TEST(Loo, HasArviZsNumbers) {
  const nlohmann::json& expected = arviz().at("loo");
  const Elpd found = loo(numbers(arviz().at("log_likelihood")), arviz().at("n_draws"));
  EXPECT_NEAR(found.elpd, expected.at("elpd"), 1e-8);
  EXPECT_NEAR(found.se, expected.at("se"), 1e-8);
  EXPECT_NEAR(found.p, expected.at("p"), 1e-8);
  expect_near(found.pointwise, numbers(expected.at("pointwise")), 1e-8);
  expect_near(found.k_hat, numbers(expected.at("k_hat")), 1e-8);
}

TEST(Loo, SmoothsTheMixtureOfBothRatios) {
  const nlohmann::json& expected = arviz().at("mixed");
  const Elpd found =
      loo(numbers(arviz().at("log_likelihood")), arviz().at("n_draws"), numbers(arviz().at("log_ratios")));
  expect_near(found.pointwise, numbers(expected.at("pointwise")), 1e-8);
  expect_near(found.k_hat, numbers(expected.at("k_hat")), 1e-8);
}

TEST(Waic, HasArviZsNumbers) {
  const nlohmann::json& expected = arviz().at("waic");
  const Elpd found = waic(numbers(arviz().at("log_likelihood")), arviz().at("n_draws"));
  EXPECT_NEAR(found.elpd, expected.at("elpd"), 1e-8);
  EXPECT_NEAR(found.se, expected.at("se"), 1e-8);
  EXPECT_NEAR(found.p, expected.at("p"), 1e-8);
  expect_near(found.pointwise, numbers(expected.at("pointwise")), 1e-8);
  EXPECT_TRUE(found.k_hat.empty());
}

double log_normal(double x, double mean, double variance) {
  return -0.5 * (x - mean) * (x - mean) / variance - 0.5 * std::log(2 * std::numbers::pi * variance);
}

// y_n ~ normal(theta, 1), theta ~ normal(0, 2): the posterior of any of the data is normal.
struct Conjugate {
  std::vector<double> y{0.3, -0.8, 1.1, 0.2, 1.9, -0.4, 0.9, 0.1};
  [[nodiscard]] double variance(std::size_t n) const { return 1 / (static_cast<double>(n) + 1.0 / 4); }
  [[nodiscard]] double mean() const {
    double sum = 0;
    for (const double v : y) sum += v;
    return sum * variance(y.size());
  }
  // log p(y_n | the others).
  [[nodiscard]] std::vector<double> elpd() const {
    std::vector<double> out;
    const double v = variance(y.size() - 1), sum = mean() / variance(y.size());
    for (const double one : y) out.push_back(log_normal(one, v * (sum - one), v + 1));
    return out;
  }
};

struct Draws {
  std::vector<double> log_likelihood, log_ratios;
};
// From normal(centre, sd), whatever the posterior is.
Draws draws_of(const Conjugate& model, std::size_t n_draws, double centre, double sd) {
  std::vector<double> theta(n_draws);
  standard_normals(make_key(4, Purpose::test), 0, 0, 0, theta);
  Draws out;
  for (double t : theta) {
    t = centre + sd * t;
    for (const double y : model.y) out.log_likelihood.push_back(log_normal(y, t, 1));
    out.log_ratios.push_back(log_normal(t, model.mean(), model.variance(model.y.size())) -
                             log_normal(t, centre, sd * sd));
  }
  return out;
}

// 40,000 draws: errors of a pointwise elpd are some thousandths.
constexpr std::size_t kDraws = 40000;

TEST(Loo, IsExactForAConjugateModel) {
  const Conjugate model;
  const std::vector<double> exact = model.elpd();
  const double sd = std::sqrt(model.variance(model.y.size()));
  const Draws own = draws_of(model, kDraws, model.mean(), sd);
  const Elpd found = loo(own.log_likelihood, kDraws);
  expect_near(found.pointwise, exact, 0.01);
  double sum = 0, squares = 0;
  for (const double v : exact) sum += v;
  for (const double v : exact) squares += std::pow(v - sum / 8, 2);
  EXPECT_NEAR(found.elpd, sum, 0.02);
  EXPECT_NEAR(found.se, std::sqrt(squares), 0.02);
  EXPECT_EQ(found.n_high_k, 0);
  // Of a q that is off to one side and too wide: right with its ratios, and wrong without.
  const Draws off = draws_of(model, kDraws, model.mean() + 0.3, 1.3 * sd);
  expect_near(loo(off.log_likelihood, kDraws, off.log_ratios).pointwise, exact, 0.01);
  EXPECT_GT(std::abs(loo(off.log_likelihood, kDraws).elpd - sum), 0.3);
}

// In closed form: with the posterior normal(m, v), the mean density is normal(y; m, 1 + v), and of -(y - theta)^2 / 2 the variance
// is v^2 / 2 + v (y - m)^2.
TEST(Waic, IsExactForAConjugateModel) {
  const Conjugate model;
  const double m = model.mean(), v = model.variance(model.y.size());
  std::vector<double> exact;
  for (const double y : model.y) exact.push_back(log_normal(y, m, 1 + v) - v * v / 2 - v * (y - m) * (y - m));
  const Draws own = draws_of(model, kDraws, m, std::sqrt(v));
  expect_near(waic(own.log_likelihood, kDraws).pointwise, exact, 0.01);
  const Draws off = draws_of(model, kDraws, m + 0.3, 1.3 * std::sqrt(v));
  expect_near(waic(off.log_likelihood, kDraws, off.log_ratios).pointwise, exact, 0.01);
}

TEST(Loo, FlagsADatumThatDrawsCannotDoWithout) {
  Conjugate model;
  model.y[4] = 12;
  const Draws own = draws_of(model, 4000, model.mean(), std::sqrt(model.variance(model.y.size())));
  const Elpd found = loo(own.log_likelihood, 4000);
  EXPECT_EQ(found.n_high_k, 1);
  EXPECT_GT(found.k_hat[4], 0.7);
}

TEST(Loo, DoesNotDependOnThreadsNorOnDrawsWithoutWeight) {
  const Conjugate model;
  Draws off = draws_of(model, 500, model.mean() + 0.3, 0.5);
  const Elpd one = loo(off.log_likelihood, 500, off.log_ratios, 1),
             three = loo(off.log_likelihood, 500, off.log_ratios, 3);
  EXPECT_EQ(one.pointwise, three.pointwise);
  EXPECT_EQ(one.k_hat, three.k_hat);
  off.log_ratios[7] = -INFINITY;
  const double before = loo(off.log_likelihood, 500, off.log_ratios).elpd;
  off.log_likelihood[7 * model.y.size()] = std::nan("");
  EXPECT_EQ(loo(off.log_likelihood, 500, off.log_ratios).elpd, before);
}

TEST(Loo, RefusesWhatDoesNotFit) {
  const std::vector<double> values{-1, -2, -3, -INFINITY}, ratios{0, 0, 0};
  const auto refusal = [&](std::int64_t n_draws, std::span<const double> log_ratios) {
    return error_of([&] { static_cast<void>(loo(values, n_draws, log_ratios, 1)); });
  };
  EXPECT_EQ(refusal(0, {}), "argument| n_draws is 0, expected at least 1");
  EXPECT_EQ(refusal(3, {}), "shape| 4 log likelihoods are not a whole number of data at 3 draws");
  EXPECT_EQ(refusal(2, ratios), "shape| 3 log ratios, expected one a draw: 2");
  EXPECT_EQ(refusal(2, {}), "data| the log likelihood of datum 1 at draw 1 is -inf, expected a finite number");
}

}  // namespace
}  // namespace velbo
