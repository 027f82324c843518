// support/gaussian_target.h - a Gaussian for a model: what every ELBO and gradient of it is, exactly.
#pragma once
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <numbers>

#include "objectives/model_estimator.h"

namespace velbo::internal {

// N(mean, precision^-1), with its constant.
struct GaussianTarget {
  Eigen::VectorXd mean;
  Eigen::MatrixXd precision;

  [[nodiscard]] double log_normaliser() const {
    return 0.5 * std::log(precision.determinant()) -
           0.5 * static_cast<double>(mean.size()) * std::log(2 * std::numbers::pi);
  }
  [[nodiscard]] LogDensity log_density() const {
    return [*this](std::int64_t n_draws, const double* z, double* logp, double* grad) {
      for (std::int64_t s = 0; s < n_draws; ++s) {
        const Eigen::VectorXd distance = Eigen::VectorXd::Map(z + s * mean.size(), mean.size()) - mean;
        const Eigen::VectorXd slope = -precision * distance;
        logp[s] = log_normaliser() + 0.5 * distance.dot(slope);
        if (grad != nullptr) Eigen::VectorXd::Map(grad + s * mean.size(), mean.size()) = slope;
      }
    };
  }
};

inline GaussianTarget small_target() {
  GaussianTarget out{Eigen::VectorXd(3), Eigen::MatrixXd(3, 3)};
  out.mean << 0.4, -0.1, 0.3;
  out.precision << 2, 0.5, -0.3, 0.5, 1.5, 0.6, -0.3, 0.6, 3;
  return out;
}

// The full-rank point that is the target itself.
inline GaussianPoint exact_posterior(const GaussianTarget& target) {
  const Eigen::MatrixXd covariance = target.precision.inverse();
  return {FamilyKind::full_rank, target.mean, Eigen::MatrixXd(covariance.llt().matrixL())};
}

// By dense matrices: d ELBO / d Sigma = (Sigma^-1 - precision) / 2.
inline ElboGradient exact_gradient(const GaussianPoint& point, const GaussianTarget& target) {
  const bool full = point.family == FamilyKind::full_rank;
  const Eigen::MatrixXd shared = full ? point.factor : Eigen::MatrixXd(point.factor.rightCols(point.rank()));
  Eigen::MatrixXd covariance = shared * shared.transpose();
  if (!full) covariance.diagonal() += point.factor.col(0).cwiseAbs2();
  const Eigen::VectorXd distance = point.mean - target.mean;
  const Eigen::MatrixXd slope = covariance.inverse() - target.precision;

  ElboGradient out{target.log_normaliser(), -target.precision * distance, slope * point.factor};
  out.value -= 0.5 * distance.dot(target.precision * distance) + 0.5 * (target.precision * covariance).trace();
  out.value += 0.5 * std::log(covariance.determinant()) +
               0.5 * static_cast<double>(distance.size()) * (1 + std::log(2 * std::numbers::pi));
  if (full) {
    out.factor = Eigen::MatrixXd(out.factor.triangularView<Eigen::Lower>());
  } else {
    out.factor.col(0) = slope.diagonal().cwiseProduct(point.factor.col(0));
  }
  return out;
}

inline double largest(const ElboGradient& g) {
  return std::max(g.mean.cwiseAbs().maxCoeff(), g.factor.cwiseAbs().maxCoeff());
}

inline double difference(const ElboGradient& a, const ElboGradient& b) {
  return std::max((a.mean - b.mean).cwiseAbs().maxCoeff(), (a.factor - b.factor).cwiseAbs().maxCoeff());
}

// z-tests of value and gradient: means over n steps within 5 standard errors, each with a false-alarm rate of 6e-7.
inline void expect_unbiased(ElboEstimator& estimator, const GaussianPoint& point, const GaussianTarget& target, int n) {
  const auto flat = [](const ElboGradient& g) {
    Eigen::VectorXd out(1 + g.mean.size() + g.factor.size());
    out << g.value, g.mean, Eigen::VectorXd::Map(g.factor.data(), g.factor.size());
    return out;
  };
  const Eigen::VectorXd exact = flat(exact_gradient(point, target));
  Eigen::VectorXd sum = 0 * exact, squares = sum;
  for (int step = 0; step < n; ++step) {
    const Eigen::VectorXd error = flat(estimator.estimate(point, {}, static_cast<std::uint32_t>(step))) - exact;
    sum += error;
    squares += error.cwiseAbs2();
  }
  for (Eigen::Index i = 0; i < exact.size(); ++i) {
    const double error = sum[i] / n, variance = squares[i] / n - error * error;
    EXPECT_LT(std::abs(error), 5 * std::sqrt(std::max(variance, 0.0) / n) + 1e-12) << "element " << i;
  }
}

}  // namespace velbo::internal
