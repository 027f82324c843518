// mixtures/weight_factors.h - the factor of a mixture's weights: Dirichlet, or the sticks of a truncated Dirichlet process.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "velbo/gaussian_mixture.h"

namespace velbo::internal {

// Dirichlet: a is alpha [K], b is empty.  Sticks: v_i ~ Beta(a_i, b_i), i = 0 .. K - 2, of component order[i]; the last takes the rest.
struct WeightFactors {
  std::vector<double> a, b;
  std::vector<std::size_t> order;

  [[nodiscard]] bool is_sticks() const { return !order.empty(); }
  [[nodiscard]] std::size_t size() const { return is_sticks() ? order.size() : a.size(); }
  [[nodiscard]] std::vector<double> expected_log() const;  // [K] E log pi, by component
  struct Moments {
    std::vector<double> mean, sd;  // [K]
  };
  [[nodiscard]] Moments moments() const;
};

WeightFactors prior_of_weights(WeightsPrior kind, double concentration, std::int64_t n_components);

// Given expected counts [K].  reorder: sticks are put into the order that maximises the ELBO, which needs a prior that is the same for
// all sticks; else into the prior's.
WeightFactors posterior_of_weights(const WeightFactors& prior, std::span<const double> counts, bool reorder);

double weights_kl(const WeightFactors& q, const WeightFactors& prior);

// The order of sticks with prior Beta(1, concentration) under which log p(counts) is largest.  All but the last are in falling order of
// their counts (swapping two neighbours shows it); the last is the smallest where concentration <= 1, else the best of all choices.
std::vector<std::size_t> best_stick_order(std::span<const double> counts, double concentration);

}  // namespace velbo::internal
