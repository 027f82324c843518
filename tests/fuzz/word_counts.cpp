// tests/fuzz/word_counts.cpp - corpora as text: documents that are written as a binary file are read again as the same.
#include <algorithm>
#include <fstream>

#include "fuzz/fuzz.h"
#include "velbo/corpus.h"

namespace velbo::fuzz {
namespace {

bool same(const Corpus& a, const Corpus& b) {
  if (a.n_documents() != b.n_documents() || a.n_words() != b.n_words() || a.n_tokens() != b.n_tokens()) return false;
  for (std::int64_t d = 0; d < a.n_documents(); ++d) {
    const auto left = a.document(d), right = b.document(d);
    if (!std::equal(left.begin(), left.end(), right.begin(), right.end())) return false;
  }
  return true;
}

void check_text(std::string_view bytes, CorpusFormat format) {
  const std::string path = as_file(bytes);
  Corpus corpus;
  if (!accepts([&] { corpus = Corpus::read(path, {.format = format}); })) return;
  expect(corpus.n_documents() > 0 && corpus.n_documents() <= static_cast<std::int64_t>(bytes.size()),
         "a document has a byte");
  const std::string binary = scratch_path("word_counts.corpus");
  save_corpus(binary, corpus);
  expect(same(corpus, Corpus::read(binary)), "a corpus is read again as it was written");
}

// The first byte says as what the others are read.
void check(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::string_view rest = bytes.substr(1);
  switch (bytes[0]) {
    case 'b': accepts([&] { Corpus::read(as_file(rest), {.format = CorpusFormat::binary}); }); return;
    case 'f': check_text(rest, CorpusFormat::libsvm); return;
    case 'v': {
      const std::string text = scratch_path("word_counts.ldac");
      std::ofstream(text) << "1 0:1\n";
      accepts([&] { Corpus::read(text, {.format = CorpusFormat::ldac, .vocabulary = as_file(rest)}); });
      return;
    }
    default: check_text(rest, CorpusFormat::ldac);
  }
}

}  // namespace
}  // namespace velbo::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  velbo::fuzz::check(velbo::fuzz::as_text(data, size));
  return 0;
}
