// Corpora: arrays, text, binary files, and what is wrong with them.
#include "velbo/corpus.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "support/errors.h"
#include "support/scratch.h"

namespace velbo {
namespace {

using test::error_of;
using test::ScratchFolder;

using Documents = std::vector<std::vector<WordCount>>;

Documents documents_of(const Corpus& corpus) {
  Documents out;
  for (std::int64_t d = 0; d < corpus.n_documents(); ++d)
    out.emplace_back(corpus.document(d).begin(), corpus.document(d).end());
  return out;
}

TEST(Corpus, OfArraysIsSortedAndChecked) {
  const std::vector<std::int64_t> start = {0, 3, 3, 4};
  const std::vector<std::int32_t> word = {4, 0, 2, 1};
  const std::vector<double> count = {2, 7, 0, 1};
  const Corpus corpus(5, start, word, count, {"a", "b", "c", "d", "e"});
  EXPECT_EQ(documents_of(corpus), (Documents{{{0, 7}, {4, 2}}, {}, {{1, 1}}}));
  EXPECT_EQ(corpus.n_entries(), 3);
  EXPECT_EQ(corpus.n_tokens(), 10);
  EXPECT_EQ(corpus.word_text(4), "e");

  const auto with = [&](std::vector<std::int32_t> words, std::vector<double> counts,
                        std::vector<std::string> vocabulary = {}) {
    return error_of([&] { Corpus(5, start, words, counts, vocabulary); });
  };
  EXPECT_EQ(with(word, {2, -1, 0, 1}),
            "data| corpus: document 0: the count of word 0 is -1, expected a whole number from 0 to 16777216");
  EXPECT_EQ(with(word, {2, 7, 0, 1.5}),
            "data| corpus: document 2: the count of word 1 is 1.5, expected a whole number from 0 to 16777216");
  EXPECT_NE(with(word, {2, 7, 0, NAN}).find("is nan, expected a whole number"), std::string::npos);
  EXPECT_NE(with(word, {2, 7, 0, 1e9}).find("is 1000000000"), std::string::npos);
  EXPECT_EQ(with({4, 0, 2, 5}, count), "data| corpus: document 2: word 5, expected 0 to 4");
  EXPECT_EQ(with({4, -1, 2, 1}, count), "data| corpus: document 0: word -1, expected 0 to 4");
  EXPECT_EQ(with({4, 4, 2, 1}, count), "data| corpus: document 0: has word 4 twice");
  EXPECT_EQ(with({4, 4}, {1, 1}), "shape| corpus: start ends with 4, but there are 2 words");
  EXPECT_EQ(with(word, {1}), "shape| corpus: 4 words, but 1 counts");
  EXPECT_EQ(with(word, count, {"a"}), "shape| corpus: a vocabulary of 1 words, but n_words is 5");
  EXPECT_EQ(with(word, count, {"a", "b", "c", "b", "e"}), "data| corpus: the vocabulary has \"b\" twice");
  EXPECT_EQ(error_of([&] {
              Corpus(5, std::vector<std::int64_t>{0, 3, 2, 4}, word, count);
            }),
            "shape| corpus: start is not increasing");
}

TEST(Corpus, IsReadFromText) {
  const ScratchFolder folder;
  const Documents expected = {{{0, 2}, {3, 1}}, {}, {{1, 5}}};
  const Corpus ldac = Corpus::read(folder.file("a.ldac", "2 3:1 0:2\r\n\n0\n1 1:5"));
  EXPECT_EQ(documents_of(ldac), expected);
  EXPECT_EQ(ldac.n_words(), 4);
  EXPECT_EQ(ldac.word_text(3), "#3");
  const Corpus feat = Corpus::read(folder.file("a.feat", "1 1:2 4:1 # note\n1\n-1 2:5 3:0\n"),
                                   {.vocabulary = folder.file("v", "one 12\ntwo 3\nthree 0\nfour 9\nfive 1\n")});
  EXPECT_EQ(documents_of(feat), expected);
  EXPECT_EQ(feat.vocabulary(), (std::vector<std::string>{"one", "two", "three", "four", "five"}));
  EXPECT_EQ(Corpus::read(folder.file("b.txt", "1 2:3"), {.format = CorpusFormat::ldac}).n_words(), 3);
  // A number after some words only belongs to them.
  EXPECT_EQ(
      Corpus::read(folder.file("c.dat", "1 1:3"), {.vocabulary = folder.file("w", "new york\narea 51\n")}).vocabulary(),
      (std::vector<std::string>{"new york", "area 51"}));
}

TEST(Corpus, SaysWhereATextIsWrong) {
  const ScratchFolder folder;
  const std::string path = folder.file("x.ldac"), feat = folder.file("x.feat");
  const auto ldac_error = [&](std::string_view text, const std::string& vocabulary = {}) {
    (void)folder.file("x.ldac", text);
    return error_of([&] { Corpus::read(path, {.vocabulary = vocabulary}); }, path);
  };
  const auto feat_error = [&](std::string_view text) {
    (void)folder.file("x.feat", text);
    return error_of([&] { Corpus::read(feat); }, feat);
  };
  EXPECT_EQ(ldac_error("1 0:1\n2 0:1 3:"),
            "data| FILE:2: the count of word 3 is \"\", expected a whole number from 0 to 16777216");
  EXPECT_EQ(ldac_error("1 0:1\n3 0:1 3:1\n"), "data| FILE:2: has 2 words, but says 3");
  EXPECT_EQ(ldac_error("1 0:1\n2 0:1 3"), "data| FILE:2: \"3\", expected id:count");
  EXPECT_EQ(ldac_error("1 0:-1\n"),
            "data| FILE:1: the count of word 0 is \"-1\", expected a whole number from 0 to 16777216");
  EXPECT_EQ(ldac_error("1 0:1.5\n"),
            "data| FILE:1: the count of word 0 is \"1.5\", expected a whole number from 0 to 16777216");
  EXPECT_EQ(ldac_error("1 -4:1\n"), "data| FILE:1: word -4, expected 0 to 2147483646");
  EXPECT_EQ(ldac_error("1 2:1\n", folder.file("v", "a\nb\n")), "data| FILE:1: word 2, expected 0 to 1");
  EXPECT_EQ(ldac_error("1 99999999999:1\n"), "data| FILE:1: word 99999999999, expected 0 to 2147483646");
  EXPECT_EQ(ldac_error("2 5:1 5:2\n"), "data| FILE:1: has word 5 twice");
  EXPECT_EQ(ldac_error("x 5:1\n"), "data| FILE:1: begins with \"x\", expected the number of words (LDA-C)");
  EXPECT_EQ(ldac_error("\n\n"), "file| FILE: holds no documents, expected lines `M id:count ...`");
  EXPECT_EQ(feat_error("1 0:1\n"), "data| FILE:1: word 0, expected 1 to 2147483647");
  EXPECT_EQ(feat_error("1 1:1\n5:2\n"), "data| FILE:2: begins with \"5:2\", expected a label");
  EXPECT_EQ(error_of([&] { Corpus::read(folder.file("none.ldac")); }).rfind("file| ", 0), 0U);
  EXPECT_EQ(error_of([&] { Corpus::read(folder.file("x.txt", "1 1:1")); }).rfind("argument| ", 0), 0U);
  const std::string words = folder.file("words");
  const auto vocabulary_error = [&](std::string_view text) {
    (void)folder.file("words", text);
    return error_of([&] { Corpus::read(folder.file("y.ldac", "1 0:1\n"), {.vocabulary = words}); }, words);
  };
  EXPECT_EQ(vocabulary_error("a\n\nb\n"), "data| FILE:2: is empty, expected a word");
  EXPECT_EQ(vocabulary_error("a\nb\na\n"), "data| FILE: the vocabulary has \"a\" twice");
  EXPECT_EQ(vocabulary_error(""), "file| FILE: is empty, expected a word a line");
}

TEST(Corpus, BinaryFilesAreTheSameAndCheckedAsAWhole) {
  const ScratchFolder folder;
  const std::string text = folder.file("a.ldac", "2 3:1 0:2\n0\n1 1:5\n"), words = folder.file("v", "a\nb\nc\nd\n");
  const std::string path = folder.file("a.corpus"), other = folder.file("b.corpus");
  convert_corpus(text, path, {.vocabulary = words});
  const Corpus read = Corpus::read(text, {.vocabulary = words});
  save_corpus(other, read);
  EXPECT_EQ(test::read_bytes(path), test::read_bytes(other));
  const Corpus mapped = Corpus::read(path);
  EXPECT_EQ(documents_of(mapped), documents_of(read));
  EXPECT_EQ(mapped.vocabulary(), read.vocabulary());
  EXPECT_EQ(mapped.n_tokens(), 8);
  EXPECT_EQ(mapped.n_words(), 4);
  const std::string bytes = test::read_bytes(path);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string broken = bytes;
    broken[at] = static_cast<char>(broken[at] ^ 4);
    const std::string where = folder.file("broken.corpus", broken);
    EXPECT_EQ(error_of([&] { Corpus::read(where); }).rfind("file| ", 0), 0U) << at;
    const std::string cut = folder.file("cut.corpus", std::string_view(bytes).substr(0, at));
    EXPECT_EQ(error_of([&] { Corpus::read(cut); }).rfind("file| ", 0), 0U) << at;
  }
  EXPECT_EQ(error_of([&] { Corpus::read(path, {.vocabulary = folder.file("w", "a\nb\n")}); }).rfind("shape| ", 0), 0U);
}

}  // namespace
}  // namespace velbo
