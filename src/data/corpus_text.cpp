// data/corpus_text.cpp - corpora and vocabularies as text.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "data/corpus_store.h"
#include "data/text.h"
#include "velbo/error.h"

namespace velbo {
namespace internal {
namespace {

constexpr std::int64_t kMostWords = std::numeric_limits<std::int32_t>::max();

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'; }

// Takes the next word off the front; empty at the end.
std::string_view next_word(std::string_view& text) {
  std::size_t begin = 0;
  while (begin < text.size() && is_blank(text[begin])) ++begin;
  std::size_t end = begin;
  while (end < text.size() && !is_blank(text[end])) ++end;
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

// A whole number and nothing else.
bool read_whole(std::string_view text, std::int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

std::string_view without_byte_order_mark(std::string_view line) {
  if (line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  return line;
}

// The word of "word 12"; empty where no number follows.
std::string_view word_before_number(std::string_view line) {
  const std::size_t blank = line.find_last_of(" \t");
  if (blank == std::string_view::npos || !parse_number(line.substr(blank + 1))) return {};
  return trimmed(line.substr(0, blank));
}

}  // namespace

std::vector<std::string> read_vocabulary(const std::string& path) {
  LineReader lines(path);
  std::vector<std::string> words;
  bool numbered = true;
  for (std::string_view line; lines.next(line);) {
    const std::string_view word = trimmed(words.empty() ? without_byte_order_mark(line) : line);
    if (word.empty())
      throw Error(ErrorCode::data, fmt::format("{}:{}: is empty, expected a word", path, lines.line_number()));
    numbered = numbered && !word_before_number(word).empty();
    words.emplace_back(word);
  }
  if (words.empty()) throw Error(ErrorCode::file, path + ": is empty, expected a word a line");
  if (numbered)
    for (std::string& word : words) word = std::string(word_before_number(word));
  check_vocabulary(path, words);
  return words;
}

CorpusText::CorpusText(const std::string& path, CorpusFormat format, std::int64_t n_words)
    : path_(path), format_(format), n_words_(n_words), lines_(path) {}

void CorpusText::fail(const std::string& what) const {
  throw Error(ErrorCode::data, fmt::format("{}:{}: {}", path_, lines_.line_number(), what));
}

bool CorpusText::next(std::vector<WordCount>& document) {
  document.clear();
  std::string_view line;
  std::string_view head;
  do {
    if (!lines_.next(line)) {
      if (n_documents_ == 0)
        throw Error(ErrorCode::file, path_ + ": holds no documents, expected lines `" +
                                         (format_ == CorpusFormat::ldac ? "M id:count ..." : "label id:count ...") +
                                         "`");
      return false;
    }
    if (lines_.line_number() == 1) line = without_byte_order_mark(line);
    if (format_ == CorpusFormat::libsvm) line = line.substr(0, line.find('#'));
    head = next_word(line);
  } while (head.empty());
  std::int64_t n_pairs = -1;
  if (format_ == CorpusFormat::ldac && (!read_whole(head, n_pairs) || n_pairs < 0))
    fail(fmt::format("begins with {}, expected the number of words (LDA-C)", quoted(head)));
  if (format_ == CorpusFormat::libsvm && head.find(':') != std::string_view::npos)
    fail(fmt::format("begins with {}, expected a label", quoted(head)));
  std::int64_t found = 0;
  for (std::string_view word = next_word(line); !word.empty(); word = next_word(line), ++found)
    add_pair(word, document);
  if (n_pairs >= 0 && found != n_pairs) fail(fmt::format("has {} words, but says {}", found, n_pairs));
  const std::int64_t base = format_ == CorpusFormat::libsvm ? 1 : 0;
  if (const std::int32_t twice = sort_document(document); twice >= 0)
    fail(fmt::format("has word {} twice", twice + base));
  ++n_documents_;
  return true;
}

void CorpusText::add_pair(std::string_view word, std::vector<WordCount>& document) {
  const std::size_t colon = word.find(':');
  std::int64_t id = 0, count = 0;
  if (colon == std::string_view::npos || !read_whole(word.substr(0, colon), id))
    fail(quoted(word) + ", expected id:count");
  const std::int64_t base = format_ == CorpusFormat::libsvm ? 1 : 0, most = n_words_ > 0 ? n_words_ : kMostWords;
  if (id < base || id - base >= most) fail(fmt::format("word {}, expected {} to {}", id, base, most - 1 + base));
  if (!read_whole(word.substr(colon + 1), count) || count < 0 || count > kMostCount)
    fail(fmt::format("the count of word {} is {}, expected a whole number from 0 to {}", id,
                     quoted(word.substr(colon + 1)), kMostCount));
  widest_ = std::max(widest_, id - base + 1);
  if (count > 0) document.push_back({static_cast<std::int32_t>(id - base), static_cast<std::int32_t>(count)});
}

CorpusFormat corpus_format_of(const std::string& path, CorpusFormat asked) {
  if (asked != CorpusFormat::automatic) return asked;
  const auto has = [&](std::string_view extension) { return path.ends_with(extension); };
  if (has(".ldac") || has(".dat") || has(".lda-c")) return CorpusFormat::ldac;
  if (has(".feat") || has(".libsvm") || has(".svm")) return CorpusFormat::libsvm;
  if (has(".corpus")) return CorpusFormat::binary;
  throw Error(ErrorCode::argument,
              path +
                  ": is of no kind that is known, expected .ldac or .dat (LDA-C), .feat, .libsvm or .svm, or .corpus; "
                  "or name the format");
}

}  // namespace internal

Corpus Corpus::read(const std::string& path, const CorpusOptions& options) {
  using namespace internal;
  const CorpusFormat format = corpus_format_of(path, options.format);
  std::vector<std::string> vocabulary;
  if (!options.vocabulary.empty()) vocabulary = read_vocabulary(options.vocabulary);
  if (format == CorpusFormat::binary) {
    std::shared_ptr<const CorpusStore> store = map_corpus(path);
    if (vocabulary.empty()) return Corpus(std::move(store));
    if (static_cast<std::int64_t>(vocabulary.size()) != store->n_words)
      throw Error(ErrorCode::shape, fmt::format("{}: has {} words, but {} has {}", path, store->n_words,
                                                options.vocabulary, vocabulary.size()));
    // Nobody else has this object yet.
    std::const_pointer_cast<CorpusStore>(store)->vocabulary = std::move(vocabulary);
    return Corpus(std::move(store));
  }
  auto store = std::make_shared<CorpusStore>();
  CorpusText text(path, format, static_cast<std::int64_t>(vocabulary.size()));
  store->own_start = {0};
  for (std::vector<WordCount> document; text.next(document);) {
    store->own_entries.insert(store->own_entries.end(), document.begin(), document.end());
    store->own_start.push_back(static_cast<std::int64_t>(store->own_entries.size()));
  }
  store->n_words = vocabulary.empty() ? text.widest() : static_cast<std::int64_t>(vocabulary.size());
  store->vocabulary = std::move(vocabulary);
  store->use_own();
  return Corpus(std::move(store));
}

}  // namespace velbo
