#include "topics/known_words.h"

#include <fmt/format.h>

#include <unordered_map>

#include "data/corpus_store.h"
#include "data/text.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

// The model's place of each word of the corpus; from V on of words that it does not know, in the corpus's order.
std::vector<std::int32_t> places_in(const TopicState& model, const Corpus& corpus,
                                    std::vector<std::string>& vocabulary) {
  std::vector<std::int32_t> out(static_cast<std::size_t>(corpus.n_words()));
  if (model.vocabulary.empty() || corpus.vocabulary().empty()) {
    for (std::size_t v = 0; v < out.size(); ++v) out[v] = static_cast<std::int32_t>(v);
    return out;
  }
  std::unordered_map<std::string_view, std::int32_t> places;
  for (std::size_t v = 0; v < model.vocabulary.size(); ++v)
    places.emplace(model.vocabulary[v], static_cast<std::int32_t>(v));
  auto next = static_cast<std::int32_t>(model.n_words);
  for (std::size_t v = 0; v < out.size(); ++v) {
    const auto found = places.find(corpus.vocabulary()[v]);
    out[v] = found != places.end() ? found->second : next++;
    if (found == places.end()) vocabulary.push_back(corpus.vocabulary()[v]);
  }
  return out;
}

[[noreturn]] void refuse(const TopicState& model, const Corpus& corpus, std::int64_t document, std::int32_t word) {
  const std::string text = corpus.vocabulary().empty() ? std::to_string(word) : quoted(corpus.word_text(word));
  throw Error(ErrorCode::data,
              fmt::format("document {} has word {}, which is not among the model's {} words; leave such "
                          "words out or, in partial_fit, let the vocabulary grow",
                          document, text, model.n_words));
}

bool has_words_of(const TopicState& model, const Corpus& corpus) {
  return corpus.n_words() == model.n_words &&
         (corpus.vocabulary().empty() || model.vocabulary.empty() || corpus.vocabulary() == model.vocabulary);
}

}  // namespace

KnownCorpus known_words(const TopicState& model, const Corpus& corpus, UnknownWords unknown, bool may_grow) {
  if (unknown == UnknownWords::grow && !may_grow)
    throw Error(ErrorCode::argument,
                "unknown_words is grow, expected error or leave_out: only partial_fit lets a vocabulary grow");
  if (has_words_of(model, corpus)) return {corpus, 0};
  const bool grows = unknown == UnknownWords::grow;
  if (grows && model.vocabulary.empty() != corpus.vocabulary().empty() && corpus.n_words() > model.n_words)
    throw Error(ErrorCode::data,
                "the vocabulary cannot grow: the model or the new documents have one, the others have none");
  std::vector<std::string> vocabulary = model.vocabulary;
  const std::vector<std::int32_t> places = places_in(model, corpus, vocabulary);
  KnownCorpus out;
  auto store = std::make_shared<CorpusStore>();
  store->own_start = {0};
  std::vector<WordCount> document;
  std::int64_t n_words = model.n_words;
  for (const std::int32_t place : places) n_words = grows ? std::max<std::int64_t>(n_words, place + 1) : n_words;
  for (std::int64_t d = 0; d < corpus.n_documents(); ++d) {
    document.clear();
    for (const WordCount& entry : corpus.document(d)) {
      const std::int32_t place = places[static_cast<std::size_t>(entry.word)];
      if (place >= n_words) {
        if (unknown == UnknownWords::error) refuse(model, corpus, d, entry.word);
        out.n_ignored += entry.count;
        continue;
      }
      document.push_back({place, entry.count});
    }
    sort_document(document);
    store->own_entries.insert(store->own_entries.end(), document.begin(), document.end());
    store->own_start.push_back(static_cast<std::int64_t>(store->own_entries.size()));
  }
  store->n_words = n_words;
  if (!grows) vocabulary = model.vocabulary;
  store->vocabulary = std::move(vocabulary);
  store->use_own();
  out.corpus = Corpus(std::move(store));
  return out;
}

}  // namespace velbo::internal
