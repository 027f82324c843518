// topics/known_words.h - documents in the words of a model.
#pragma once
#include "topics/topic_state.h"
#include "velbo/corpus.h"

namespace velbo::internal {

struct KnownCorpus {
  Corpus
      corpus;  // with the model's words, and new ones behind them where these are let in; its vocabulary is the model's
  std::int64_t n_ignored = 0;  // tokens that were left out
};

// The corpus itself where it has the model's words already, or none and no id beyond them.  Throws as UnknownWords says; `may_grow`: grow
// is not an error.
KnownCorpus known_words(const TopicState& model, const Corpus& corpus, UnknownWords unknown, bool may_grow);

}  // namespace velbo::internal
