// data/corpus_store.h - what a Corpus shares: arrays of its own, or a mapped file.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/line_reader.h"
#include "data/mapped_file.h"
#include "velbo/corpus.h"

namespace velbo::internal {

struct CorpusStore {
  std::int64_t n_documents = 0, n_words = 0, n_entries = 0, n_tokens = 0;
  const std::int64_t* start = nullptr;  // [D + 1]
  const WordCount* entries = nullptr;   // [n_entries]
  std::vector<std::string> vocabulary;

  std::vector<std::int64_t> own_start;
  std::vector<WordCount> own_entries;
  std::unique_ptr<MappedFile> file;

  // Points to its own arrays, and counts.
  void use_own();
};

inline constexpr std::int64_t kMostCount = std::int64_t{1} << 24U;  // that a float holds exactly

// CRC-32 of what the documents are.
std::uint32_t corpus_checksum(const CorpusStore& store);

// What a corpus's extension says; Error(argument) where it says nothing.
CorpusFormat corpus_format_of(const std::string& path, CorpusFormat asked);

// Words of a file, a line each.  Throws Error(file) or Error(data).
std::vector<std::string> read_vocabulary(const std::string& path);
// Throws Error(data) naming a word that is there twice, or is empty; `where` begins the message.
void check_vocabulary(const std::string& where, const std::vector<std::string>& vocabulary);

// Sorts a document's words.  Returns a word that it has twice, or -1.
std::int32_t sort_document(std::vector<WordCount>& document);

// Documents of a text, one by one.
class CorpusText {
 public:
  // n_words = 0: not known.
  CorpusText(const std::string& path, CorpusFormat format, std::int64_t n_words);
  // False at the end.  Throws Error(data) `FILE:LINE: ...`, Error(file) where there was no document.
  bool next(std::vector<WordCount>& document);
  [[nodiscard]] std::int64_t widest() const { return widest_; }  // largest id so far + 1

 private:
  [[noreturn]] void fail(const std::string& what) const;
  void add_pair(std::string_view word, std::vector<WordCount>& document);

  std::string path_;
  CorpusFormat format_;
  std::int64_t n_words_, widest_ = 0, n_documents_ = 0;
  LineReader lines_;
};

// A binary corpus.
std::shared_ptr<const CorpusStore> map_corpus(const std::string& path);

}  // namespace velbo::internal
