// The whitened natural gradient from draws against what it estimates, exactly known for a Gaussian model.
#include "objectives/stein_gradient.h"

#include <gtest/gtest.h>

#include <limits>

#include "objectives/draws.h"
#include "support/gaussian_target.h"

namespace velbo::internal {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

EvaluatedDraws draws_at(const GaussianPoint& point, const GaussianTarget& target, std::int64_t n, std::uint64_t seed) {
  const DrawNoise noise(Context(), point, n, DrawKind::iid, make_key(seed, Purpose::test));
  const RowMajorMatrix eps = noise.at(0), z = draws_of(point, eps);
  Eigen::VectorXd value(n);
  RowMajorMatrix gradient(n, point.dimension());
  target.log_density()(n, z.data(), value.data(), gradient.data());
  return finite_draws(eps, gradient, value);
}

GaussianPoint elsewhere() {
  GaussianPoint out{FamilyKind::full_rank, Eigen::VectorXd(3), Eigen::MatrixXd(3, 3)};
  out.mean << 0.9, 0.3, -0.4;
  out.factor << 0.9, 0, 0, 0.4, 0.6, 0, -0.3, 0.2, 0.5;
  return out;
}

TEST(SteinGradient, VanishesDrawByDrawAtThePosterior) {
  const GaussianTarget target = small_target();
  const GaussianPoint exact = exact_posterior(target);
  const EvaluatedDraws draws = draws_at(exact, target, 50, 1);
  const Eigen::MatrixXd residuals = whitened_residuals(exact, draws, kInfinity);
  EXPECT_LT(residuals.cwiseAbs().maxCoeff(), 1e-12);
  const ElboEstimate elbo = elbo_of_draws(exact, draws);
  EXPECT_NEAR(elbo.value, 0, 1e-12);  // the target is normalised
  EXPECT_LT(elbo.standard_error, 1e-12);
}

// E[mean] = L' E[g] and E[factor] = I - L' P L; z-tests of 3 + 6 + 1 numbers at 4.5 standard errors: a false alarm in 15,000 runs.
TEST(SteinGradient, IsUnbiased) {
  const GaussianTarget target = small_target();
  const GaussianPoint point = elsewhere();
  constexpr std::int64_t n = 200000;
  const EvaluatedDraws draws = draws_at(point, target, n, 2);
  const Eigen::MatrixXd h = whitened_residuals(point, draws, kInfinity);
  const WhitenedGradient gradient = stein_gradient(draws.eps, h);
  const Eigen::VectorXd mean = -point.factor.transpose() * target.precision * (point.mean - target.mean);
  const Eigen::MatrixXd factor =
      Eigen::MatrixXd::Identity(3, 3) - point.factor.transpose() * target.precision * point.factor;
  const auto z = [](const Eigen::ArrayXd& terms, double expected) {
    const double se = std::sqrt((terms - terms.mean()).square().mean() / static_cast<double>(terms.size()));
    return std::abs(terms.mean() - expected) / se;
  };
  for (Eigen::Index i = 0; i < 3; ++i) {
    EXPECT_NEAR(gradient.mean[i], h.col(i).mean(), 1e-12);
    EXPECT_LT(z(h.col(i), mean[i]), 4.5) << i;
    for (Eigen::Index j = 0; j <= i; ++j) {
      const Eigen::ArrayXd terms =
          0.5 * (draws.eps.col(i).array() * h.col(j).array() + draws.eps.col(j).array() * h.col(i).array());
      EXPECT_NEAR(gradient.factor(i, j), terms.mean(), 1e-12);
      EXPECT_EQ(gradient.factor(i, j), gradient.factor(j, i));
      EXPECT_LT(z(terms, factor(i, j)), 4.5) << i << j;
    }
  }
  const double exact_elbo = exact_gradient(point, target).value;
  const ElboEstimate elbo = elbo_of_draws(point, draws);
  EXPECT_LT(std::abs(elbo.value - exact_elbo), 4.5 * elbo.standard_error);
  EXPECT_GT(elbo.standard_error, 1e-4);
}

// A q with the posterior's covariance and a shifted mean: the error is the shift, in sds; one with sds off by a factor e^0.1: about
// -0.1, to first order (e^0.2 - 1) / 2.
TEST(MarginalErrors, AreDistancesToThePosterior) {
  const GaussianTarget target = small_target();
  GaussianPoint point = exact_posterior(target);
  const Eigen::VectorXd sd = point.sd();
  Eigen::VectorXd shift(3);
  shift << 0.3, -0.2, 0.05;
  point.mean += sd.cwiseProduct(shift);
  point.factor *= std::exp(0.1);
  constexpr std::int64_t n = 100000;
  const EvaluatedDraws draws = draws_at(point, target, n, 3);
  const MarginalErrors errors = marginal_errors(point, draws.eps, whitened_residuals(point, draws, kInfinity));
  const double stretch = std::exp(0.1);  // of q's sds, which the shift is measured in
  for (Eigen::Index i = 0; i < 3; ++i) {
    // L L' P (target - mean) is the whole way, times the stretched covariance's e^0.2.
    EXPECT_LT(std::abs(errors.mean[i] + shift[i] * stretch), 4.5 * errors.mean_se[i]) << i;
    EXPECT_LT(std::abs(errors.log_sd[i] + 0.5 * std::expm1(0.2)), 4.5 * errors.log_sd_se[i]) << i;
    EXPECT_LT(errors.mean_se[i], 0.002);
  }
  EXPECT_NEAR(errors.largest(), 0.3 * stretch, 0.01);
  EXPECT_GT(errors.largest_se(), 0);
}

// Mirrored draws' means of linear residuals have no noise at all, which standard errors of single draws would not know.
TEST(MarginalErrors, CountMirroredDrawsAsOne) {
  const GaussianTarget target = small_target();
  GaussianPoint point = exact_posterior(target);
  point.mean[0] += 0.5;
  point.factor *= 1.3;
  EvaluatedDraws draws = draws_at(point, target, 64, 4);
  draws.eps.bottomRows(32) = -draws.eps.topRows(32);
  const RowMajorMatrix z = draws_of(point, draws.eps);
  RowMajorMatrix gradient(64, 3);
  target.log_density()(64, z.data(), draws.log_joint.data(), gradient.data());
  draws.gradient = gradient;
  const Eigen::MatrixXd h = whitened_residuals(point, draws, kInfinity);
  const MarginalErrors pairs = marginal_errors(point, draws.eps, h, 32), singles = marginal_errors(point, draws.eps, h);
  EXPECT_LT(pairs.mean_se.maxCoeff(), 1e-12);
  EXPECT_GT(singles.mean_se.minCoeff(), 0.01);
  EXPECT_GT(pairs.log_sd_se.minCoeff(), 1.2 * singles.log_sd_se.minCoeff());
  EXPECT_TRUE(pairs.mean.isApprox(singles.mean, 1e-12));
  EXPECT_TRUE(pairs.log_sd.isApprox(singles.log_sd, 1e-12));
}

TEST(FiniteDraws, LeavesOutWhatIsNot) {
  Eigen::MatrixXd eps(5, 2), gradient = Eigen::MatrixXd::Ones(5, 2);
  eps << 0, 1, 2, 3, 4, 5, 6, 7, 8, 9;
  Eigen::VectorXd value = Eigen::VectorXd::LinSpaced(5, 0, 4);
  value[0] = -kInfinity;
  gradient(3, 1) = std::nan("");
  const EvaluatedDraws draws = finite_draws(eps, gradient, value);
  EXPECT_EQ(draws.n_masked, 2);
  ASSERT_EQ(draws.n_draws(), 3);
  EXPECT_EQ(draws.eps.col(0), Eigen::Vector3d(2, 4, 8));
  EXPECT_EQ(draws.log_joint, Eigen::Vector3d(1, 2, 4));
  EXPECT_TRUE(draws.gradient.allFinite());
}

// A normal cut off at 0: q restricted to where the model is is the posterior, and the ELBO is the log evidence, log(1 / 2).
TEST(ElboOfDraws, IsThatOfWhatIsLeftOfQ) {
  const GaussianPoint q{FamilyKind::full_rank, Eigen::VectorXd::Zero(1), Eigen::MatrixXd::Identity(1, 1)};
  Eigen::MatrixXd eps(1000, 1);
  eps.col(0) = Eigen::VectorXd::LinSpaced(1000, -3, 3);
  Eigen::VectorXd value = -0.5 * eps.col(0).array().square() - 0.5 * std::log(2 * std::numbers::pi);
  for (Eigen::Index s = 0; s < 500; ++s) value[s] = -kInfinity;
  const ElboEstimate elbo = elbo_of_draws(q, finite_draws(eps, -eps, value));
  EXPECT_NEAR(elbo.value, -std::log(2), 1e-12);
}

TEST(MarginalErrors, AreInfiniteWhereANumberIsNot) {
  const GaussianPoint point = exact_posterior(small_target());
  Eigen::MatrixXd h = Eigen::MatrixXd::Ones(4, 3);
  h(2, 1) = std::nan("");
  EXPECT_EQ(marginal_errors(point, Eigen::MatrixXd::Ones(4, 3), h).largest(), kInfinity);
}

TEST(WhitenedResiduals, AreShortenedAndKeepTheirDirection) {
  const GaussianTarget target = small_target();
  const GaussianPoint point = elsewhere();
  EvaluatedDraws draws = draws_at(point, target, 20, 5);
  const Eigen::MatrixXd whole = whitened_residuals(point, draws, kInfinity),
                        cut = whitened_residuals(point, draws, 0.5);
  for (Eigen::Index s = 0; s < 20; ++s) {
    EXPECT_LE(cut.row(s).norm(), 0.5 * (1 + 1e-12));
    EXPECT_TRUE(cut.row(s).normalized().isApprox(whole.row(s).normalized(), 1e-12));
    if (whole.row(s).norm() < 0.5) {
      EXPECT_EQ(cut.row(s), whole.row(s));
    }
  }
  draws.gradient *= 1e300;  // whose squares overflow
  EXPECT_TRUE(whitened_residuals(point, draws, 1e6).allFinite());
}

}  // namespace
}  // namespace velbo::internal
