// support/level_likelihoods.h - simulated data whose outcome is one of several levels, with the truth.
#pragma once
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "support/simulate.h"
#include "velbo/glm.h"
#include "velbo/table.h"

namespace velbo::test {

// Of y ~ x1 + x2 + g: ordinal's coefficients x1, x2, gb and its cutpoints; categorical's Intercept, x1, x2, gb of the levels 1, 2.
inline const std::vector<double> kOrdinalCoefficients = {0.8, -0.5, 0.4}, kCutpoints = {-1.2, 0.3, 1.1};
inline const std::vector<double> kCategoricalCoefficients = {0.4, 0.7, -0.4, 0.3, -0.3, -0.5, 0.6, 0.8};

// As kOrdinalCoefficients and kCutpoints, or kCategoricalCoefficients, lie in theta.
inline std::vector<double> level_truth(Likelihood likelihood) {
  if (likelihood == Likelihood::categorical) return kCategoricalCoefficients;
  std::vector<double> out = kOrdinalCoefficients;
  out.insert(out.end(), kCutpoints.begin(), kCutpoints.end());
  return out;
}

// P(level) [C] by the definition, of linear predictors eta [C - 1] or [1].
inline std::vector<double> level_probabilities(Likelihood likelihood, const std::vector<double>& eta,
                                               const std::vector<double>& cutpoints) {
  std::vector<double> out;
  if (likelihood == Likelihood::categorical) {
    double sum = 1;
    for (const double e : eta) sum += std::exp(e);
    out.push_back(1 / sum);
    for (const double e : eta) out.push_back(std::exp(e) / sum);
    return out;
  }
  double below = 0;
  for (std::size_t k = 0; k <= cutpoints.size(); ++k) {
    const double up_to = k < cutpoints.size() ? 1 / (1 + std::exp(eta[0] - cutpoints[k])) : 1;
    out.push_back(up_to - below);
    below = up_to;
  }
  return out;
}

// y is 0, 1, ...; g is "b" in every third row, else "a"; an offset `o` around zero, which only ordinal's outcome knows of; weights
// `w`, some of them 0, of which no outcome knows.
inline Table level_table(Likelihood likelihood, std::int64_t n, std::uint64_t seed = 1) {
  const std::vector<double> x1 = normals(n, seed + 100), x2 = normals(n, seed + 101), noise = normals(n, seed + 102);
  std::vector<double> y, offset, weight;
  std::vector<std::string> group;
  std::mt19937_64 words(seed);
  for (std::size_t i = 0; i < x1.size(); ++i) {
    group.emplace_back(i % 3 == 0 ? "b" : "a");
    offset.push_back(0.3 * noise[i]);
    weight.push_back(i % 7 == 2 ? 0 : 0.5 + std::abs(noise[i]));
    const double row[] = {1, x1[i], x2[i], i % 3 == 0 ? 1.0 : 0.0};
    std::vector<double> eta;
    if (likelihood == Likelihood::categorical) {
      eta.assign(2, 0);
      for (std::size_t j = 0; j < 8; ++j) eta[j / 4] += row[j % 4] * kCategoricalCoefficients[j];
    } else {
      eta.assign(1, offset.back());
      for (std::size_t j = 0; j < 3; ++j) eta[0] += row[1 + j] * kOrdinalCoefficients[j];
    }
    double u = std::uniform_real_distribution<>()(words);
    const std::vector<double> p = level_probabilities(likelihood, eta, kCutpoints);
    std::size_t level = 0;
    while (level + 1 < p.size() && u >= p[level]) u -= p[level++];
    y.push_back(static_cast<double>(level));
  }
  Table table;
  table.add_numbers("y", y);
  table.add_numbers("x1", x1);
  table.add_numbers("x2", x2);
  table.add_text("g", group);
  table.add_numbers("o", offset);
  table.add_numbers("w", weight);
  return table;
}

}  // namespace velbo::test
