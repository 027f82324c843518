// Expected log joints: derivatives by finite differences, values by Monte Carlo over the definition (log_joint), the
// identities that hold exactly.
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <cmath>
#include <vector>

#include "models/expected_log_joint.h"
#include "support/small_glm.h"
#include "velbo/random.h"

namespace velbo::internal {
namespace {

struct OracleCase {
  std::string name;
  Likelihood likelihood;
  bool intercept;
  bool extras;  // weights, offset (and trials)
  WeightsKind kind = WeightsKind::frequency;
};

// The first column is far from zero: centring must change nothing.
Glm make_model(const OracleCase& c) {
  GlmOptions options = small_priors();
  options.no_intercept = !c.intercept;
  options.weights_kind = c.kind;
  options.prior_intercept = c.intercept ? std::optional(Prior::laplace(0, 20)) : std::nullopt;
  if (c.likelihood == Likelihood::gaussian) options.prior_sigma = Prior::half_cauchy(1);
  return make_small_glm({.likelihood = c.likelihood, .extras = c.extras, .n = 60, .column_mean = 30, .slope = 0.1},
                        options);
}

GaussianPoint make_point(std::int64_t d, FamilyKind family) {
  std::vector<double> noise(static_cast<std::size_t>(d * d + d));
  standard_normals(make_key(23, Purpose::test), 0, 0, 0, std::span<double>(noise));
  GaussianPoint point{family, Eigen::VectorXd(d), Eigen::MatrixXd::Zero(d, family == FamilyKind::mean_field ? 1 : d)};
  for (Eigen::Index i = 0; i < d; ++i) {
    const double scale = i == 1 ? 0.01 : 0.3;  // the column far from zero wants a small coefficient
    point.mean[i] = scale * noise[static_cast<std::size_t>(i)];
    for (Eigen::Index j = 0; j <= i; ++j) {
      const double l = 0.3 * scale * noise[static_cast<std::size_t>(d + i * d + j)];
      if (family == FamilyKind::mean_field) point.factor(i, 0) = std::abs(l) + 0.2 * scale;
      if (family == FamilyKind::full_rank) point.factor(i, j) = i == j ? std::abs(l) + 0.2 * scale : l;
    }
  }
  return point;
}

class Oracles : public testing::TestWithParam<std::tuple<OracleCase, FamilyKind>> {};

TEST_P(Oracles, DerivativesEqualFiniteDifferences) {
  const auto& [c, family] = GetParam();
  const Glm model = make_model(c);
  auto oracle = make_oracle<double>(model.data(), Context(), family);
  const Eigen::Index d = model.n_latents();
  const GaussianPoint point = make_point(d, family);
  const ExpectedLogJoint e = oracle->evaluate(point, true);
  EXPECT_EQ(e.value, oracle->evaluate(point, false).value);
  for (Eigen::Index i = 0; i < d; ++i) {
    const double h = i == 1 && c.intercept ? 1e-6 : 1e-5;
    GaussianPoint above = point, below = point;
    above.mean[i] += h;
    below.mean[i] -= h;
    const ExpectedLogJoint up = oracle->evaluate(above, true), down = oracle->evaluate(below, true);
    EXPECT_NEAR(e.gradient[i], (up.value - down.value) / (2 * h), 1e-6 * (1 + std::abs(e.gradient[i]))) << i;
    // The curvature is minus the derivative of the gradient in the mean (Bonnet and Price).
    if (family == FamilyKind::mean_field) {
      EXPECT_NEAR(e.curvature(i, 0), -(up.gradient[i] - down.gradient[i]) / (2 * h),
                  1e-5 * (1 + std::abs(e.curvature(i, 0))));
    } else {
      for (Eigen::Index j = 0; j < d; ++j)
        EXPECT_NEAR(e.curvature(i, j), -(up.gradient[j] - down.gradient[j]) / (2 * h),
                    1e-5 * (1 + std::sqrt(std::abs(e.curvature(i, i) * e.curvature(j, j)))))
            << i << j;
    }
  }
}

// d value / d Sigma = -curvature / 2, through the factor: d value / d L_ij = -(curvature L)_ij.
TEST_P(Oracles, CurvatureIsTheDerivativeInTheCovariance) {
  const auto& [c, family] = GetParam();
  const Glm model = make_model(c);
  auto oracle = make_oracle<double>(model.data(), Context(), family);
  const GaussianPoint point = make_point(model.n_latents(), family);
  const ExpectedLogJoint e = oracle->evaluate(point, true);
  for (Eigen::Index i = 0; i < point.factor.rows(); ++i)
    for (Eigen::Index j = 0; j <= std::min(i, point.factor.cols() - 1); ++j) {
      const double h = 1e-5 * (i == 1 && c.intercept ? 0.1 : 1);
      GaussianPoint above = point, below = point;
      above.factor(i, j) += h;
      below.factor(i, j) -= h;
      const double difference = (oracle->evaluate(above, false).value - oracle->evaluate(below, false).value) / (2 * h);
      const double expected = family == FamilyKind::mean_field ? -e.curvature(i, 0) * point.factor(i, 0)
                                                               : -(e.curvature.row(i) * point.factor.col(j))(0);
      EXPECT_NEAR(difference, expected, 2e-6 * (1 + std::abs(expected))) << i << j;
    }
}

// The value is E_q[log_joint], the definition; 20,000 draws, |z| < 5.  Also each draw's log joint of the fast path.
TEST_P(Oracles, ValueIsTheMeanOfTheLogJoint) {
  const auto& [c, family] = GetParam();
  const Glm model = make_model(c);
  auto oracle = make_oracle<double>(model.data(), Context(), family);
  const Eigen::Index d = model.n_latents(), n = 20000;
  const GaussianPoint point = make_point(d, family);
  const Eigen::MatrixXd factor =
      family == FamilyKind::mean_field ? Eigen::MatrixXd(point.factor.col(0).asDiagonal()) : point.factor;
  Eigen::MatrixXd draws(n, d);
  std::vector<double> eps(static_cast<std::size_t>(n * d));
  standard_normals(make_key(24, Purpose::test), 0, 0, 0, std::span<double>(eps));
  for (Eigen::Index s = 0; s < n; ++s)
    draws.row(s) = (point.mean + factor * Eigen::VectorXd::Map(eps.data() + s * d, d)).transpose();
  const LogJointDraws fast = oracle->log_joint(point, draws, 1e12, Key{1});
  double sum = 0, squares = 0;
  for (Eigen::Index s = 0; s < n; ++s) {
    const Eigen::VectorXd z = draws.row(s);
    const double value = model.log_joint({z.data(), static_cast<std::size_t>(d)});
    ASSERT_NEAR(value, fast.value[s], 1e-8 * (1 + std::abs(value)));
    sum += value;
    squares += value * value;
  }
  const double mean = sum / static_cast<double>(n);
  const double se = std::sqrt((squares / static_cast<double>(n) - mean * mean) / static_cast<double>(n));
  EXPECT_LT(std::abs(oracle->evaluate(point, false).value - mean) / se, 5);
}

TEST_P(Oracles, FloatRowsAgreeWithinTheirSlack) {
  const auto& [c, family] = GetParam();
  const Glm model = make_model(c);
  const GaussianPoint point = make_point(model.n_latents(), family);
  const ExpectedLogJoint wide = make_oracle<double>(model.data(), Context(), family)->evaluate(point, true);
  const ExpectedLogJoint narrow = make_oracle<float>(model.data(), Context(), family)->evaluate(point, true);
  EXPECT_NEAR(wide.value, narrow.value, narrow.slack + 1e-9);
  for (Eigen::Index i = 0; i < wide.gradient.size(); ++i)
    EXPECT_NEAR(wide.gradient[i], narrow.gradient[i],
                3e-6 * std::sqrt(60 * std::abs(family == FamilyKind::mean_field ? wide.curvature(i, 0)
                                                                                : wide.curvature(i, i))));
}

TEST_P(Oracles, StartIsFiniteAndSolveInvertsTheCurvature) {
  const auto& [c, family] = GetParam();
  const Glm model = make_model(c);
  auto oracle = make_oracle<double>(model.data(), Context(), family);
  const GaussianPoint start = oracle->start(family);
  const ExpectedLogJoint e = oracle->evaluate(start, true);
  EXPECT_TRUE(e.is_finite());
  EXPECT_GT(start.sd().minCoeff(), 0);
  if (family == FamilyKind::full_rank) return;
  // Against the full-rank oracle at the same diagonal point.
  GaussianPoint full = start;
  full.family = FamilyKind::full_rank;
  full.factor = start.factor.col(0).asDiagonal();
  const ExpectedLogJoint dense =
      make_oracle<double>(model.data(), Context(), FamilyKind::full_rank)->evaluate(full, true);
  const Eigen::VectorXd right = Eigen::VectorXd::LinSpaced(start.dimension(), 1, 2);
  const Eigen::VectorXd x = oracle->solve_curvature(start, right, 1e-12);
  ASSERT_EQ(dense.curvature.llt().info(), Eigen::Success);
  EXPECT_LT((dense.curvature * x - right).norm(), 1e-6 * right.norm());
}

INSTANTIATE_TEST_SUITE_P(
    All, Oracles,
    testing::Combine(testing::Values(OracleCase{"bernoulli", Likelihood::bernoulli, true, false},
                                     OracleCase{"bernoulli_weights", Likelihood::bernoulli, false, true},
                                     OracleCase{"binomial", Likelihood::binomial, true, true},
                                     OracleCase{"poisson", Likelihood::poisson, true, true},
                                     OracleCase{"gaussian", Likelihood::gaussian, true, false},
                                     OracleCase{"gaussian_weights", Likelihood::gaussian, true, true},
                                     OracleCase{"gaussian_precision", Likelihood::gaussian, false, true,
                                                WeightsKind::precision}),
                     testing::Values(FamilyKind::mean_field, FamilyKind::full_rank)),
    [](const auto& p) { return std::get<0>(p.param).name + "_" + std::string(name(std::get<1>(p.param))); });

// A subsample of as many rows as there are is the model itself.
TEST(Oracles, SubsampleOfAllRowsIsTheModel) {
  const Glm model = make_model({"bernoulli", Likelihood::bernoulli, true, true});
  auto oracle = make_oracle<double>(model.data(), Context(), FamilyKind::full_rank);
  const GaussianPoint point = make_point(model.n_latents(), FamilyKind::full_rank);
  EXPECT_NEAR(oracle->subsample(60, Key{1})->evaluate(point, false).value, oracle->evaluate(point, false).value, 1e-10);
}

// Its mean over many seeds is the whole's value: 400 subsamples, |z| < 5.
TEST(Oracles, SubsamplesAreUnbiased) {
  const Glm model = make_model({"bernoulli", Likelihood::bernoulli, true, true});
  auto oracle = make_oracle<double>(model.data(), Context(), FamilyKind::full_rank);
  const GaussianPoint point = make_point(model.n_latents(), FamilyKind::full_rank);
  double sum = 0, squares = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const double v = oracle->subsample(12, Key{seed})->evaluate(point, false).value;
    sum += v;
    squares += v * v;
  }
  const double mean = sum / 400, se = std::sqrt((squares / 400 - mean * mean) / 400);
  EXPECT_LT(std::abs(mean - oracle->evaluate(point, false).value) / se, 5);
}

// The difference estimator differs from reading all rows by a common error only: small against the spread of log weights.
TEST(Oracles, DifferenceEstimatorFollowsTheLogJoint) {
  const std::int64_t n = 20000;
  std::vector<double> x(static_cast<std::size_t>(n)), y(static_cast<std::size_t>(n)), u(static_cast<std::size_t>(n));
  standard_normals(make_key(31, Purpose::test), 0, 0, 0, std::span<double>(x));
  standard_normals(make_key(32, Purpose::test), 0, 0, 0, std::span<double>(u));
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = 0.5 * x[i] - 0.5 + 1.6 * u[i] > 0 ? 1 : 0;
  const Glm model(Likelihood::bernoulli, {.x = {x.data(), n, 1, 1}, .y = y});
  auto oracle = make_oracle<double>(model.data(), Context(), FamilyKind::full_rank);
  GaussianPoint point{FamilyKind::full_rank, Eigen::VectorXd::Zero(2), 0.02 * Eigen::MatrixXd::Identity(2, 2)};
  point.mean << -0.5, 0.5;
  Eigen::MatrixXd draws(500, 2);
  std::vector<double> eps(1000);
  standard_normals(make_key(33, Purpose::test), 0, 0, 0, std::span<double>(eps));
  for (Eigen::Index s = 0; s < 500; ++s)
    draws.row(s) = (point.mean + 0.02 * Eigen::VectorXd::Map(eps.data() + 2 * s, 2)).transpose();
  const LogJointDraws exact = oracle->log_joint(point, draws, 1e12, Key{1});
  const LogJointDraws quick = oracle->log_joint(point, draws, 1000 * 500, Key{1});
  EXPECT_EQ(exact.method, "all rows");
  EXPECT_NE(quick.method, "all rows");
  const Eigen::ArrayXd error = (quick.value - exact.value).array();
  const Eigen::ArrayXd spread = exact.value.array() - exact.value.mean();
  EXPECT_LT(std::sqrt((error - error.mean()).square().mean()), 0.02 * std::sqrt(spread.square().mean()));
}

}  // namespace
}  // namespace velbo::internal
