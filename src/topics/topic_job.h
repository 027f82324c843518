// topics/topic_job.h - local steps over documents of a corpus, as they are asked for.
#pragma once
#include <cstdint>
#include <functional>
#include <span>

#include "conjugate/conjugate_model.h"
#include "data/corpus_store.h"

namespace velbo::internal {

template <class T>
struct TopicJob {
  const CorpusStore* corpus = nullptr;
  const std::int64_t* order = nullptr;  // unit u is document order[u], or u without
  UnitRange units;
  // [units, stride] where to start and end, rows of a matrix [D, stride]; nullptr: from 1, not kept.  Where TopicStep::keeps_gamma() says so
  // they end on the device.
  T* gamma = nullptr;
  double* statistics = nullptr;    // [V, K], added to; or nullptr
  double* expected_log = nullptr;  // [K], added to: E log theta_dk; or nullptr
  // Of each block: its first unit, how many, and their gamma [n, stride].
  std::function<void(std::int64_t first, std::int64_t n, const T* gamma)> visit = {};

  [[nodiscard]] std::int64_t document_of(std::int64_t unit) const { return order != nullptr ? order[unit] : unit; }
  [[nodiscard]] std::span<const WordCount> document(std::int64_t unit) const {
    const std::int64_t d = document_of(unit);
    return {corpus->entries + corpus->start[d], corpus->entries + corpus->start[d + 1]};
  }
  // Where a block that begins at `begin` ends: units within both limits, and at least one.
  [[nodiscard]] std::int64_t block_end(std::int64_t begin, std::int64_t most_units, std::int64_t most_entries) const {
    std::int64_t end = begin, n_entries = 0;
    for (; end < units.end && end - begin < most_units; ++end) {
      n_entries += static_cast<std::int64_t>(document(end).size());
      if (end > begin && n_entries > most_entries) break;
    }
    return end;
  }
};

}  // namespace velbo::internal
