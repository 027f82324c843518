// support/plain_chain.h - expectations of hidden states by the plainest recursions, in logarithms of long double, and by enumeration.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace velbo::test {

using Numbers = std::vector<long double>;

struct PlainChain {
  long double log_total = 0;
  Numbers state, transition;  // [n, K], [K, K]
};

inline long double log_sum(const Numbers& x) {
  const long double most = *std::max_element(x.begin(), x.end());
  if (!std::isfinite(most)) return most;
  long double sum = 0;
  for (const long double v : x) sum += std::exp(v - most);
  return most + std::log(sum);
}

// Logarithms of weights: first [K], step [K, K], emission [n, K].
inline PlainChain plain_chain(const Numbers& first, const Numbers& step, const Numbers& emission) {
  const std::size_t k = first.size(), n = emission.size() / k;
  Numbers forward(n * k), backward(n * k, 0.0L), terms(k);
  for (std::size_t t = 0; t < n; ++t)
    for (std::size_t j = 0; j < k; ++j) {
      for (std::size_t i = 0; i < k; ++i) terms[i] = t == 0 ? first[j] : forward[(t - 1) * k + i] + step[i * k + j];
      forward[t * k + j] = (t == 0 ? first[j] : log_sum(terms)) + emission[t * k + j];
    }
  PlainChain out{log_sum({forward.end() - static_cast<std::ptrdiff_t>(k), forward.end()}), Numbers(n * k),
                 Numbers(k * k)};
  if (!std::isfinite(out.log_total)) return out;
  for (std::size_t t = n - 1; t > 0; --t)
    for (std::size_t i = 0; i < k; ++i) {
      for (std::size_t j = 0; j < k; ++j) terms[j] = step[i * k + j] + emission[t * k + j] + backward[t * k + j];
      backward[(t - 1) * k + i] = log_sum(terms);
      for (std::size_t j = 0; j < k; ++j)
        out.transition[i * k + j] += std::exp(forward[(t - 1) * k + i] + terms[j] - out.log_total);
    }
  for (std::size_t i = 0; i < n * k; ++i) out.state[i] = std::exp(forward[i] + backward[i] - out.log_total);
  return out;
}

inline PlainChain chain_by_enumeration(const Numbers& first, const Numbers& step, const Numbers& emission) {
  const std::size_t k = first.size(), n = emission.size() / k;
  std::vector<std::size_t> path(n, 0);
  PlainChain out{0, Numbers(n * k), Numbers(k * k)};
  long double total = 0;
  for (;;) {
    long double log_weight = first[path[0]] + emission[path[0]];
    for (std::size_t t = 1; t < n; ++t) log_weight += step[path[t - 1] * k + path[t]] + emission[t * k + path[t]];
    const long double weight = std::exp(log_weight);
    total += weight;
    for (std::size_t t = 0; t < n; ++t) {
      out.state[t * k + path[t]] += weight;
      if (t > 0) out.transition[path[t - 1] * k + path[t]] += weight;
    }
    std::size_t at = 0;
    while (at < n && ++path[at] == k) path[at++] = 0;
    if (at == n) break;
  }
  for (long double& v : out.state) v /= total;
  for (long double& v : out.transition) v /= total;
  out.log_total = std::log(total);
  return out;
}

}  // namespace velbo::test
