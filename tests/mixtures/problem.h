// tests/mixtures/problem.h - small mixtures for tests.
#pragma once
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "mixtures/gaussian_mixture_model.h"
#include "mixtures/mixture_state.h"
#include "velbo/gaussian_mixture.h"

namespace velbo::test {

inline constexpr CovarianceKind kKinds[] = {CovarianceKind::full, CovarianceKind::diagonal, CovarianceKind::tied,
                                            CovarianceKind::spherical};
inline constexpr WeightsPrior kPriors[] = {WeightsPrior::dirichlet, WeightsPrior::dirichlet_process};

struct Rows {
  std::int64_t n = 0, d = 0;
  std::vector<double> x;  // [n, d]
  [[nodiscard]] FeatureMatrix matrix() const { return FeatureMatrix(MatrixView<const double>{x.data(), n, d, d}); }
  [[nodiscard]] FeatureMatrix matrix_of_floats() const {
    const std::vector<float> values(x.begin(), x.end());
    return FeatureMatrix(MatrixView<const float>{values.data(), n, d, d});
  }
};

// `groups` overlapping or, for a large `apart`, separated groups of correlated rows, one after the other in turn.
inline Rows groups_of_rows(std::int64_t n, std::int64_t d, int groups, double apart, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  std::vector<double> centres(static_cast<std::size_t>(groups * d)), mix(static_cast<std::size_t>(groups * d * d));
  for (double& value : centres) value = apart * normal(engine);
  for (double& value : mix) value = 0.4 * normal(engine);
  Rows out{n, d, {}};
  std::vector<double> e(static_cast<std::size_t>(d));
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t g = i % groups;
    for (double& value : e) value = normal(engine);
    for (std::int64_t j = 0; j < d; ++j) {
      double value = 3 + centres[static_cast<std::size_t>(g * d + j)] + e[static_cast<std::size_t>(j)];
      for (std::int64_t l = 0; l < d; ++l)
        value += mix[static_cast<std::size_t>((g * d + j) * d + l)] * e[static_cast<std::size_t>(l)];
      out.x.push_back(value * (1 + static_cast<double>(j)));
    }
  }
  return out;
}

inline std::vector<double> random_responsibilities(std::int64_t n, std::int64_t k, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::vector<double> out;
  for (std::int64_t i = 0; i < n; ++i) {
    std::vector<double> row(static_cast<std::size_t>(k));
    double sum = 0;
    for (double& value : row) sum += value = std::exponential_distribution<double>(1)(engine);
    for (const double value : row) out.push_back(value / sum);
  }
  return out;
}

// The model as fits have it, from options.
struct Problem {
  Problem(Rows rows_in, const GaussianMixtureOptions& options_in, std::vector<double> weights_in = {},
          Scalar scalar = Scalar::float64)
      : rows(std::move(rows_in)),
        x(rows.matrix()),
        weights(std::move(weights_in)),
        options(options_in),
        mixture(internal::prepare_mixture(x, weights, options, 1)),
        model(x, weights, mixture.units, internal::globals_of(mixture.prior, mixture.units, true), scalar,
              Context({}, 1), true) {}
  [[nodiscard]] std::vector<double> start() const {
    return internal::starting_statistics(x, weights, mixture, options, Context({}, 1), 0);
  }

  Rows rows;
  FeatureMatrix x;
  std::vector<double> weights;
  GaussianMixtureOptions options;
  internal::PreparedMixture mixture;
  internal::GaussianMixtureModel model;
};

}  // namespace velbo::test
