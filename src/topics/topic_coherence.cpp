// topics/topic_coherence.cpp - how often the first words of a topic share documents.
#include <fmt/format.h>

#include <cmath>

#include "topics/known_words.h"
#include "velbo/error.h"
#include "velbo/topics.h"

namespace velbo {
namespace {

// Of one topic's words, likeliest first: documents with word i [n], and with both i and j [n, n].
struct Together {
  explicit Together(std::size_t n) : n_words(n), of_word(n), of_pair(n * n) {}
  std::size_t n_words;
  std::vector<double> of_word, of_pair;
};

void add_coherence(const Together& counts, double n_documents, TopicCoherence& out) {
  double umass = 0, npmi = 0, pairs = 0;
  for (std::size_t i = 1; i < counts.n_words; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (counts.of_word[j] == 0) continue;
      const double both = counts.of_pair[i * counts.n_words + j];
      umass += std::log((both + 1) / counts.of_word[j]);
      pairs += 1;
      if (both == 0) {
        npmi -= 1;
      } else if (both == n_documents) {
        npmi += 1;  // the limit of 0 / 0: always together
      } else {
        npmi += std::log(both * n_documents / (counts.of_word[i] * counts.of_word[j])) / -std::log(both / n_documents);
      }
    }
  }
  out.umass.push_back(pairs > 0 ? umass / pairs : std::nan(""));
  out.npmi.push_back(pairs > 0 ? npmi / pairs : std::nan(""));
}

}  // namespace

TopicCoherence TopicModel::coherence(const Corpus& corpus, std::int64_t n_words, const TopicUse& use) const {
  if (n_words < 2)
    throw Error(ErrorCode::argument, fmt::format("coherence of {} words was asked for, expected at least 2", n_words));
  const internal::KnownCorpus known = internal::known_words(state(), corpus, use.unknown_words, false);
  // Which of which topic's words a word is.
  struct Place {
    std::size_t topic, rank;
  };
  std::vector<std::vector<Place>> places(static_cast<std::size_t>(this->n_words()));
  std::vector<Together> counts;
  for (std::int64_t k = 0; k < n_topics(); ++k) {
    const std::vector<TopWord> words = top_words(k, n_words);
    for (std::size_t i = 0; i < words.size(); ++i)
      places[static_cast<std::size_t>(words[i].word)].push_back({static_cast<std::size_t>(k), i});
    counts.emplace_back(words.size());
  }
  std::vector<std::vector<std::size_t>> here(counts.size());
  for (std::int64_t d = 0; d < known.corpus.n_documents(); ++d) {
    for (const WordCount& entry : known.corpus.document(d))
      for (const Place& place : places[static_cast<std::size_t>(entry.word)]) here[place.topic].push_back(place.rank);
    for (std::size_t k = 0; k < here.size(); ++k) {
      for (const std::size_t i : here[k]) {
        counts[k].of_word[i] += 1;
        for (const std::size_t j : here[k]) counts[k].of_pair[i * counts[k].n_words + j] += 1;
      }
      here[k].clear();
    }
  }
  TopicCoherence out;
  for (const Together& of_topic : counts) add_coherence(of_topic, static_cast<double>(known.corpus.n_documents()), out);
  return out;
}

}  // namespace velbo
