// math/chain_by_logs.h - the forward-backward recursions by logarithms: never an underflow, and a few times as slow as scaled ones.
//
// For chains that scaled recursions (Rabiner 1989) lose paths of.  Host, double; plain loops that the CUDA plugin's launchers use too.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace velbo::internal {

// log sum_i exp(x(i)), i < n.
template <class Term>
double log_sum_of(std::int64_t n, const Term& x) {
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  for (std::int64_t i = 0; i < n; ++i) most = x(i) > most ? x(i) : most;
  if (!std::isfinite(most)) return most;
  for (std::int64_t i = 0; i < n; ++i) sum += std::exp(x(i) - most);
  return most + std::log(sum);
}

// Weights' logarithms: of the first state [K], of steps [K, K], of T rows' emissions [T, K]; -infinity for what cannot be.  Writes each
// row's shares of the states [T, K], adds expected numbers of steps to `transition` [K, K], and returns the logarithm of all paths'
// weight; where that is -infinity, shares and numbers are 0.
inline double chain_by_logs(std::int64_t n, std::int64_t k, const double* log_initial, const double* log_transition,
                            const double* log_emission, double* state, double* transition) {
  const auto at = [k](std::int64_t t, std::int64_t i) { return static_cast<std::size_t>(t * k + i); };
  std::vector<double> forward(at(n, 0)), backward(at(n, 0), 0.0);
  for (std::int64_t i = 0; i < k; ++i) forward[at(0, i)] = log_initial[i] + log_emission[i];
  for (std::int64_t t = 1; t < n; ++t)
    for (std::int64_t j = 0; j < k; ++j)
      forward[at(t, j)] = log_emission[at(t, j)] + log_sum_of(k, [&](std::int64_t i) {
                            return forward[at(t - 1, i)] + log_transition[at(i, j)];
                          });
  const double total = log_sum_of(k, [&](std::int64_t i) { return forward[at(n - 1, i)]; });
  if (!std::isfinite(total)) {
    for (std::size_t i = 0; i < at(n, 0); ++i) state[i] = 0;
    return total;
  }
  for (std::int64_t t = n - 1; t > 0; --t)
    for (std::int64_t i = 0; i < k; ++i)
      backward[at(t - 1, i)] = log_sum_of(
          k, [&](std::int64_t j) { return log_transition[at(i, j)] + log_emission[at(t, j)] + backward[at(t, j)]; });
  for (std::size_t i = 0; i < at(n, 0); ++i) state[i] = std::exp(forward[i] + backward[i] - total);
  for (std::int64_t t = 1; t < n; ++t)
    for (std::int64_t i = 0; i < k; ++i)
      for (std::int64_t j = 0; j < k; ++j)
        transition[at(i, j)] += std::exp(forward[at(t - 1, i)] + log_transition[at(i, j)] + log_emission[at(t, j)] +
                                         backward[at(t, j)] - total);
  return total;
}

}  // namespace velbo::internal
