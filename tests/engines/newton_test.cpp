// The engine and its update against targets whose best Gaussians are known in closed form.
#include "engines/newton.h"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <cmath>
#include <limits>
#include <numbers>

#include "engines/gaussian_update.h"
#include "engines/identification.h"

namespace velbo::internal {
namespace {

// log p(z) = -(z - m)' P (z - m) / 2, not normalised.
class GaussianTarget final : public ExpectedLogJointOracle {
 public:
  GaussianTarget(Eigen::VectorXd mean, Eigen::MatrixXd precision)
      : mean_(std::move(mean)), precision_(std::move(precision)) {}
  [[nodiscard]] std::int64_t n_rows() const override { return 1; }
  [[nodiscard]] std::int64_t n_latents() const override { return mean_.size(); }
  [[nodiscard]] GaussianPoint start(FamilyKind family) override {
    const Eigen::Index d = mean_.size();
    return {family, Eigen::VectorXd::Zero(d),
            family == FamilyKind::mean_field ? Eigen::MatrixXd(Eigen::MatrixXd::Ones(d, 1))
                                             : Eigen::MatrixXd(Eigen::MatrixXd::Identity(d, d))};
  }
  [[nodiscard]] ExpectedLogJoint evaluate(const GaussianPoint& point, bool) override {
    ExpectedLogJoint out;
    const bool mean_field = point.family == FamilyKind::mean_field;
    const Eigen::MatrixXd factor = mean_field ? Eigen::MatrixXd(point.factor.col(0).asDiagonal()) : point.factor;
    const Eigen::VectorXd r = point.mean - mean_;
    out.value = -0.5 * (r.dot(precision_ * r) + (precision_ * factor).cwiseProduct(factor).sum());
    out.gradient = -precision_ * r;
    out.curvature = mean_field ? Eigen::MatrixXd(precision_.diagonal()) : precision_;
    return out;
  }
  [[nodiscard]] Eigen::VectorXd solve_curvature(const GaussianPoint&, const Eigen::VectorXd& right, double) override {
    return precision_.llt().solve(right);
  }
  [[nodiscard]] std::unique_ptr<ExpectedLogJointOracle> subsample(std::int64_t, Key) const override { return nullptr; }
  [[nodiscard]] LogJointDraws log_joint(const GaussianPoint&, const Eigen::MatrixXd&, double, Key) override {
    return {};
  }

 private:
  Eigen::VectorXd mean_;
  Eigen::MatrixXd precision_;
};

GlmData latents(std::int64_t n) {
  GlmData data;
  data.recipe.likelihood = Likelihood::bernoulli;
  for (std::int64_t i = 0; i < n; ++i) {
    data.recipe.names.push_back("z" + std::to_string(i));
    data.priors.push_back({data.recipe.names.back(), Prior::normal(0, 1), false});
  }
  return data;
}

// Methods' acceptance test 3: rho = 0.95, mean-field sd ratio sqrt(1 - rho^2) = 0.3122, KL = -log(1 - rho^2) / 2 = 1.1640.
TEST(Newton, MeanFieldLawOnACorrelatedGaussian) {
  const double rho = 0.95;
  Eigen::MatrixXd covariance(2, 2);
  covariance << 4, 2 * 3 * rho, 2 * 3 * rho, 9;
  const Eigen::Vector2d mean(1, -2);
  const GlmData data = latents(2);
  const double log_normaliser = std::log(2 * std::numbers::pi) + 0.5 * std::log(covariance.determinant());
  for (const FamilyKind family : {FamilyKind::mean_field, FamilyKind::full_rank}) {
    NewtonEngine engine(data, std::make_unique<GaussianTarget>(mean, covariance.inverse()), family, 1e-6, Key{1}, {});
    for (int i = 0; i < 100 && !(engine.report().error_sd <= 1e-6); ++i) engine.advance(1);
    const double elbo = engine.evaluate();
    const bool mean_field = family == FamilyKind::mean_field;
    EXPECT_NEAR(engine.point().sd()[0] / 2, mean_field ? std::sqrt(1 - rho * rho) : 1, 1e-3);
    EXPECT_NEAR(engine.point().sd()[1] / 3, mean_field ? 0.3122499 : 1, 1e-3);
    EXPECT_NEAR(log_normaliser - elbo, mean_field ? 1.1640 : 0, 1e-3);  // KL(q || p)
    EXPECT_NEAR(engine.point().mean[0], 1, 1e-5);
    EXPECT_NEAR(engine.point().mean[1], -2, 1e-5);
  }
}

// A quadratic is Newton's in one step, whatever its conditioning (1e8 here) and start.
TEST(Newton, OneStepReachesAnyGaussian) {
  const Eigen::Index d = 12;
  Eigen::MatrixXd a = Eigen::MatrixXd::Identity(d, d);
  for (Eigen::Index i = 0; i < d; ++i)
    for (Eigen::Index j = 0; j < i; ++j) a(i, j) = std::sin(static_cast<double>(3 * i + 7 * j));
  const Eigen::VectorXd scale = Eigen::VectorXd::LinSpaced(d, 0, 4).unaryExpr([](double e) { return std::pow(10, e); });
  const Eigen::MatrixXd precision = scale.asDiagonal() * a * a.transpose() * scale.asDiagonal();
  const Eigen::VectorXd mean = Eigen::VectorXd::LinSpaced(d, -3, 5);
  const GlmData data = latents(d);
  NewtonEngine engine(data, std::make_unique<GaussianTarget>(mean, precision), FamilyKind::full_rank, 1e-4, Key{1}, {});
  engine.advance(3);
  EXPECT_LE(engine.report().error_sd, 1e-4);  // of the rounding of a matrix of condition 1e8
  static_cast<void>(engine.evaluate());
  const Eigen::VectorXd sd = precision.inverse().diagonal().cwiseSqrt();
  EXPECT_LT(((engine.point().mean - mean).array() / sd.array()).abs().maxCoeff(), 1e-6);
  EXPECT_LT((engine.point().sd().array() / sd.array() - 1).abs().maxCoeff(), 1e-6);
}

TEST(GaussianUpdate, FollowsTheNaturalGradient) {
  // P' = (1 - r) P + r C and mu' = mu + r P'^-1 g, by plain algebra.
  GaussianPoint point{FamilyKind::full_rank, Eigen::Vector2d(1, 2), Eigen::MatrixXd(2, 2)};
  point.factor << 0.5, 0, 0.3, 0.8;
  ExpectedLogJoint e;
  e.gradient = Eigen::Vector2d(0.7, -0.4);
  e.curvature = Eigen::MatrixXd(2, 2);
  e.curvature << 5, 1, 1, 3;
  const Eigen::MatrixXd precision = (point.factor * point.factor.transpose()).inverse();
  for (const double r : {1.0, 0.5, 0.01}) {
    const auto next = full_rank_update(point, e)->at(r);
    ASSERT_TRUE(next);
    const Eigen::MatrixXd expected = (1 - r) * precision + r * e.curvature;
    EXPECT_LT(((next->factor * next->factor.transpose()).inverse() - expected).norm(), 1e-10);
    EXPECT_LT((next->mean - point.mean - r * expected.inverse() * e.gradient).norm(), 1e-10);
    EXPECT_EQ(next->factor(0, 1), 0);
  }
}

TEST(GaussianUpdate, StaysPositiveWhereTheCurvatureIsNot) {
  GaussianPoint point{FamilyKind::full_rank, Eigen::Vector2d(0, 0), Eigen::MatrixXd::Identity(2, 2)};
  ExpectedLogJoint e;
  e.gradient = Eigen::Vector2d(1, 1);
  e.curvature = Eigen::MatrixXd(2, 2);
  e.curvature << 1, 5, 5, 1;  // eigenvalues 6 and -4
  for (const double r : {1.0, 0.5, 0.1}) {
    const auto next = full_rank_update(point, e)->at(r);
    ASSERT_TRUE(next);
    EXPECT_GT(next->factor.diagonal().minCoeff(), 0);
  }
  const Eigen::MatrixXd g = Eigen::MatrixXd::Identity(2, 2) - e.curvature;
  const auto next = full_rank_update(point, e)->at(1);
  const Eigen::MatrixXd m = Eigen::MatrixXd::Identity(2, 2) - g + 0.5 * g * g;
  EXPECT_LT(((next->factor * next->factor.transpose()).inverse() - m).norm(), 1e-10);
}

TEST(GaussianUpdate, InverseFactorIsLowerAndInverts) {
  Eigen::MatrixXd p(3, 3);
  p << 4, 1, 0.5, 1, 3, -1, 0.5, -1, 2;
  const auto factor = inverse_factor(p);
  ASSERT_TRUE(factor);
  EXPECT_LT((*factor * factor->transpose() - p.inverse()).norm(), 1e-12);
  EXPECT_EQ((*factor)(0, 1), 0);
  EXPECT_FALSE(inverse_factor(-p));
}

TEST(DistanceInSds, CountsMeansAndSds) {
  GaussianPoint a{FamilyKind::mean_field, Eigen::Vector2d(0, 0), Eigen::MatrixXd(Eigen::Vector2d(1, 2))};
  GaussianPoint b = a;
  EXPECT_EQ(distance_in_sds(a, b).largest(), 0);
  b.mean[1] = 1;
  EXPECT_NEAR(distance_in_sds(a, b).means, 0.5, 1e-15);
  EXPECT_EQ(distance_in_sds(a, b).sds, 0);
  b.factor(0, 0) = std::exp(-0.75);
  EXPECT_NEAR(distance_in_sds(a, b).sds, 0.75, 1e-15);
  EXPECT_NEAR(distance_in_sds(a, b).largest(), 0.75, 1e-15);
  b.mean[0] = std::nan("");
  EXPECT_EQ(distance_in_sds(a, b).largest(), std::numeric_limits<double>::infinity());
}

TEST(Coordinates, GoThereAndBack) {
  for (const FamilyKind family : {FamilyKind::full_rank, FamilyKind::mean_field}) {
    const bool mean_field = family == FamilyKind::mean_field;
    GaussianPoint reference{family, Eigen::Vector2d(3, -1), Eigen::MatrixXd(2, mean_field ? 1 : 2)};
    GaussianPoint point{family, Eigen::Vector2d(2, 5), Eigen::MatrixXd(2, mean_field ? 1 : 2)};
    if (mean_field) {
      reference.factor << 0.1, 20;
      point.factor << 0.3, 7;
    } else {
      reference.factor << 0.1, 0, 4, 20;
      point.factor << 0.3, 0, -2, 7;
    }
    EXPECT_EQ(coordinates(reference, reference).norm(), 0);
    const GaussianPoint back = point_at(reference, coordinates(reference, point));
    EXPECT_LT((back.mean - point.mean).norm(), 1e-12);
    EXPECT_LT((back.factor - point.factor).norm(), 1e-12);
  }
}

// x <- A x + b with eigenvalues up to 0.95 and one of -0.9: as many secants as dimensions find the fixed point.
TEST(AndersonMixing, SolvesALinearIterationInItsDimension) {
  Eigen::MatrixXd a(3, 3);
  a << 0.95, 0.2, 0, 0, -0.9, 0.1, 0, 0, 0.5;
  const Eigen::Vector3d b(1, 2, 3);
  const Eigen::Vector3d fixed = (Eigen::Matrix3d::Identity() - a).inverse() * b;
  AndersonMixing mixing(6);
  Eigen::VectorXd x = Eigen::Vector3d::Zero();
  EXPECT_EQ(mixing.propose(x, a * x + b), b);  // nothing is known yet
  mixing.restart();
  for (int k = 0; k < 5; ++k) x = mixing.propose(x, a * x + b);
  EXPECT_LT((x - fixed).norm(), 1e-8 * fixed.norm());
}

TEST(Identification, NamesDirections) {
  EXPECT_EQ(describe_direction(Eigen::Vector3d(0.001, -2, 1), {"a", "b", "c"}), "b - 0.5 c");
  EXPECT_EQ(describe_direction(Eigen::Vector3d(3, 0, 3), {"a", "b", "c"}), "a + c");
  Eigen::MatrixXd c(2, 2);
  c << 1, 2, 2, 4;
  EXPECT_EQ(flat_direction(c, {"a", "b"}), "a - 0.5 b");
  EXPECT_EQ(flat_direction(c + 0.1 * Eigen::MatrixXd::Identity(2, 2), {"a", "b"}), "");
  c += Eigen::MatrixXd::Identity(2, 2);
  EXPECT_EQ(prior_dominated_directions(c, Eigen::Vector2d(1, 1), {"a", "b"}), (std::vector<std::string>{"a - 0.5 b"}));
  EXPECT_TRUE(prior_dominated_directions(2 * c, Eigen::Vector2d(1, 1), {"a", "b"}).empty());
}

}  // namespace
}  // namespace velbo::internal
