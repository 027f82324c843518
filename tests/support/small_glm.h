// support/small_glm.h - small models of every likelihood, with everything that a row may have, and points to look at them from.
#pragma once
#include <Eigen/Core>
#include <cmath>
#include <string>
#include <vector>

#include "models/expected_log_joint.h"
#include "velbo/glm.h"
#include "velbo/random.h"

namespace velbo::internal {

struct SmallGlm {
  Likelihood likelihood = Likelihood::bernoulli;
  bool extras = false;  // weights (some zero), offset, trials
  std::int64_t n = 53;
  double column_mean = 0;  // of the first column
  double slope = 0.4;      // along it
};

inline GlmOptions small_priors() {
  GlmOptions options;
  options.prior = Prior::student_t(4, 0.1, 1.5);
  options.prior_intercept = Prior::normal(0, 3);
  return options;
}

inline Glm make_small_glm(const SmallGlm& c, const GlmOptions& options = small_priors()) {
  const auto n = static_cast<std::size_t>(c.n);
  constexpr std::size_t d = 3;
  std::vector<double> x(n * d), y(n), noise(3 * n), weights, offset, trials;
  standard_normals(make_key(31, Purpose::test), 0, 0, 0, std::span<double>(x));
  standard_normals(make_key(32, Purpose::test), 0, 0, 0, std::span<double>(noise));
  for (std::size_t i = 0; i < n; ++i) {
    const double eta = c.slope * x[i * d] - 0.8 * x[i * d + 1] + 0.3, e = noise[3 * i];
    x[i * d] += c.column_mean;
    trials.push_back(2 + std::floor(3 * std::abs(noise[3 * i + 1])));
    switch (c.likelihood) {
      case Likelihood::gaussian: y[i] = eta + 0.7 * e; break;
      case Likelihood::poisson: y[i] = std::floor(std::exp(eta) + std::abs(e)); break;
      case Likelihood::binomial: y[i] = std::floor(trials[i] / (1 + std::exp(-eta - e))); break;
      default: y[i] = eta + e > 0 ? 1 : 0; break;
    }
    weights.push_back(i % 7 == 2 ? 0 : 0.5 + std::abs(noise[3 * i + 2]));
    offset.push_back(0.2 * noise[3 * i + 1]);
  }
  GlmArrays arrays{.x = {x.data(), c.n, d, d}, .y = y};
  if (c.extras) {
    arrays.weights = weights;
    arrays.offset = offset;
  }
  if (c.likelihood == Likelihood::binomial) arrays.trials = trials;
  return Glm(c.likelihood, arrays, options);
}

// A point that is nobody's optimum; low rank: of rank 2.
inline GaussianPoint small_point(std::int64_t d, FamilyKind family, double scale = 0.3) {
  std::vector<double> noise(static_cast<std::size_t>(d * d + d));
  standard_normals(make_key(33, Purpose::test), 0, 0, 0, std::span<double>(noise));
  const Eigen::Index columns = family == FamilyKind::full_rank ? d : family == FamilyKind::mean_field ? 1 : 3;
  GaussianPoint point{family, Eigen::VectorXd(d), Eigen::MatrixXd::Zero(d, columns)};
  for (Eigen::Index i = 0; i < d; ++i) {
    point.mean[i] = scale * noise[static_cast<std::size_t>(i)];
    for (Eigen::Index j = 0; j < columns; ++j) {
      const double value = 0.3 * scale * noise[static_cast<std::size_t>(d + i * d + j)];
      if (family != FamilyKind::full_rank) {
        point.factor(i, j) = j == 0 ? std::abs(value) + 0.2 * scale : value;
      } else if (j <= i) {
        point.factor(i, j) = i == j ? std::abs(value) + 0.2 * scale : value;
      }
    }
  }
  return point;
}

}  // namespace velbo::internal
