// tests/topics/simulated_corpus.h - documents drawn from a topic model.
#pragma once
#include <cstdint>
#include <random>
#include <vector>

#include "velbo/corpus.h"

namespace velbo::test {

struct SimulatedCorpus {
  Corpus corpus;
  std::vector<double> topics;  // [K, V]
};

inline std::vector<double> draw_dirichlet(std::mt19937_64& engine, std::size_t n, double alpha) {
  std::vector<double> out(n);
  double sum = 0;
  for (double& value : out) sum += value = std::gamma_distribution<double>(alpha)(engine) + 1e-300;
  for (double& value : out) value /= sum;
  return out;
}

inline Corpus corpus_of(std::int64_t n_words, const std::vector<std::vector<WordCount>>& documents,
                        std::vector<std::string> vocabulary = {}) {
  std::vector<std::int64_t> start = {0};
  std::vector<std::int32_t> word;
  std::vector<double> count;
  for (const auto& document : documents) {
    for (const WordCount& entry : document) {
      word.push_back(entry.word);
      count.push_back(entry.count);
    }
    start.push_back(static_cast<std::int64_t>(word.size()));
  }
  return Corpus(n_words, start, word, count, std::move(vocabulary));
}

// Documents of lengths 1 .. 2 mean_length - 1.
inline SimulatedCorpus simulate_corpus(std::size_t n_documents, std::size_t n_words, std::size_t n_topics,
                                       int mean_length, std::uint64_t seed, double alpha = 0.2, double eta = 0.1) {
  std::mt19937_64 engine(seed);
  SimulatedCorpus out;
  std::vector<std::discrete_distribution<std::int32_t>> of_topic;
  for (std::size_t k = 0; k < n_topics; ++k) {
    const std::vector<double> topic = draw_dirichlet(engine, n_words, eta);
    out.topics.insert(out.topics.end(), topic.begin(), topic.end());
    of_topic.emplace_back(topic.begin(), topic.end());
  }
  std::vector<std::vector<WordCount>> documents;
  for (std::size_t d = 0; d < n_documents; ++d) {
    const std::vector<double> theta = draw_dirichlet(engine, n_topics, alpha);
    std::discrete_distribution<std::size_t> topic(theta.begin(), theta.end());
    std::vector<std::int32_t> counts(n_words);
    const int length = std::uniform_int_distribution<int>(1, 2 * mean_length - 1)(engine);
    for (int i = 0; i < length; ++i) ++counts[static_cast<std::size_t>(of_topic[topic(engine)](engine))];
    documents.emplace_back();
    for (std::size_t v = 0; v < n_words; ++v)
      if (counts[v] > 0) documents.back().push_back({static_cast<std::int32_t>(v), counts[v]});
  }
  out.corpus = corpus_of(static_cast<std::int64_t>(n_words), documents);
  return out;
}

}  // namespace velbo::test
