// The compact inverse Hessian against the recursion that defines BFGS, in dense matrices: products, draws, densities.
#include "engines/compact_inverse_hessian.h"

#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <cmath>
#include <numbers>

#include "engines/pathfinder.h"
#include "velbo/random.h"

namespace velbo::internal {
namespace {

constexpr double kRounding = 1e-9;  // of sums over 2m = 10 columns, relative
constexpr double kLogDensity = 1e-8;

Eigen::MatrixXd normals(Eigen::Index rows, Eigen::Index columns, std::uint32_t draw) {
  Eigen::MatrixXd out(rows, columns);
  standard_normals(make_key(11, Purpose::test), 0, draw, 0,
                   std::span<double>(out.data(), static_cast<std::size_t>(out.size())));
  return out;
}

struct Pairs {
  Eigen::VectorXd diagonal;
  Eigen::MatrixXd changes, gradients;
};

// Changes of a gradient whose Hessian varies on the way, so that no matrix has all of them as a secant.
Pairs some_pairs(Eigen::Index d, Eigen::Index m) {
  Pairs out{normals(d, 1, 1).array().exp().matrix(), normals(d, m, 2), Eigen::MatrixXd(d, m)};
  for (Eigen::Index i = 0; i < m; ++i) {
    const Eigen::MatrixXd root = normals(d, d, 3 + static_cast<std::uint32_t>(i)) / std::sqrt(static_cast<double>(d));
    out.gradients.col(i) = root * root.transpose() * out.changes.col(i) + 0.3 * out.changes.col(i);
  }
  return out;
}

Eigen::MatrixXd by_recursion(const Pairs& pairs) {
  const Eigen::Index d = pairs.diagonal.size();
  Eigen::MatrixXd h = pairs.diagonal.asDiagonal();
  for (Eigen::Index i = 0; i < pairs.changes.cols(); ++i) {
    const Eigen::VectorXd s = pairs.changes.col(i), y = pairs.gradients.col(i);
    const double rho = 1 / s.dot(y);
    const Eigen::MatrixXd v = Eigen::MatrixXd::Identity(d, d) - rho * y * s.transpose();
    h = v.transpose() * h * v + rho * s * s.transpose();
  }
  return h;
}

CompactInverseHessian compact(const Pairs& pairs) { return {pairs.diagonal, pairs.changes, pairs.gradients}; }

// With more columns than latents (2m > D) and fewer, one pair, and none.
TEST(CompactInverseHessian, IsWhatTheRecursionGives) {
  for (const auto& [d, m] : {std::pair{30, 5}, {6, 5}, {10, 5}, {3, 3}, {8, 1}, {4, 0}}) {
    const Pairs pairs = some_pairs(d, m);
    const Eigen::MatrixXd h = by_recursion(pairs);
    const CompactInverseHessian inverse = compact(pairs);
    ASSERT_TRUE(inverse.is_positive_definite()) << d << m;
    // Unit vectors for noise are the columns of the factor.
    const Eigen::MatrixXd a = inverse.draws(Eigen::MatrixXd::Identity(d, d)).transpose();
    EXPECT_LT((a * a.transpose() - h).norm(), kRounding * h.norm()) << d << m;
    const Eigen::VectorXd v = normals(d, 1, 20);
    EXPECT_LT((inverse.times(v) - h * v).norm(), kRounding * (h * v).norm()) << d << m;
    EXPECT_NEAR(inverse.log_determinant(), std::log(h.determinant()), kLogDensity) << d << m;
    const Eigen::MatrixXd factor = inverse.dense_factor();
    EXPECT_LT((factor * factor.transpose() - h).norm(), kRounding * h.norm()) << d << m;
    EXPECT_EQ(factor.triangularView<Eigen::StrictlyUpper>().toDenseMatrix().norm(), 0) << d << m;
  }
}

// A million draws: their covariance is 0.6 % off by chance (the root of (1 + tr^2 / |H|^2) / 10^6), 112 % with the factor transposed.
TEST(CompactInverseHessian, DrawsHaveItsCovariance) {
  constexpr Eigen::Index d = 30, batch = 10000, batches = 100;
  const Pairs pairs = some_pairs(d, 5);
  const CompactInverseHessian inverse = compact(pairs);
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(d, d);
  for (Eigen::Index i = 0; i < batches; ++i) {
    const Eigen::MatrixXd z = inverse.draws(normals(batch, d, 100 + static_cast<std::uint32_t>(i)));
    sum += z.transpose() * z;
  }
  const Eigen::MatrixXd h = by_recursion(pairs);
  EXPECT_LT((sum / static_cast<double>(batch * batches) - h).norm(), 0.01 * h.norm());
}

// log q of a draw by its noise and by the dense normal density.
TEST(CompactInverseHessian, DensitiesOfDrawsAreThoseOfTheDenseNormal) {
  constexpr Eigen::Index d = 30, draws = 20;
  const Pairs pairs = some_pairs(d, 5);
  const CompactInverseHessian inverse = compact(pairs);
  const Eigen::MatrixXd eps = normals(draws, d, 50), z = inverse.draws(eps);
  const Eigen::LLT<Eigen::MatrixXd> cholesky(by_recursion(pairs));
  const Eigen::MatrixXd lower = cholesky.matrixL();
  for (Eigen::Index s = 0; s < draws; ++s) {
    const double constant = -0.5 * d * std::log(2 * std::numbers::pi);
    const double by_noise = constant - 0.5 * inverse.log_determinant() - 0.5 * eps.row(s).squaredNorm();
    const double dense =
        constant - lower.diagonal().array().log().sum() - 0.5 * z.row(s).dot(cholesky.solve(z.row(s).transpose()));
    EXPECT_NEAR(by_noise, dense, kLogDensity) << s;
  }
}

// The scaled secant of the paper's algorithm 3, written for a matrix: trace conditions of Gilbert and Lemarechal (1989).
TEST(UpdatedDiagonal, IsTheDiagonalOfTheScaledUpdate) {
  constexpr Eigen::Index d = 7;
  const Pairs pairs = some_pairs(d, 1);
  const Eigen::VectorXd s = pairs.changes.col(0), y = pairs.gradients.col(0);
  // Direct BFGS of diag(1 / alpha) scaled by a / b, of which the diagonal is kept.
  Eigen::MatrixXd hessian = pairs.diagonal.cwiseInverse().asDiagonal();
  const double a = y.dot(pairs.diagonal.cwiseProduct(y)), b = s.dot(y);
  hessian *= a / b;
  const Eigen::MatrixXd updated =
      hessian - hessian * s * s.transpose() * hessian / s.dot(hessian * s) + y * y.transpose() / b;
  EXPECT_TRUE(updated_diagonal(pairs.diagonal, s, y).isApprox(updated.diagonal().cwiseInverse(), 1e-12));
}

}  // namespace
}  // namespace velbo::internal
