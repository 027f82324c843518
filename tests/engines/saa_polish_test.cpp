// The ELBO over fixed draws: the draws' moments, exactness on Gaussian models, resuming, and what is left out.
#include "engines/saa_polish.h"
#include "math/matched_normals.h"

#include <gtest/gtest.h>

#include <Eigen/LU>
#include <chrono>
#include <limits>

#include "support/gaussian_target.h"
#include "velbo/functions.h"

namespace velbo::internal {
namespace {

constexpr double kEnough = 1e-9;

Model gaussian_model(const GaussianTarget& target) {
  return Model::with_gradient({real("z", {target.mean.size()})}, target.log_density(), "gaussian");
}

// Skewed: log of a gamma variable; its q has an optimum that takes many draws to find.
struct LogGamma {
  template <class T>
  T operator()(const T* z) const {
    return 2 * z[0] - exp(z[0]) - 0.5 * square(z[1] - z[0]);
  }
};

GaussianPoint start(std::int64_t d, FamilyKind family = FamilyKind::full_rank) {
  GaussianPoint out{family, Eigen::VectorXd::Zero(d), Eigen::MatrixXd::Ones(d, 1)};
  if (family == FamilyKind::full_rank) out.factor = Eigen::MatrixXd::Identity(d, d);
  return out;
}

int run(SaaPolish& polish) {
  int steps = 1;
  while (polish.step(kEnough)) ++steps;
  return steps;
}

TEST(MatchedNormals, HaveTheMomentsOfTheNormal) {
  for (const auto& [draws, dimension] : {std::pair{64, 10}, {1024, 3}, {256, 100}}) {
    const RowMajorMatrix eps = matched_normals(draws, dimension, make_key(3, Purpose::test), 0);
    EXPECT_LT(eps.colwise().mean().cwiseAbs().maxCoeff(), 1e-14);
    const Eigen::MatrixXd covariance = eps.transpose() * eps / draws;
    EXPECT_LT((covariance - Eigen::MatrixXd::Identity(dimension, dimension)).cwiseAbs().maxCoeff(), 1e-12);
    EXPECT_NE(eps, matched_normals(draws, dimension, make_key(3, Purpose::test), 1));
  }
}

TEST(SaaPolish, IsExactForAGaussian) {
  const GaussianTarget target = small_target();
  ModelDensity density(gaussian_model(target), Context());
  SaaPolish polish(density, start(3), Eigen::MatrixXd::Identity(3, 3), 64, make_key(1, Purpose::test), 0);
  EXPECT_LT(run(polish), 60);
  const GaussianPoint found = polish.point(), exact = exact_posterior(target);
  EXPECT_TRUE(found.mean.isApprox(exact.mean, 1e-8));
  EXPECT_TRUE(found.factor.isApprox(exact.factor, 1e-8));
  EXPECT_NEAR(polish.elbo(), 0, 1e-10);
  EXPECT_EQ(polish.n_masked(), 0);
}

// The sds of the best mean-field Gaussian are the conditional ones.
TEST(SaaPolish, FollowsTheLawOfMeanField) {
  const GaussianTarget target = small_target();
  ModelDensity density(gaussian_model(target), Context());
  SaaPolish polish(density, start(3, FamilyKind::mean_field), Eigen::MatrixXd::Identity(3, 3), 64,
                   make_key(1, Purpose::test), 0);
  run(polish);
  EXPECT_TRUE(polish.point().mean.isApprox(target.mean, 1e-8));
  EXPECT_TRUE(polish.point().factor.col(0).isApprox(target.precision.diagonal().cwiseSqrt().cwiseInverse(), 1e-8));
}

// Different scrambles of enough draws agree; the optimum of q = N(m, S) is where E[dlog p] = 0 and S^-1 = -E[d2log p].
TEST(SaaPolish, FindsTheOptimumOfASkewedModel) {
  const Model model({real("z", {2})}, LogGamma{});
  ModelDensity density(model, Context());
  SaaPolish polish(density, start(2), Eigen::MatrixXd::Identity(2, 2), 4096, make_key(1, Purpose::test), 0);
  run(polish);
  const GaussianPoint q = polish.point();
  const Eigen::MatrixXd covariance = q.factor * q.factor.transpose();
  const double expected_exp = std::exp(q.mean[0] + 0.5 * covariance(0, 0));  // E[e^z] in closed form
  EXPECT_NEAR(expected_exp, 2, 0.01);
  Eigen::MatrixXd precision(2, 2);
  precision << expected_exp + 1, -1, -1, 1;
  EXPECT_TRUE(covariance.inverse().isApprox(precision, 0.01));
}

TEST(SaaPolish, GoesOnWithTheSameBits) {
  const Model model({real("z", {2})}, LogGamma{});
  ModelDensity density(model, Context());
  const Key key = make_key(1, Purpose::test);
  SaaPolish polish(density, start(2), Eigen::MatrixXd::Identity(2, 2), 256, key, 5);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(polish.step(kEnough));
  EngineState state;
  polish.save(state);
  SaaPolish resumed(density, start(2), key, state);
  EXPECT_EQ(resumed.point().mean, polish.point().mean);
  while (polish.step(kEnough)) ASSERT_TRUE(resumed.step(kEnough));
  EXPECT_FALSE(resumed.step(kEnough));
  EXPECT_EQ(resumed.point().mean, polish.point().mean);
  EXPECT_EQ(resumed.point().factor, polish.point().factor);
}

// log p is -infinity at z < -3, which some draws of the start reach.
struct HalfLine {
  template <class T>
  T operator()(const T* z) const {
    return z[0] < -3.0 ? T(-std::numeric_limits<double>::infinity()) : -0.5 * square((z[0] - 2.0) / 0.25);
  }
};

TEST(SaaPolish, LeavesOutDrawsThatTheModelDoesNotReach) {
  const Model model({real("z")}, HalfLine{});
  ModelDensity density(model, Context());
  SaaPolish polish(density, start(1), Eigen::MatrixXd::Identity(1, 1), 1024, make_key(1, Purpose::test), 0);
  EXPECT_GT(polish.n_masked(), 0);
  EXPECT_LT(polish.n_masked(), 10);
  run(polish);
  EXPECT_NEAR(polish.point().mean[0], 2, 0.01);
  EXPECT_NEAR(polish.point().factor(0, 0), 0.25, 0.01);
  EngineState state;
  polish.save(state);
  const SaaPolish resumed(density, start(1), make_key(1, Purpose::test), state);
  EXPECT_EQ(resumed.n_masked(), polish.n_masked());
  EXPECT_EQ(resumed.draws(), polish.draws());
}

TEST(SaaPolish, IsWhereItWasWhenTimeRunsOut) {
  const GaussianTarget target = small_target();
  ModelDensity density(gaussian_model(target), Context());
  SaaPolish polish(density, start(3), Eigen::MatrixXd::Identity(3, 3), 64, make_key(1, Purpose::test), 0);
  ASSERT_TRUE(polish.step(kEnough));
  const GaussianPoint before = polish.point();
  density.set_deadline(std::chrono::steady_clock::now());
  EXPECT_THROW(polish.step(kEnough), OutOfTime);
  EXPECT_EQ(polish.point().mean, before.mean);
  density.set_deadline(std::chrono::steady_clock::time_point::max());
  run(polish);
  EXPECT_TRUE(polish.point().mean.isApprox(target.mean, 1e-8));
}

}  // namespace
}  // namespace velbo::internal
