// topics/topic_state.h - what a TopicModel shares.
#pragma once
#include <string>
#include <vector>

#include "backend/topic_ops.h"
#include "velbo/topics.h"

namespace velbo::internal {

// What of a model is chosen, not fitted.
struct TopicSettings {
  std::int64_t n_topics = 0;
  double alpha = 0, eta = 0;  // alpha: where it starts, or stays
  bool learn_alpha = false;
  double local_tolerance = 1e-3;
  std::int32_t local_iterations = 100;
};

struct TopicState {
  TopicSettings settings;
  std::int64_t n_words = 0, n_documents = 0;
  std::vector<double> statistics;  // [V, K] expected counts of all documents
  std::vector<double> alpha;       // [K]
  std::vector<double>
      alpha_statistics;  // [K + 1] where alpha is learnt: sums of E log theta_dk, and documents; else zeros
  std::vector<std::string> vocabulary;
  ConjugateRun run;
  double word_iterations = 0;

  // What follows from the statistics, of each topic: the sum of its lambda, and its share of all expected counts (of alpha, where there
  // are none).
  std::vector<double> total, weights;
  void derive();

  [[nodiscard]] TopicGlobals globals() const {
    return {n_words, settings.n_topics, settings.eta, nullptr, statistics.data()};
  }
};

}  // namespace velbo::internal
