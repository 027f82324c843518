// tests/topics/reference.h - the local step by its definition, in long double.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "velbo/corpus.h"

namespace velbo::test {

inline long double digamma_long(long double x) {
  long double shift = 0;
  for (; x < 30; ++x) shift += 1 / x;
  const long double s = 1 / (x * x);
  return std::log(x) - 0.5L / x - s * (1.0L / 12 - s * (1.0L / 120 - s * (1.0L / 252 - s / 240))) - shift;
}

struct Reference {
  std::vector<long double> gamma, expected_log, statistics;
  long double value = 0;
  int iterations = 0;
};

// E log beta_kv, [V, K].
inline std::vector<long double> expected_log_topics(const std::vector<double>& lambda, std::size_t k_count) {
  std::vector<long double> total(k_count), out;
  for (std::size_t i = 0; i < lambda.size(); ++i) total[i % k_count] += lambda[i];
  for (long double& value : total) value = digamma_long(value);
  for (std::size_t i = 0; i < lambda.size(); ++i) out.push_back(digamma_long(lambda[i]) - total[i % k_count]);
  return out;
}

// One document by the textbook: `iterations` of them, or until nothing moves any more.
inline Reference reference(std::span<const WordCount> document, std::size_t n_words,
                           const std::vector<long double>& log_topics, const std::vector<double>& alpha, int iterations,
                           double tolerance, const std::vector<double>& start = {1}) {
  const std::size_t k_count = alpha.size();
  const auto log_beta = [&](std::int32_t v, std::size_t k) {
    return log_topics[static_cast<std::size_t>(v) * k_count + k];
  };
  Reference out;
  for (std::size_t k = 0; k < k_count; ++k) out.gamma.push_back(start[k % start.size()]);
  const auto expect = [&] {
    long double sum = 0;
    for (const long double g : out.gamma) sum += g;
    out.expected_log.clear();
    for (const long double g : out.gamma) out.expected_log.push_back(digamma_long(g) - digamma_long(sum));
  };
  expect();
  for (int i = 0; i < iterations; ++i) {
    std::vector<long double> next(alpha.begin(), alpha.end());
    for (const WordCount& entry : document) {
      long double nhat = 0;
      for (std::size_t k = 0; k < k_count; ++k) nhat += std::exp(out.expected_log[k] + log_beta(entry.word, k));
      for (std::size_t k = 0; k < k_count; ++k)
        next[k] += entry.count * std::exp(out.expected_log[k] + log_beta(entry.word, k)) / nhat;
    }
    long double change = 0;
    for (std::size_t k = 0; k < k_count; ++k) change += std::abs(next[k] - out.gamma[k]);
    out.gamma = next;
    ++out.iterations;
    expect();
    if (change / k_count < tolerance) break;
  }
  out.statistics.assign(n_words * k_count, 0);
  long double sum_alpha = 0, sum_gamma = 0;
  for (std::size_t k = 0; k < k_count; ++k) {
    sum_alpha += alpha[k];
    sum_gamma += out.gamma[k];
    out.value += std::lgamma(out.gamma[k]) - std::lgamma(static_cast<long double>(alpha[k])) +
                 (alpha[k] - out.gamma[k]) * out.expected_log[k];
  }
  out.value += std::lgamma(sum_alpha) - std::lgamma(sum_gamma);
  // Responsibilities one by one, with their entropy: not the identity that the kernels use.
  for (const WordCount& entry : document) {
    long double nhat = 0;
    for (std::size_t k = 0; k < k_count; ++k) nhat += std::exp(out.expected_log[k] + log_beta(entry.word, k));
    for (std::size_t k = 0; k < k_count; ++k) {
      const long double phi = std::exp(out.expected_log[k] + log_beta(entry.word, k)) / nhat;
      if (phi > 0) out.value += entry.count * phi * (out.expected_log[k] + log_beta(entry.word, k) - std::log(phi));
      out.statistics[static_cast<std::size_t>(entry.word) * k_count + k] += entry.count * phi;
    }
  }
  return out;
}

}  // namespace velbo::test
