// data/corpus_file.cpp - corpora as binary files that are mapped.
//
//   8 bytes              "VELBOCP1"
//   8 n_entries          pairs of a word and a count, int32 each, document by document
//   8 (D + 1)            where each document begins, int64, counted in pairs
//   vocabulary           words, each followed by a line feed; or nothing
//   56 bytes             D, V, pairs, tokens, bytes of the vocabulary: int64 each; CRC-32 of all bytes before it, as int64; "VELBOEND"
//
// Little-endian.  Sizes come last, so that a file can be written document by document.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "data/corpus_store.h"
#include "io/atomic_file.h"
#include "velbo/error.h"

namespace velbo {
namespace {

using internal::CorpusStore;
static_assert(std::endian::native == std::endian::little, "corpora are little-endian");
static_assert(sizeof(WordCount) == 8);

constexpr std::string_view kMagic = "VELBOCP1", kEnd = "VELBOEND";
struct Trailer {
  std::int64_t n_documents = 0, n_words = 0, n_entries = 0, n_tokens = 0, vocabulary_bytes = 0, crc = 0;
  std::array<char, 8> end{};
};
constexpr std::size_t kBeforeCrc = 5 * sizeof(std::int64_t);
static_assert(sizeof(Trailer) == 56);

unsigned long add_to_crc(unsigned long crc, const void* bytes, std::size_t size) {
  const auto* next = static_cast<const unsigned char*>(bytes);
  for (; size > 0;) {
    const std::size_t piece = std::min<std::size_t>(size, std::size_t{1} << 30U);
    crc = ::crc32(crc, next, static_cast<uInt>(piece));
    next += piece;
    size -= piece;
  }
  return crc;
}

class CorpusWriter {
 public:
  explicit CorpusWriter(const std::string& path) : file_(path) { write(kMagic.data(), kMagic.size()); }
  void add(std::span<const WordCount> document) {
    write(document.data(), document.size_bytes());
    for (const WordCount& entry : document) n_tokens_ += entry.count;
    start_.push_back(start_.back() + static_cast<std::int64_t>(document.size()));
  }
  void finish(std::int64_t n_words, const std::vector<std::string>& vocabulary) {
    write(start_.data(), start_.size() * sizeof(std::int64_t));
    Trailer trailer{static_cast<std::int64_t>(start_.size()) - 1, n_words, start_.back(), n_tokens_, 0, 0, {}};
    for (const std::string& word : vocabulary) {
      if (word.find('\n') != std::string::npos)
        throw Error(ErrorCode::data, "corpus: a word of the vocabulary has a line feed in it");
      write(word.data(), word.size());
      write("\n", 1);
      trailer.vocabulary_bytes += static_cast<std::int64_t>(word.size()) + 1;
    }
    write(&trailer, kBeforeCrc);
    trailer.crc = static_cast<std::int64_t>(crc_);
    std::copy(kEnd.begin(), kEnd.end(), trailer.end.begin());
    file_.write(reinterpret_cast<const char*>(&trailer) + kBeforeCrc, sizeof trailer - kBeforeCrc);
    file_.commit();
  }

 private:
  void write(const void* bytes, std::size_t size) {
    crc_ = add_to_crc(crc_, bytes, size);
    file_.write(bytes, size);
  }

  internal::AtomicFile file_;
  unsigned long crc_ = ::crc32(0, nullptr, 0);
  std::int64_t n_tokens_ = 0;
  std::vector<std::int64_t> start_ = {0};
};

void check_documents(const std::string& path, const CorpusStore& store) {
  const auto fail = [&](std::int64_t d) {
    throw Error(ErrorCode::file, fmt::format("{}: document {} is broken", path, d));
  };
  for (std::int64_t d = 0; d < store.n_documents; ++d) {
    if (store.start[d + 1] < store.start[d] || store.start[d + 1] > store.n_entries) fail(d);
    std::int64_t last = -1;
    for (std::int64_t i = store.start[d]; i < store.start[d + 1]; ++i) {
      const WordCount entry = store.entries[i];
      if (entry.word <= last || entry.word >= store.n_words || entry.count < 1 || entry.count > internal::kMostCount)
        fail(d);
      last = entry.word;
    }
  }
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

}  // namespace

namespace internal {

std::shared_ptr<const CorpusStore> map_corpus(const std::string& path) {
  auto store = std::make_shared<CorpusStore>();
  store->file = std::make_unique<MappedFile>(path);
  const std::byte* const bytes = store->file->data();
  const std::size_t size = store->file->size();
  const auto fail = [&](const std::string& why) { throw Error(ErrorCode::file, path + ": " + why); };
  if (size < kMagic.size() + sizeof(std::int64_t) + sizeof(Trailer) ||
      std::memcmp(bytes, kMagic.data(), kMagic.size()) != 0)
    fail("is not a binary corpus of velbo");
  Trailer trailer;
  std::memcpy(&trailer, bytes + size - sizeof trailer, sizeof trailer);
  if (std::memcmp(trailer.end.data(), kEnd.data(), kEnd.size()) != 0) fail("has no end: it has been cut");
  const auto most = static_cast<std::int64_t>(size);
  for (const std::int64_t value : {trailer.n_documents, trailer.n_entries, trailer.vocabulary_bytes})
    if (value < 0 || value > most) fail("says sizes that are not its own");
  if (trailer.n_words < 0 || trailer.n_words > std::int64_t{1} << 31 ||
      8 + 8 * trailer.n_entries + 8 * (trailer.n_documents + 1) + trailer.vocabulary_bytes + 56 != most)
    fail("says sizes that are not its own");
  if (static_cast<std::int64_t>(add_to_crc(::crc32(0, nullptr, 0), bytes, size - (sizeof trailer - kBeforeCrc))) !=
      trailer.crc)
    fail("has another checksum than it says: it has been changed");
  store->n_documents = trailer.n_documents;
  store->n_words = trailer.n_words;
  store->n_entries = trailer.n_entries;
  store->n_tokens = trailer.n_tokens;
  store->entries = reinterpret_cast<const WordCount*>(bytes + kMagic.size());
  store->start = reinterpret_cast<const std::int64_t*>(store->entries + trailer.n_entries);
  if (store->start[0] != 0 || store->start[store->n_documents] != store->n_entries)
    fail("has documents that do not fit it");
  check_documents(path, *store);
  store->vocabulary = words_of({reinterpret_cast<const char*>(store->start + trailer.n_documents + 1),
                                static_cast<std::size_t>(trailer.vocabulary_bytes)});
  if (!store->vocabulary.empty() && static_cast<std::int64_t>(store->vocabulary.size()) != store->n_words)
    fail("has a vocabulary of another size");
  return store;
}

}  // namespace internal

void save_corpus(const std::string& path, const Corpus& corpus) {
  CorpusWriter writer(path);
  for (std::int64_t d = 0; d < corpus.n_documents(); ++d) writer.add(corpus.document(d));
  writer.finish(corpus.n_words(), corpus.vocabulary());
}

void convert_corpus(const std::string& in, const std::string& out, const CorpusOptions& options) {
  const CorpusFormat format = internal::corpus_format_of(in, options.format);
  if (format == CorpusFormat::binary) {
    save_corpus(out, Corpus::read(in, options));
    return;
  }
  std::vector<std::string> vocabulary;
  if (!options.vocabulary.empty()) vocabulary = internal::read_vocabulary(options.vocabulary);
  internal::CorpusText text(in, format, static_cast<std::int64_t>(vocabulary.size()));
  CorpusWriter writer(out);
  for (std::vector<WordCount> document; text.next(document);) writer.add(document);
  writer.finish(vocabulary.empty() ? text.widest() : static_cast<std::int64_t>(vocabulary.size()), vocabulary);
}

}  // namespace velbo
