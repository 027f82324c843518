// support/row_likelihoods.h - simulated data of the likelihoods that fits know by their log density, with the truth.
#pragma once
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "support/simulate.h"
#include "velbo/glm.h"
#include "velbo/table.h"

namespace velbo::test {

struct RowCase {
  Likelihood likelihood;
  std::vector<double> auxiliary;  // as they lie behind the coefficients
};

inline const std::vector<RowCase>& row_cases() {
  static const std::vector<RowCase> all = {{Likelihood::student_t, {0.7, 4}},
                                           {Likelihood::negative_binomial, {1.8}},
                                           {Likelihood::gamma, {2.5}},
                                           {Likelihood::beta, {6}}};
  return all;
}

// What a test's assertion is about.
inline std::string text_of(const RowCase& c) { return std::string(name(c.likelihood)); }

// An outcome with the linear predictor eta.
template <class Words>
double simulate_outcome(Likelihood likelihood, double eta, const double* aux, Words& words) {
  switch (likelihood) {
    case Likelihood::student_t: return eta + aux[0] * std::student_t_distribution<>(aux[1])(words);
    case Likelihood::negative_binomial: {
      const double rate = std::gamma_distribution<>(aux[0], std::exp(eta) / aux[0])(words);
      return static_cast<double>(std::poisson_distribution<std::int64_t>(rate)(words));
    }
    case Likelihood::gamma: return std::gamma_distribution<>(aux[0], std::exp(eta) / aux[0])(words);
    case Likelihood::beta: {
      const double mu = 1 / (1 + std::exp(-eta));
      const double a = std::gamma_distribution<>(aux[0] * mu, 1)(words);
      return a / (a + std::gamma_distribution<>(aux[0] * (1 - mu), 1)(words));
    }
    default: return std::nan("");
  }
}

// Of y ~ x1 + x2 + g with the coefficients 0.5, 0.6, -0.4, 0.3 (g is "b" in every third row, else "a"), with an offset `o`, which is
// around zero, and weights `w`, some of them 0, which the outcome does not know of.
inline const std::vector<double>& row_coefficients() {
  static const std::vector<double> all = {0.5, 0.6, -0.4, 0.3};
  return all;
}
inline Table row_table(const RowCase& c, std::int64_t n, std::uint64_t seed = 1) {
  const std::vector<double> x1 = normals(n, seed + 100), x2 = normals(n, seed + 101), noise = normals(n, seed + 102);
  std::vector<double> y, offset, weight;
  std::vector<std::string> group;
  std::mt19937_64 words(seed);
  for (std::size_t i = 0; i < x1.size(); ++i) {
    const std::vector<double>& b = row_coefficients();
    group.emplace_back(i % 3 == 0 ? "b" : "a");
    offset.push_back(0.3 * noise[i]);
    weight.push_back(i % 7 == 2 ? 0 : 0.5 + std::abs(noise[i]));
    const double eta = b[0] + b[1] * x1[i] + b[2] * x2[i] + (i % 3 == 0 ? b[3] : 0) + offset[i];
    y.push_back(simulate_outcome(c.likelihood, eta, c.auxiliary.data(), words));
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
