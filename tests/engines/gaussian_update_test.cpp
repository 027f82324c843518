// The natural-gradient step from an estimate: its formula, its trust region, and that it stays a Gaussian whatever the estimate.
#include "engines/gaussian_update.h"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>

#include "velbo/random.h"

namespace velbo::internal {
namespace {

Eigen::MatrixXd normals(Eigen::Index rows, Eigen::Index columns, std::uint32_t draw) {
  Eigen::MatrixXd out(rows, columns);
  standard_normals(make_key(7, Purpose::test), 0, draw, 0,
                   std::span<double>(out.data(), static_cast<std::size_t>(out.size())));
  return out;
}

GaussianPoint some_point(Eigen::Index d) {
  Eigen::MatrixXd factor = normals(d, d, 1).triangularView<Eigen::Lower>();
  factor.diagonal() = factor.diagonal().cwiseAbs().array() + 0.5;
  return {FamilyKind::full_rank, normals(d, 1, 2), factor};
}

TEST(NaturalStep, IsItsFormula) {
  constexpr Eigen::Index d = 5;
  const GaussianPoint point = some_point(d);
  const Eigen::MatrixXd g = normals(d, d, 3);
  const WhitenedGradient gradient{normals(d, 1, 4), 0.5 * (g + g.transpose())};
  constexpr double r = 0.15;
  const auto next = natural_step(point, gradient, r, Expectations::estimated);
  ASSERT_TRUE(next);
  const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(d, d);
  const Eigen::MatrixXd inverse =
      (identity - r * gradient.factor + 0.5 * r * r * gradient.factor * gradient.factor).inverse();
  const Eigen::MatrixXd covariance = point.factor * inverse * point.factor.transpose();
  EXPECT_TRUE((next->factor * next->factor.transpose()).isApprox(covariance, 1e-12));
  EXPECT_EQ(next->factor.triangularView<Eigen::StrictlyUpper>().toDenseMatrix().norm(), 0);
  EXPECT_GT(next->factor.diagonal().minCoeff(), 0);
  EXPECT_TRUE(next->mean.isApprox(point.mean + r * point.factor * gradient.mean, 1e-12));
}

// Of exact expectations: P' = (1 - r) P + r C and mu' = mu + r P'^-1 g, in the latents' own coordinates; also where the whitened form of
// an estimate would give another answer (r = 1).
TEST(NaturalStep, OfExactExpectationsMixesPrecisions) {
  constexpr Eigen::Index d = 5;
  const GaussianPoint point = some_point(d);
  const Eigen::MatrixXd root = normals(d, d, 8), curvature = root * root.transpose() + Eigen::MatrixXd::Identity(d, d),
                        precision = (point.factor * point.factor.transpose()).inverse();
  const Eigen::VectorXd gradient = normals(d, 1, 9);
  const WhitenedGradient whitened{
      point.factor.transpose() * gradient,
      Eigen::MatrixXd::Identity(d, d) - point.factor.transpose() * curvature * point.factor};
  const auto update = full_rank_update(point, {.value = 0, .slack = 0, .gradient = gradient, .curvature = curvature});
  for (const double r : {0.3, 1.0}) {
    const auto next = natural_step(point, whitened, r, Expectations::exact);
    ASSERT_TRUE(next);
    const Eigen::MatrixXd mixed = (1 - r) * precision + r * curvature;
    EXPECT_TRUE((next->factor * next->factor.transpose() * mixed).isIdentity(1e-10)) << r;
    EXPECT_TRUE(next->mean.isApprox(point.mean + r * mixed.llt().solve(gradient), 1e-10)) << r;
    EXPECT_TRUE(update->at(r)->factor.isApprox(next->factor, 1e-12)) << r;
    EXPECT_TRUE(update->at(r)->mean.isApprox(next->mean, 1e-12)) << r;
  }
}

// The plain form I - r G is not positive definite here.
TEST(NaturalStep, StaysAGaussianWhateverTheGradient) {
  constexpr Eigen::Index d = 6;
  const GaussianPoint point = some_point(d);
  for (const double size : {1e-3, 1.0, 1e3, 1e6}) {
    const Eigen::MatrixXd g = size * normals(d, d, 5);
    const WhitenedGradient gradient{size * normals(d, 1, 6), 0.5 * (g + g.transpose())};
    const double r = trust_radius(gradient, 0.2);
    const auto next = natural_step(point, gradient, r, Expectations::estimated);
    ASSERT_TRUE(next) << size;
    const double change = distance_in_sds(point, *next).sds;
    // Eigenvalues of I - rG + r^2 G^2 / 2 at r |G| = 1 (up to what power iteration misses) lie in [1/2, 5/2].
    EXPECT_LT(change, 0.5 * std::log(2.5) + 0.2) << size;
    EXPECT_LT(distance_in_sds(point, *next).means, 10) << size;
  }
}

TEST(TrustRadius, IsTheSmallestOfThree) {
  constexpr Eigen::Index d = 4;
  WhitenedGradient gradient{Eigen::VectorXd::Zero(d), Eigen::MatrixXd::Zero(d, d)};
  EXPECT_EQ(trust_radius(gradient, 0.2), 0.2);  // nothing to limit it
  gradient.factor.diagonal() << 1, -50, 3, 2;
  EXPECT_NEAR(trust_radius(gradient, 0.2), 1 / 50.0, 1e-6);
  gradient.mean << 0, 300, 0, 400;
  EXPECT_NEAR(trust_radius(gradient, 0.2), 2 / 500.0, 1e-12);
}

// Where the model is Gaussian and the gradient exact, the steps arrive.
TEST(NaturalStep, ArrivesWithExactGradients) {
  constexpr Eigen::Index d = 4;
  const GaussianPoint posterior = some_point(d);
  const Eigen::MatrixXd precision = (posterior.factor * posterior.factor.transpose()).inverse();
  GaussianPoint q{FamilyKind::full_rank, Eigen::VectorXd::Constant(d, 5), 0.1 * Eigen::MatrixXd::Identity(d, d)};
  for (int step = 0; step < 100; ++step) {
    const WhitenedGradient gradient{q.factor.transpose() * precision * (posterior.mean - q.mean),
                                    Eigen::MatrixXd::Identity(d, d) - q.factor.transpose() * precision * q.factor};
    q = *natural_step(q, gradient, trust_radius(gradient, 0.2), Expectations::estimated);
  }
  EXPECT_LT(distance_in_sds(posterior, q).largest(), 1e-6);
}

}  // namespace
}  // namespace velbo::internal
