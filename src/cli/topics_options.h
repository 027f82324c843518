// cli/topics_options.h - the options of `velbo topics`.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "cli/conjugate_options.h"
#include "velbo/topics.h"

namespace velbo::cli {

struct TopicsArguments {
  std::string model, data, scored, start, init, update, out, json, report;
  CorpusOptions corpus;
  TopicOptions options;
  TopicUse use;
  std::int64_t local_iterations = 0, n_words = 10;
  ConjugateArguments fit;  // threads and quiet, of all commands
  std::uint64_t seed = 1;
};

void add_topics_fit_options(CLI::App& command, TopicsArguments& a);
void add_corpus_options(CLI::App& command, TopicsArguments& a);
// --unknown-words, --threads and --scalar, of what uses a model.
void add_use_options(CLI::App& command, TopicsArguments& a);

}  // namespace velbo::cli
