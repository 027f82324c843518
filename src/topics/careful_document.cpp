// topics/careful_document.cpp - the local step by its definition, in logarithms.
#include <algorithm>
#include <cmath>

#include "conjugate/dirichlet.h"
#include "topics/topic_step.h"
#include "velbo/gamma_functions.h"

namespace velbo::internal {

double careful_document(std::span<const WordCount> document, const TopicGlobals& globals,
                        std::span<const double> digamma_total, std::span<const double> alpha, double log_normaliser,
                        double tolerance, std::int32_t max_iterations, std::span<double> gamma,
                        std::span<double> expected_log, double* statistics) {
  const std::size_t n_topics = gamma.size();
  // E log beta_kv of the document's words.
  std::vector<double> log_topics(document.size() * n_topics);
  for (std::size_t w = 0; w < document.size(); ++w) {
    const std::size_t row = static_cast<std::size_t>(document[w].word) * n_topics;
    for (std::size_t k = 0; k < n_topics; ++k) {
      const double prior = globals.eta + (globals.base != nullptr ? globals.base[row + k] : 0);
      log_topics[w * n_topics + k] = digamma_of(prior + std::max(0.0, globals.statistics[row + k])) - digamma_total[k];
    }
  }
  std::vector<double> phi(n_topics), next(n_topics);
  // phi of word w; returns log nhat.
  const auto responsibilities = [&](std::size_t w) {
    double most = -HUGE_VAL, sum = 0;
    for (std::size_t k = 0; k < n_topics; ++k) {
      phi[k] = expected_log[k] + log_topics[w * n_topics + k];
      most = std::max(most, phi[k]);
    }
    for (double& p : phi) sum += p = std::exp(p - most);
    for (double& p : phi) p /= sum;
    return most + std::log(sum);
  };
  for (std::int32_t i = 0; i < max_iterations; ++i) {
    dirichlet_expected_log(gamma, expected_log);
    next.assign(alpha.begin(), alpha.end());
    for (std::size_t w = 0; w < document.size(); ++w) {
      responsibilities(w);
      for (std::size_t k = 0; k < n_topics; ++k) next[k] += document[w].count * phi[k];
    }
    double change = 0;
    for (std::size_t k = 0; k < n_topics; ++k) change += std::abs(next[k] - gamma[k]);
    std::copy(next.begin(), next.end(), gamma.begin());
    if (change < tolerance * static_cast<double>(n_topics)) break;
  }
  dirichlet_expected_log(gamma, expected_log);
  double value = log_normaliser + dirichlet_log_beta(gamma);
  for (std::size_t k = 0; k < n_topics; ++k) value += (alpha[k] - gamma[k]) * expected_log[k];
  for (std::size_t w = 0; w < document.size(); ++w) {
    value += document[w].count * responsibilities(w);
    if (statistics == nullptr) continue;
    for (std::size_t k = 0; k < n_topics; ++k)
      statistics[static_cast<std::size_t>(document[w].word) * n_topics + k] += document[w].count * phi[k];
  }
  return value;
}

}  // namespace velbo::internal
