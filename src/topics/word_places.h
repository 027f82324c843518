// topics/word_places.h - a block's entries by word, documents in order.
#pragma once
#include <cstdint>
#include <vector>

#include "backend/topic_ops.h"
#include "topics/topic_job.h"

namespace velbo::internal {

struct WordPlaces {
  std::vector<std::int64_t> start;  // [V + 1]
  std::vector<WordPlace> places;

  template <class T>
  void find(const TopicJob<T>& job, std::int64_t begin, std::int64_t end, std::int64_t n_words) {
    start.assign(static_cast<std::size_t>(n_words) + 1, 0);
    for (std::int64_t u = begin; u < end; ++u)
      for (const WordCount& entry : job.document(u)) ++start[static_cast<std::size_t>(entry.word) + 1];
    for (std::size_t v = 1; v < start.size(); ++v) start[v] += start[v - 1];
    places.resize(static_cast<std::size_t>(start.back()));
    std::int32_t at = 0;
    for (std::int64_t u = begin; u < end; ++u)
      for (const WordCount& entry : job.document(u))
        places[static_cast<std::size_t>(start[static_cast<std::size_t>(entry.word)]++)] = {
            static_cast<std::int32_t>(u - begin), at++};
    // What each word's begin has moved to is the next one's.
    for (std::size_t v = start.size() - 1; v > 0; --v) start[v] = start[v - 1];
    start[0] = 0;
  }
};

}  // namespace velbo::internal
