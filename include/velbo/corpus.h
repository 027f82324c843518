// velbo/corpus.h - documents as counts of words, in memory or in a mapped file.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "velbo/export.h"

namespace velbo {

namespace internal {
struct CorpusStore;
}

// A word of a document, by its place in the vocabulary from 0, and how often it is there, > 0.
struct WordCount {
  std::int32_t word = 0;
  std::int32_t count = 0;
  friend bool operator==(const WordCount&, const WordCount&) = default;
};

// How documents are stored in a file.
enum class CorpusFormat {
  automatic,  // by the extension: .ldac and .dat, .feat and .libsvm and .svm, .corpus
  ldac,       // text, a line a document: `M id:count ...`, M pairs, ids from 0 (Blei's lda-c)
  libsvm,     // text, a line a document: `label id:count ...`, ids from 1; the label is not used
  binary,     // what save_corpus() and convert_corpus() write: mapped, not read, so that it may be larger than memory
};
VELBO_EXPORT std::string_view name(CorpusFormat format) noexcept;
VELBO_EXPORT CorpusFormat parse_corpus_format(std::string_view text);

struct CorpusOptions {
  CorpusFormat format = CorpusFormat::automatic;
  // A file with a word a line, whose line number from 0 is its id; a number after each of them (a frequency) is left out.  Of a
  // binary file, it replaces the one inside.  Empty: none.
  std::string vocabulary = {};
};

// D documents over V words.  Immutable and cheap to copy.  Within a document words are increasing, each once.
class VELBO_EXPORT Corpus {
 public:
  Corpus();  // no documents, no words
  // Of compressed rows: document d has word[i], count[i] for start[d] <= i < start[d + 1]; start is [D + 1] and begins with 0.  Counts of 0
  // are left out; words of a document may come in any order.  n_words: V.  vocabulary: V words, or none.
  // Throws Error(shape) for sizes that do not fit together, and Error(data) naming the document (from 0) for a count that is negative or
  // not whole, a word that is not below V or that a document has twice, a word that the vocabulary has twice.
  Corpus(std::int64_t n_words, std::span<const std::int64_t> start, std::span<const std::int32_t> word,
         std::span<const double> count, std::vector<std::string> vocabulary = {});

  // Reads text into memory, 8 bytes a pair; maps a binary file, which is checked as a whole (a pass over it) and must stay as it is while
  // the corpus or a copy lives.  Blank lines are skipped, a document without words is one.  V is the vocabulary's size, or without one the
  // largest id + 1.
  // Throws Error(file) for a path that cannot be read or holds no documents and for a binary file that is cut or changed, Error(data)
  // `FILE:LINE: ...` as above.  A text that is cut is found where its last line is not whole: always in LDA-C unless between two lines,
  // in LIBSVM's format where a pair is cut.
  static Corpus read(const std::string& path, const CorpusOptions& options = {});

  [[nodiscard]] std::int64_t n_documents() const noexcept;
  [[nodiscard]] std::int64_t n_words() const noexcept;                        // V
  [[nodiscard]] std::int64_t n_entries() const noexcept;                      // pairs
  [[nodiscard]] std::int64_t n_tokens() const noexcept;                       // sum of all counts
  [[nodiscard]] const std::vector<std::string>& vocabulary() const noexcept;  // V words, or none
  // Of document d.
  [[nodiscard]] std::span<const WordCount> document(std::int64_t d) const noexcept;
  // "word" or "#17" where there is no vocabulary.
  [[nodiscard]] std::string word_text(std::int64_t word) const;

  [[nodiscard]] const internal::CorpusStore& store() const noexcept { return *store_; }
  // For velbo itself, like store(): not null.
  explicit Corpus(std::shared_ptr<const internal::CorpusStore> store) noexcept : store_(std::move(store)) {}

 private:
  std::shared_ptr<const internal::CorpusStore> store_;
};

// Writes a binary corpus, whole or not at all.  Throws Error(file) or Error(io).
VELBO_EXPORT void save_corpus(const std::string& path, const Corpus& corpus);
// The same from a text, document by document: what is held in memory is 8 bytes a document.  Throws as Corpus::read().
VELBO_EXPORT void convert_corpus(const std::string& in, const std::string& out, const CorpusOptions& options = {});

}  // namespace velbo
