// data/corpus.cpp
#include "velbo/corpus.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "data/corpus_store.h"
#include "data/text.h"
#include "velbo/error.h"

namespace velbo {
namespace internal {

void CorpusStore::use_own() {
  start = own_start.data();
  entries = own_entries.data();
  n_documents = static_cast<std::int64_t>(own_start.size()) - 1;
  n_entries = static_cast<std::int64_t>(own_entries.size());
  n_tokens = 0;
  for (const WordCount& entry : own_entries) n_tokens += entry.count;
}

std::uint32_t corpus_checksum(const CorpusStore& store) {
  unsigned long crc = ::crc32(0, nullptr, 0);
  const auto add = [&](const void* bytes, std::int64_t size) {
    const auto* next = static_cast<const unsigned char*>(bytes);
    for (; size > 0;) {
      const auto piece = static_cast<uInt>(std::min<std::int64_t>(size, std::int64_t{1} << 30));
      crc = ::crc32(crc, next, piece);
      next += piece;
      size -= piece;
    }
  };
  add(store.start, (store.n_documents + 1) * std::int64_t{sizeof(std::int64_t)});
  add(store.entries, store.n_entries * std::int64_t{sizeof(WordCount)});
  return static_cast<std::uint32_t>(crc);
}

void check_vocabulary(const std::string& where, const std::vector<std::string>& vocabulary) {
  std::unordered_set<std::string_view> seen;
  seen.reserve(vocabulary.size());
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    if (vocabulary[i].empty()) throw Error(ErrorCode::data, fmt::format("{}: word {} is empty", where, i));
    if (!seen.insert(vocabulary[i]).second)
      throw Error(ErrorCode::data, fmt::format("{}: the vocabulary has {} twice", where, quoted(vocabulary[i])));
  }
}

std::int32_t sort_document(std::vector<WordCount>& document) {
  const auto by_word = [](const WordCount& a, const WordCount& b) { return a.word < b.word; };
  if (!std::is_sorted(document.begin(), document.end(), by_word)) std::sort(document.begin(), document.end(), by_word);
  const auto twice = std::adjacent_find(document.begin(), document.end(),
                                        [](const WordCount& a, const WordCount& b) { return a.word == b.word; });
  return twice == document.end() ? -1 : twice->word;
}

}  // namespace internal

namespace {

using internal::CorpusStore;

void check_sizes(std::int64_t n_words, std::span<const std::int64_t> start, std::span<const std::int32_t> word,
                 std::span<const double> count, const std::vector<std::string>& vocabulary) {
  const auto fail = [](const std::string& what) { throw Error(ErrorCode::shape, "corpus: " + what); };
  if (n_words < 0 || n_words > std::numeric_limits<std::int32_t>::max())
    fail(fmt::format("n_words is {}, expected 0 to {}", n_words, std::numeric_limits<std::int32_t>::max()));
  if (start.empty() || start.front() != 0) fail("start must begin with 0, and have one element more than documents");
  if (word.size() != count.size()) fail(fmt::format("{} words, but {} counts", word.size(), count.size()));
  if (start.back() != static_cast<std::int64_t>(word.size()))
    fail(fmt::format("start ends with {}, but there are {} words", start.back(), word.size()));
  if (!std::is_sorted(start.begin(), start.end())) fail("start is not increasing");
  if (!vocabulary.empty() && static_cast<std::int64_t>(vocabulary.size()) != n_words)
    fail(fmt::format("a vocabulary of {} words, but n_words is {}", vocabulary.size(), n_words));
}

}  // namespace

Corpus::Corpus() {
  auto store = std::make_shared<CorpusStore>();
  store->own_start = {0};
  store->use_own();
  store_ = std::move(store);
}

Corpus::Corpus(std::int64_t n_words, std::span<const std::int64_t> start, std::span<const std::int32_t> word,
               std::span<const double> count, std::vector<std::string> vocabulary) {
  check_sizes(n_words, start, word, count, vocabulary);
  internal::check_vocabulary("corpus", vocabulary);
  auto store = std::make_shared<CorpusStore>();
  store->n_words = n_words;
  store->vocabulary = std::move(vocabulary);
  store->own_start = {0};
  store->own_start.reserve(start.size());
  store->own_entries.reserve(word.size());
  std::vector<WordCount> document;
  for (std::size_t d = 0; d + 1 < start.size(); ++d) {
    const auto fail = [&](const std::string& what) {
      throw Error(ErrorCode::data, fmt::format("corpus: document {}: {}", d, what));
    };
    document.clear();
    for (auto i = static_cast<std::size_t>(start[d]); i < static_cast<std::size_t>(start[d + 1]); ++i) {
      if (word[i] < 0 || word[i] >= n_words) fail(fmt::format("word {}, expected 0 to {}", word[i], n_words - 1));
      if (!(count[i] >= 0 && count[i] <= static_cast<double>(internal::kMostCount)) || count[i] != std::floor(count[i]))
        fail(fmt::format("the count of word {} is {}, expected a whole number from 0 to {}", word[i], count[i],
                         internal::kMostCount));
      if (count[i] > 0) document.push_back({word[i], static_cast<std::int32_t>(count[i])});
    }
    if (const std::int32_t twice = internal::sort_document(document); twice >= 0)
      fail(fmt::format("has word {} twice", twice));
    store->own_entries.insert(store->own_entries.end(), document.begin(), document.end());
    store->own_start.push_back(static_cast<std::int64_t>(store->own_entries.size()));
  }
  store->use_own();
  store_ = std::move(store);
}

std::int64_t Corpus::n_documents() const noexcept { return store_->n_documents; }
std::int64_t Corpus::n_words() const noexcept { return store_->n_words; }
std::int64_t Corpus::n_entries() const noexcept { return store_->n_entries; }
std::int64_t Corpus::n_tokens() const noexcept { return store_->n_tokens; }
const std::vector<std::string>& Corpus::vocabulary() const noexcept { return store_->vocabulary; }

std::span<const WordCount> Corpus::document(std::int64_t d) const noexcept {
  return {store_->entries + store_->start[d], static_cast<std::size_t>(store_->start[d + 1] - store_->start[d])};
}

std::string Corpus::word_text(std::int64_t word) const {
  return store_->vocabulary.empty() ? fmt::format("#{}", word) : store_->vocabulary[static_cast<std::size_t>(word)];
}

}  // namespace velbo
