// Stochastic gradients of the ELBO: batches add up to the whole, fixed noise against finite differences, unbiasedness against
// exact expectations, the zero of sticking the landing, the variance of Sobol points.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "objectives/elbo_gradient.h"
#include "support/small_glm.h"

namespace velbo::internal {
namespace {

struct Case {
  std::string name;
  SmallGlm model;
  FamilyKind family;
  EstimatorSettings settings;
  WeightsKind weights_kind = WeightsKind::frequency;
};

std::vector<Case> all_cases() {
  std::vector<Case> out;
  const std::vector<std::pair<std::string, EstimatorSettings>> estimators = {
      {"quadrature", {.estimator = Estimator::quadrature}},
      {"local", {.estimator = Estimator::local, .draws = 5}},
      {"weights", {.estimator = Estimator::weights, .draws = 5}},
      {"sticking", {.estimator = Estimator::weights, .draws = 5, .entropy = EntropyGradient::sticking_the_landing}},
      {"sobol", {.estimator = Estimator::weights, .draws = 8, .draw_kind = DrawKind::sobol}}};
  for (const Likelihood likelihood :
       {Likelihood::bernoulli, Likelihood::binomial, Likelihood::poisson, Likelihood::gaussian})
    for (const FamilyKind family : {FamilyKind::mean_field, FamilyKind::full_rank, FamilyKind::low_rank})
      for (const auto& [name, settings] : estimators)
        out.push_back({std::string(velbo::name(likelihood)) + "_" + std::string(velbo::name(family)) + "_" + name,
                       {.likelihood = likelihood, .extras = true, .column_mean = 3},
                       family,
                       settings});
  // Precisions: a row counts once, whatever its weight (zero aside).
  for (const Estimator estimator : {Estimator::quadrature, Estimator::local, Estimator::weights})
    out.push_back({"precisions_" + std::string(velbo::name(estimator)),
                   {.likelihood = Likelihood::gaussian, .extras = true},
                   FamilyKind::full_rank,
                   {.estimator = estimator, .draws = 5},
                   WeightsKind::precision});
  return out;
}

double largest(const ElboGradient& g) { return std::max(g.mean.cwiseAbs().maxCoeff(), g.factor.cwiseAbs().maxCoeff()); }

double difference(const ElboGradient& a, const ElboGradient& b) {
  return std::max((a.mean - b.mean).cwiseAbs().maxCoeff(), (a.factor - b.factor).cwiseAbs().maxCoeff());
}

class Estimators : public testing::TestWithParam<Case> {
 protected:
  static GlmOptions priors() {
    GlmOptions out = small_priors();
    out.weights_kind = GetParam().weights_kind;
    return out;
  }
  Glm model_ = make_small_glm(GetParam().model, priors());
  GaussianPoint point_ = small_point(model_.n_latents(), GetParam().family);
  std::unique_ptr<ElboEstimator> estimator_ =
      make_estimator<double>(model_.data(), Context(), point_, GetParam().settings, make_key(5, Purpose::test));
};

// A partition of 53 rows into batches of 10 and a short last one: weighted by their sizes, the batches' values and gradients
// are those of all rows, with the same noise, to rounding.  A lost row, a wrong N / B, noise that follows the place in the
// batch instead of the row, or weights that do not follow the index would show.
TEST_P(Estimators, BatchesAddUpToAllRows) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(model_.n_rows()));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = 0; i < order.size(); ++i) std::swap(order[i], order[(i * 29 + 7) % order.size()]);
  const ElboGradient whole = estimator_->estimate(point_, {}, 3);
  ElboGradient sum{0, Eigen::VectorXd::Zero(whole.mean.size()),
                   Eigen::MatrixXd::Zero(whole.factor.rows(), whole.factor.cols())};
  for (std::size_t begin = 0; begin < order.size(); begin += 10) {
    const auto batch =
        std::span<const std::int64_t>(order).subspan(begin, std::min<std::size_t>(10, order.size() - begin));
    const ElboGradient part = estimator_->estimate(point_, batch, 3);
    const double share = static_cast<double>(batch.size()) / static_cast<double>(order.size());
    sum.value += share * part.value;
    sum.mean += share * part.mean;
    sum.factor += share * part.factor;
  }
  // Logistic rows are integrated by the cheapest rule that is accurate for their tile, to 1e-11: a row may meet two.
  const bool logistic = GetParam().settings.estimator == Estimator::quadrature &&
                        (model_.likelihood() == Likelihood::bernoulli || model_.likelihood() == Likelihood::binomial);
  EXPECT_LT(difference(sum, whole), (logistic ? 1e-11 : 1e-12) * (1 + largest(whole)));
  EXPECT_NEAR(sum.value, whole.value, 1e-12 * (1 + std::abs(whole.value)));
  EXPECT_EQ(estimator_->rows_read(), 2 * model_.n_rows());
}

// With the noise fixed the estimated ELBO is a smooth function of the point; its derivatives are the gradient.  (Sticking the
// landing leaves out a part whose mean is zero, and is tested by its mean below.)
TEST_P(Estimators, GradientsEqualFiniteDifferencesOfFixedNoise) {
  if (GetParam().settings.entropy == EntropyGradient::sticking_the_landing) return;
  const std::vector<std::int64_t> batch = {0, 5, 7, 7, 31, 52};
  const ElboGradient g = estimator_->estimate(point_, batch, 9);
  const double h = 1e-5;
  const auto check = [&](double& place, double found) {
    const double here = place;
    place = here + h;
    const double above = estimator_->estimate(point_, batch, 9).value;
    place = here - h;
    const double below = estimator_->estimate(point_, batch, 9).value;
    place = here;
    EXPECT_NEAR(found, (above - below) / (2 * h), 1e-6 * (1 + largest(g)));
  };
  for (Eigen::Index i = 0; i < point_.dimension(); ++i) check(point_.mean[i], g.mean[i]);
  for (Eigen::Index i = 0; i < point_.factor.rows(); ++i)
    for (Eigen::Index j = 0; j < point_.factor.cols(); ++j)
      if (point_.family != FamilyKind::full_rank || j <= i) check(point_.factor(i, j), g.factor(i, j));
}

// Mean over 600 steps against exact expectations, each element within 5 standard errors: about 15 elements in 60 cases,
// false alarms below 6e-4 for the whole program, which is deterministic.
TEST_P(Estimators, AreUnbiased) {
  const ElboGradient exact =
      elbo_gradient(point_, make_oracle<double>(model_.data(), Context(), point_.family)->evaluate(point_, true));
  if (GetParam().settings.estimator == Estimator::quadrature) {
    const ElboGradient g = estimator_->estimate(point_, {}, 0);
    EXPECT_LT(difference(g, exact), 1e-9 * (1 + largest(exact)));
    EXPECT_NEAR(g.value, exact.value, 1e-9 * std::abs(exact.value));
    return;
  }
  constexpr int n = 600;
  Eigen::VectorXd mean = 0 * exact.mean, mean2 = mean;
  Eigen::MatrixXd factor = 0 * exact.factor, factor2 = factor;
  double value = 0, value2 = 0;
  for (std::uint32_t step = 0; step < n; ++step) {
    const ElboGradient g = estimator_->estimate(point_, {}, step);
    mean += g.mean / n;
    mean2 += g.mean.cwiseAbs2() / n;
    factor += g.factor / n;
    factor2 += g.factor.cwiseAbs2() / n;
    value += g.value / n;
    value2 += (g.value - exact.value) * (g.value - exact.value) / n;
  }
  const auto within = [&](double found, double square, double expected, const std::string& what) {
    const double error = std::sqrt(std::max(square - found * found, 0.0) / n);
    EXPECT_LT(std::abs(found - expected), 5 * error + 1e-6 * (1 + largest(exact))) << what;
  };
  for (Eigen::Index i = 0; i < mean.size(); ++i) within(mean[i], mean2[i], exact.mean[i], "mean " + std::to_string(i));
  for (Eigen::Index i = 0; i < factor.rows(); ++i)
    for (Eigen::Index j = 0; j < factor.cols(); ++j)
      within(factor(i, j), factor2(i, j), exact.factor(i, j), "factor " + std::to_string(i) + " " + std::to_string(j));
  EXPECT_LT(std::abs(value - exact.value), 5 * std::sqrt(value2 / n) + 1e-6);
}

INSTANTIATE_TEST_SUITE_P(All, Estimators, testing::ValuesIn(all_cases()), [](const auto& p) { return p.param.name; });

// Columns of zeros: the posterior is the prior, here Gaussian, and q is exactly it.
TEST(StickingTheLanding, HasNoVarianceAtTheExactPosterior) {
  std::vector<double> x(20 * 3, 0.0), y(20);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = i % 3 == 0 ? 1 : 0;
  GlmOptions options;
  options.no_intercept = true;
  options.prior = Prior::normal(0.5, 2);
  const Glm model(Likelihood::bernoulli, {.x = {x.data(), 20, 3, 3}, .y = y}, options);
  for (const FamilyKind family : {FamilyKind::mean_field, FamilyKind::full_rank, FamilyKind::low_rank}) {
    GaussianPoint point{family, Eigen::VectorXd::Constant(3, 0.5), {}};
    point.factor = family == FamilyKind::full_rank ? Eigen::MatrixXd(2 * Eigen::MatrixXd::Identity(3, 3))
                                                   : Eigen::MatrixXd::Constant(3, 1, 2);
    if (family == FamilyKind::low_rank) {  // 2^2 = (sqrt 3)^2 + 1^2 in the first latent
      point.factor = Eigen::MatrixXd::Constant(3, 2, 0);
      point.factor.col(0) << std::sqrt(3.0), 2, 2;
      point.factor(0, 1) = 1;
    }
    EstimatorSettings settings{
        .estimator = Estimator::weights, .draws = 1, .entropy = EntropyGradient::sticking_the_landing};
    for (std::uint32_t step = 0; step < 20; ++step) {
      auto sticking = make_estimator<double>(model.data(), Context(), point, settings, Key{1});
      EXPECT_LT(largest(sticking->estimate(point, {}, step)), 1e-10);
    }
    // Moved away from the posterior it is not zero: the test above can fail.
    GaussianPoint elsewhere = point;
    elsewhere.mean[1] += 0.1;
    EXPECT_GT(
        largest(make_estimator<double>(model.data(), Context(), point, settings, Key{1})->estimate(elsewhere, {}, 0)),
        1e-3);
  }
}

// Its mean is the exact gradient for scale parameters too (their log Jacobian is part of the joint): 4,096 Sobol points leave
// little of the noise.
TEST(StickingTheLanding, ManySobolPointsComeNearTheExactGradient) {
  for (const Likelihood likelihood : {Likelihood::bernoulli, Likelihood::gaussian})
    for (const FamilyKind family : {FamilyKind::mean_field, FamilyKind::full_rank, FamilyKind::low_rank}) {
      const Glm model = make_small_glm({.likelihood = likelihood});
      const GaussianPoint point = small_point(model.n_latents(), family, 0.1);
      const ElboGradient exact =
          elbo_gradient(point, make_oracle<double>(model.data(), Context(), family)->evaluate(point, true));
      const ElboGradient g = make_estimator<double>(model.data(), Context(), point,
                                                    {.estimator = Estimator::weights,
                                                     .draws = 4096,
                                                     .draw_kind = DrawKind::sobol,
                                                     .entropy = EntropyGradient::sticking_the_landing},
                                                    Key{3})
                                 ->estimate(point, {}, 0);
      EXPECT_LT(difference(g, exact), 0.3) << name(likelihood) << ' ' << name(family) << ", of " << largest(exact);
    }
}

// 256 Sobol draws a step have at most half of the variance of independent ones, in every element of the gradient.
TEST(SobolDraws, HalveTheVariance) {
  const Glm model = make_small_glm({.likelihood = Likelihood::bernoulli});
  const GaussianPoint point = small_point(model.n_latents(), FamilyKind::full_rank);
  const auto variances = [&](DrawKind kind) {
    auto estimator = make_estimator<double>(model.data(), Context(), point,
                                            {.estimator = Estimator::weights, .draws = 256, .draw_kind = kind}, Key{2});
    constexpr int n = 100;
    Eigen::VectorXd sum = Eigen::VectorXd::Zero(20), squares = sum;
    for (std::uint32_t step = 0; step < n; ++step) {
      const ElboGradient g = estimator->estimate(point, {}, step);
      Eigen::VectorXd all(20);
      all << g.mean, Eigen::VectorXd::Map(g.factor.data(), 16);
      sum += all / n;
      squares += all.cwiseAbs2() / n;
    }
    return Eigen::VectorXd(squares - sum.cwiseAbs2());
  };
  const Eigen::VectorXd iid = variances(DrawKind::iid), sobol = variances(DrawKind::sobol);
  int compared = 0;
  for (Eigen::Index i = 0; i < iid.size(); ++i) {
    if (iid[i] < 1e-12) continue;  // above the triangle
    EXPECT_LT(sobol[i], 0.5 * iid[i]) << i;
    ++compared;
  }
  EXPECT_EQ(compared, 14);
}

}  // namespace
}  // namespace velbo::internal
