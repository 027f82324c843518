// topics/corpus_halves.cpp - documents cut in two for document completion.
#include "data/corpus_store.h"
#include "data/uniform_below.h"
#include "velbo/random.h"
#include "velbo/topics.h"

namespace velbo {

CorpusHalves complete_halves(const Corpus& corpus, std::uint64_t seed) {
  const Key key = fold_in(make_key(seed, Purpose::subsample), 1);
  auto observed = std::make_shared<internal::CorpusStore>(), scored = std::make_shared<internal::CorpusStore>();
  for (internal::CorpusStore* const half : {observed.get(), scored.get()}) {
    half->n_words = corpus.n_words();
    half->vocabulary = corpus.vocabulary();
    half->own_start = {0};
  }
  for (std::int64_t d = 0; d < corpus.n_documents(); ++d) {
    const Key of_document = fold_in(key, static_cast<std::uint64_t>(d));
    std::int64_t left = 0;
    for (const WordCount& entry : corpus.document(d)) left += entry.count;
    std::int64_t wanted = (left + 1) / 2;
    std::uint64_t token = 0;
    for (const WordCount& entry : corpus.document(d)) {
      std::int32_t taken = 0;
      for (std::int32_t i = 0; i < entry.count; ++i, ++token, --left) {
        if (static_cast<std::int64_t>(internal::uniform_below(static_cast<std::uint64_t>(left), of_document, token)) >=
            wanted)
          continue;
        ++taken;
        --wanted;
      }
      if (taken > 0) observed->own_entries.push_back({entry.word, taken});
      if (taken < entry.count) scored->own_entries.push_back({entry.word, entry.count - taken});
    }
    observed->own_start.push_back(static_cast<std::int64_t>(observed->own_entries.size()));
    scored->own_start.push_back(static_cast<std::int64_t>(scored->own_entries.size()));
  }
  observed->use_own();
  scored->use_own();
  return {Corpus(std::move(observed)), Corpus(std::move(scored))};
}

}  // namespace velbo
