// Constraints against their definitions: what theta is, its log Jacobian by differences and by integrals, and the way back.
#include "velbo/transform.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "velbo/parameters.h"

namespace velbo {
namespace {

using Vector = std::vector<double>;

constexpr double kPi = 3.14159265358979323846;
constexpr double kFloatTolerance = 4e-6;  // relative to 1 + |value|, for the largest of the cases

std::vector<Parameter> cases() {
  std::vector<Parameter> out = {real("x"),
                                positive("x"),
                                lower("x", -2.5),
                                lower("x", 3, {2}),
                                upper("x", 1.5),
                                upper("x", -4, {3}),
                                interval("x", 0, 1),
                                interval("x", -3, 7.5),
                                interval("x", 100, 100.25, {2, 2}),
                                simplex("x", 3, {2}),
                                covariance("x", 2, {3}),
                                real("x", {2, 3})};
  for (const std::int64_t size : {2, 3, 5, 11}) {
    out.push_back(simplex("x", size));
    out.push_back(unit_vector("x", size));
  }
  for (const std::int64_t size : {1, 2, 3, 9}) {
    out.push_back(ordered("x", size));
    out.push_back(positive_ordered("x", size));
  }
  for (const std::int64_t size : {2, 3, 4, 6}) out.push_back(correlation_cholesky("x", size));
  for (const std::int64_t size : {1, 2, 3, 5}) out.push_back(covariance("x", size));
  out.push_back(correlation_cholesky("x", 3, {2}));
  return out;
}

std::string what(const Parameter& p) {
  std::string text = std::string(name(p.constraint)) + " of size " + std::to_string(p.size);
  for (const std::int64_t length : p.shape) text += ", " + std::to_string(length);
  return text;
}

Vector normals(std::int64_t n, unsigned seed, double sd) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal(0, sd);
  Vector out(static_cast<std::size_t>(n));
  for (double& value : out) value = normal(engine);
  return out;
}

struct Point {
  Vector theta;
  double log_jacobian = 0;
};

Point at(const Parameters& parameters, const Vector& z) {
  Point out{Vector(static_cast<std::size_t>(parameters.n_constrained())), 0};
  out.log_jacobian = parameters.constrain(z, out.theta);
  return out;
}

Eigen::MatrixXd matrix(const double* theta, std::int64_t size) {
  return Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(theta, size, size);
}

void expect_inside(const Parameter& p, const double* theta) {
  const auto size = static_cast<std::size_t>(p.size);
  double sum = 0, squares = 0;
  for (std::size_t k = 0; k < size; ++k) {
    sum += theta[k];
    squares += theta[k] * theta[k];
  }
  switch (p.constraint) {
    case Constraint::real: return;
    case Constraint::lower: EXPECT_GT(*theta, p.lower); return;
    case Constraint::upper: EXPECT_LT(*theta, p.upper); return;
    case Constraint::interval:
      EXPECT_GT(*theta, p.lower);
      EXPECT_LT(*theta, p.upper);
      return;
    case Constraint::simplex:
      for (std::size_t k = 0; k < size; ++k) EXPECT_GT(theta[k], 0);
      EXPECT_NEAR(sum, 1, 1e-14);
      return;
    case Constraint::positive_ordered: EXPECT_GT(theta[0], 0); [[fallthrough]];
    case Constraint::ordered:
      for (std::size_t k = 1; k < size; ++k) EXPECT_GT(theta[k], theta[k - 1]);
      return;
    case Constraint::unit_vector: EXPECT_NEAR(squares, 1, 1e-14); return;
    case Constraint::correlation_cholesky: {
      const Eigen::MatrixXd factor = matrix(theta, p.size);
      EXPECT_GT(factor.diagonal().minCoeff(), 0);
      EXPECT_EQ(Eigen::MatrixXd(factor.triangularView<Eigen::StrictlyUpper>()).norm(), 0);
      EXPECT_LT(((factor * factor.transpose()).diagonal().array() - 1).abs().maxCoeff(), 1e-14);
      return;
    }
    case Constraint::covariance: {
      const Eigen::MatrixXd value = matrix(theta, p.size);
      EXPECT_EQ((value - value.transpose()).norm(), 0);
      EXPECT_EQ(value.llt().info(), Eigen::Success);
      return;
    }
  }
}

// The elements that are coordinates of the constrained set: as many as there are z.
std::vector<std::size_t> free_elements(const Parameter& p) {
  std::vector<std::size_t> out;
  const auto size = static_cast<std::size_t>(p.size);
  const bool diagonal = p.constraint == Constraint::covariance;
  if (diagonal || p.constraint == Constraint::correlation_cholesky) {
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t j = 0; j < i + (diagonal ? 1 : 0); ++j) out.push_back(i * size + j);
  } else {
    for (std::size_t k = 0; k < size - (p.constraint == Constraint::simplex ? 1 : 0); ++k) out.push_back(k);
  }
  return out;
}

TEST(Transform, ThetaIsInsideAndComesBack) {
  for (const Parameter& p : cases()) {
    SCOPED_TRACE(what(p));
    const Parameters parameters{p};
    const ParameterBlock& block = parameters.blocks()[0];
    const std::int64_t n_theta = transform::n_constrained(p.constraint, p.size);
    for (unsigned seed = 0; seed < 40; ++seed) {
      const Vector z = normals(parameters.n_unconstrained(), seed, seed % 2 == 0 ? 0.5 : 1.5);
      const Vector theta = at(parameters, z).theta;
      for (std::int64_t i = 0; i < block.count; ++i) expect_inside(p, theta.data() + i * n_theta);
      const Vector back = parameters.unconstrain(theta);
      if (p.constraint == Constraint::unit_vector) {  // z is determined up to its length
        for (std::size_t i = 0; i < z.size(); ++i) EXPECT_NEAR(back[i], theta[i], 1e-15);
      } else {
        for (std::size_t i = 0; i < z.size(); ++i) EXPECT_NEAR(back[i], z[i], 1e-9);
      }
      const Vector again = at(parameters, back).theta;
      for (std::size_t i = 0; i < theta.size(); ++i) EXPECT_NEAR(again[i], theta[i], 1e-12 * (1 + std::abs(theta[i])));
    }
  }
}

TEST(Transform, LogJacobianIsTheDeterminantOfDifferences) {
  for (const Parameter& p : cases()) {
    if (p.constraint == Constraint::unit_vector || !p.shape.empty()) continue;  // no Jacobian; arrays: below
    SCOPED_TRACE(what(p));
    const Parameters parameters{p};
    const std::vector<std::size_t> rows = free_elements(p);
    const auto n = static_cast<Eigen::Index>(rows.size());
    ASSERT_EQ(n, parameters.n_unconstrained());
    for (unsigned seed = 0; seed < 10; ++seed) {
      Vector z = normals(n, seed, 1);
      Eigen::MatrixXd jacobian(n, n);
      for (Eigen::Index j = 0; j < n; ++j) {
        const double step = 1e-3;
        const auto moved = [&](double by) {
          Vector there = z;
          there[static_cast<std::size_t>(j)] += by * step;
          return at(parameters, there).theta;
        };
        const Vector a = moved(-2), b = moved(-1), c = moved(1), d = moved(2);
        for (Eigen::Index i = 0; i < n; ++i) {
          const std::size_t e = rows[static_cast<std::size_t>(i)];
          jacobian(i, j) = (a[e] - d[e] + 8 * (c[e] - b[e])) / (12 * step);  // fourth order
        }
      }
      const double truth = std::log(std::abs(jacobian.determinant()));
      EXPECT_NEAR(at(parameters, z).log_jacobian, truth, 1e-8);
    }
  }
}

TEST(Transform, ArraysAddUp) {
  const Parameters three{covariance("x", 2, {3})}, one{covariance("x", 2)};
  const Vector z = normals(three.n_unconstrained(), 5, 1);
  const Point all = at(three, z);
  double log_jacobian = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const Point part = at(one, Vector(z.begin() + static_cast<std::ptrdiff_t>(3 * i),
                                      z.begin() + static_cast<std::ptrdiff_t>(3 * i + 3)));
    log_jacobian += part.log_jacobian;
    for (std::size_t e = 0; e < 4; ++e) EXPECT_EQ(part.theta[e], all.theta[4 * i + e]);
  }
  EXPECT_NEAR(all.log_jacobian, log_jacobian, 1e-14);
}

// The integral of exp(log |J|) f(theta) over z by the trapezoid rule, which converges exponentially here.
double integral(
    const Parameter& p, double from, double to, double step,
    const std::function<double(const Vector&)>& f = [](const Vector&) { return 1.0; }) {
  const Parameters parameters{p};
  const auto n = static_cast<std::size_t>(parameters.n_unconstrained());
  Vector z(n, from), theta(static_cast<std::size_t>(parameters.n_constrained()));
  double sum = 0;
  for (;;) {
    const double log_jacobian = parameters.constrain(z, theta);
    sum += std::exp(log_jacobian) * f(theta);
    std::size_t axis = 0;
    while (axis < n && (z[axis] += step) > to) z[axis++] = from;
    if (axis == n) return sum * std::pow(step, static_cast<double>(n));
  }
}

TEST(Transform, IntegralsOverZAreVolumes) {
  const auto total = [](const Vector& theta) {
    double sum = 0;
    for (const double value : theta) sum += value;
    return sum;
  };
  const auto exponential = [&](const Vector& theta) { return std::exp(-total(theta)); };
  const auto gaussian = [](const Vector& theta) {
    double squares = 0;
    for (const double value : theta) squares += value * value;
    return std::exp(-squares / 2);
  };
  EXPECT_NEAR(integral(real("x"), -12, 12, 0.25, gaussian), std::sqrt(2 * kPi), 1e-12);
  EXPECT_NEAR(integral(lower("x", 0.5), -40, 5, 0.125, exponential), std::exp(-0.5), 1e-10);
  EXPECT_NEAR(integral(upper("x", 0.5), -40, 5, 0.125, [](const Vector& theta) { return std::exp(theta[0]); }),
              std::exp(0.5), 1e-10);
  EXPECT_NEAR(integral(interval("x", -3, 7.5), -40, 40, 0.25), 10.5, 1e-10);
  EXPECT_NEAR(integral(simplex("x", 2), -40, 40, 0.25), 1, 1e-10);
  EXPECT_NEAR(integral(simplex("x", 3), -40, 40, 0.25), 0.5, 1e-10);            // 1 / (K - 1)!
  EXPECT_NEAR(integral(ordered("x", 2), -30, 10, 0.125, gaussian), kPi, 1e-9);  // half of the plane
  EXPECT_NEAR(integral(positive_ordered("x", 2), -30, 5, 0.125, exponential), 0.5, 1e-9);
  EXPECT_NEAR(integral(unit_vector("x", 2), -9, 9, 0.25), 2 * kPi, 1e-10);  // the circle
  EXPECT_NEAR(integral(unit_vector("x", 3), -9, 9, 0.5), 4 * kPi * std::exp(std::lgamma(1.5) + 0.5 * std::log(2)),
              1e-9);
  EXPECT_NEAR(integral(correlation_cholesky("x", 2), -16, 16, 0.25), 2, 1e-10);       // (-1, 1)
  EXPECT_NEAR(integral(correlation_cholesky("x", 3), -14, 14, 0.35), 2 * kPi, 1e-8);  // and the unit disc
  // Wishart's normaliser for 3 degrees of freedom: 2^3 Gamma_2(3/2).
  const auto wishart = [](const Vector& theta) { return std::exp(-(theta[0] + theta.back()) / 2); };
  EXPECT_NEAR(integral(covariance("x", 1), -20, 5, 0.125, [](const Vector& theta) { return std::exp(-theta[0]); }), 1,
              1e-10);
  EXPECT_NEAR(integral(covariance("x", 2), -12, 8, 0.2, wishart), 4 * kPi, 1e-7);
}

TEST(Transform, ValuesByHand) {
  const Parameters centre{simplex("x", 4)};
  for (const double value : at(centre, {0, 0, 0}).theta) EXPECT_NEAR(value, 0.25, 1e-16);
  const Point two = at(Parameters{simplex("x", 2)}, {0.7});
  EXPECT_NEAR(two.theta[0], 1 / (1 + std::exp(-0.7)), 1e-16);
  EXPECT_NEAR(two.log_jacobian, std::log(two.theta[0] * two.theta[1]), 1e-15);
  // Stan's manual: the first of three elements by a share of sigmoid(z1 - log 2), the second by sigmoid(z2) of the rest.
  const Point three = at(Parameters{simplex("x", 3)}, {0.3, -1.2});
  const double share = 1 / (1 + 2 * std::exp(-0.3)), next = 1 / (1 + std::exp(1.2));
  EXPECT_NEAR(three.theta[0], share, 1e-16);
  EXPECT_NEAR(three.theta[1], (1 - share) * next, 1e-16);
  EXPECT_NEAR(three.log_jacobian, std::log(share * (1 - share) * (1 - share) * next * (1 - next)), 1e-15);

  const double a = std::tanh(0.4), b = std::tanh(-0.9), c = std::tanh(1.3);
  const Point factor = at(Parameters{correlation_cholesky("x", 3)}, {0.4, -0.9, 1.3});
  const Vector rows = {1, 0, 0, a, std::sqrt(1 - a * a), 0, b, c * std::sqrt(1 - b * b), 0};
  for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(factor.theta[i], rows[i], 1e-15) << i;
  EXPECT_NEAR(factor.theta[8], std::sqrt((1 - b * b) * (1 - c * c)), 1e-15);
  EXPECT_NEAR(factor.log_jacobian, std::log((1 - a * a) * (1 - b * b) * (1 - c * c) * std::sqrt(1 - b * b)), 1e-14);

  const double d = std::exp(0.2), e = std::exp(-0.6);  // L = (d, 0; 0.5, e)
  const Point sigma = at(Parameters{covariance("x", 2)}, {0.2, 0.5, -0.6});
  EXPECT_NEAR(sigma.theta[0], d * d, 1e-15);
  EXPECT_NEAR(sigma.theta[1], 0.5 * d, 1e-15);
  EXPECT_NEAR(sigma.theta[3], 0.25 + e * e, 1e-15);
  EXPECT_NEAR(sigma.log_jacobian, std::log(4 * d * d * d * e * e), 1e-15);

  EXPECT_NEAR(at(Parameters{unit_vector("x", 2)}, {3, -4}).theta[1], -0.8, 1e-16);
  EXPECT_EQ(at(Parameters{unit_vector("x", 2)}, {3, -4}).log_jacobian, -12.5);
  EXPECT_TRUE(std::isnan(at(Parameters{unit_vector("x", 2)}, {0, 0}).theta[0]));
}

TEST(Transform, FiniteFarOut) {
  for (const Parameter& p : cases()) {
    SCOPED_TRACE(what(p));
    const Parameters parameters{p};
    const auto n = static_cast<std::size_t>(parameters.n_unconstrained());
    for (const double far : {-700.0, -40.0, 40.0, 700.0}) {
      for (const bool alternating : {false, true}) {
        Vector z(n, far);
        if (alternating)
          for (std::size_t i = 1; i < n; i += 2) z[i] = -far;
        const Point point = at(parameters, z);
        EXPECT_TRUE(std::isfinite(point.log_jacobian)) << far;
        if (p.constraint == Constraint::covariance && std::abs(far) > 300) continue;  // a variance is e^(2 z)
        for (const double value : point.theta) EXPECT_TRUE(std::isfinite(value)) << far;
        Vector gradient(n);
        parameters.pull_back(z, Vector(point.theta.size(), 0.0), gradient);
        for (const double value : gradient) EXPECT_TRUE(std::isfinite(value)) << far;
      }
    }
  }
}

TEST(Transform, LimitsFarOut) {
  const Parameters between{interval("x", 0.1, 0.3)};
  for (const double far : {40.0, 700.0}) {
    const double expected = std::log(0.3 - 0.1) - far;  // sigmoid(z) sigmoid(-z) -> e^-|z|
    EXPECT_NEAR(at(between, {far}).log_jacobian, expected, 1e-12);
    EXPECT_NEAR(at(between, {-far}).log_jacobian, expected, 1e-12);
    EXPECT_LE(at(between, {far}).theta[0], 0.3);
    EXPECT_GE(at(between, {-far}).theta[0], 0.1);
    EXPECT_NEAR(at(Parameters{simplex("x", 2)}, {-far}).theta[0], std::exp(-far), 1e-14 * std::exp(-far));
    EXPECT_NEAR(at(Parameters{simplex("x", 2)}, {far}).theta[1], std::exp(-far), 1e-14 * std::exp(-far));
    // All of the rest to the last element, or all to the first.
    EXPECT_NEAR(at(Parameters{simplex("x", 3)}, {-far, -far}).log_jacobian, -2 * far - std::log(2), 1e-12);
    EXPECT_NEAR(at(Parameters{simplex("x", 3)}, {far, far}).log_jacobian, -3 * far + 2 * std::log(2), 1e-12);
    EXPECT_NEAR(at(Parameters{correlation_cholesky("x", 2)}, {far}).log_jacobian, std::log(4) - 2 * far, 1e-12);
    EXPECT_NEAR(at(Parameters{correlation_cholesky("x", 2)}, {far}).theta[3], 2 * std::exp(-far),
                1e-12 * std::exp(-far));
  }
  // No bound is passed by rounding.
  for (unsigned seed = 0; seed < 2000; ++seed) {
    const Vector bounds = normals(2, seed, 1);
    const double low = std::min(bounds[0], bounds[1]), high = std::max(bounds[0], bounds[1]);
    const Parameters p{interval("x", low, high)};
    for (const double z : {-50.0, -36.0, -1e-9, 1e-9, 36.0, 50.0}) {
      EXPECT_GE(at(p, {z}).theta[0], low);
      EXPECT_LE(at(p, {z}).theta[0], high);
    }
  }
}

TEST(Transform, FloatAgreesWithDouble) {
  for (const Parameter& p : cases()) {
    SCOPED_TRACE(what(p));
    const Parameters parameters{p};
    const Vector z = normals(parameters.n_unconstrained(), 11, 1);
    std::vector<float> z_float(z.begin(), z.end());
    const Vector z_same(z_float.begin(), z_float.end());
    const Point expected = at(parameters, z_same);
    std::vector<float> theta(expected.theta.size());
    const float log_jacobian = constrain(parameters.blocks()[0], z_float.data(), theta.data());
    EXPECT_NEAR(log_jacobian, expected.log_jacobian, kFloatTolerance * (1 + std::abs(expected.log_jacobian)));
    for (std::size_t i = 0; i < theta.size(); ++i)
      EXPECT_NEAR(theta[i], expected.theta[i], kFloatTolerance * (1 + std::abs(expected.theta[i]))) << i;
  }
}

TEST(Transform, DualsOfFloatsAreScalarsToo) {
  const Parameters parameters{covariance("x", 2)};
  using Scalar = Dual<float, 3>;
  const std::vector<Scalar> z = {Scalar::variable(0.2F, 0), Scalar::variable(0.5F, 1), Scalar::variable(-0.6F, 2)};
  std::vector<Scalar> theta(4);
  const Scalar log_jacobian = constrain(parameters.blocks()[0], z.data(), theta.data());
  EXPECT_NEAR(theta[1].derivative[0], 0.5 * std::exp(0.2), kFloatTolerance);
  EXPECT_NEAR(theta[1].derivative[1], std::exp(0.2), kFloatTolerance);
  EXPECT_EQ(log_jacobian.derivative[0], 3);
  EXPECT_EQ(log_jacobian.derivative[2], 2);
}

}  // namespace
}  // namespace velbo
