#include "cli/topics_options.h"

#include <cmath>
#include <optional>

#include "cli/arguments.h"
#include "data/text.h"
#include "velbo/error.h"

namespace velbo::cli {
namespace {

void add_start_options(CLI::App& command, TopicsArguments& a) {
  add_positive(command, "--local-tolerance", a.options.local_tolerance,
               "Mean change of a document's topic parameters to stop at [0.001]");
  add_whole(command, "--local-iterations", a.local_iterations, 1, "Most iterations a document and step [100]", 1000000);
  command
      .add_option("--start", a.start, "Topics to start from: a .npy of Dirichlet parameters, a topic a row [random]")
      ->type_name("FILE");
  command.add_option("--init", a.init, "Saved model whose topics the fit starts from")->type_name("MODEL");
}

}  // namespace

void add_corpus_options(CLI::App& command, TopicsArguments& a) {
  command.add_option("--data", a.data, "Documents: .ldac or .dat (LDA-C), .feat or .libsvm, or .corpus")
      ->type_name("FILE");
  add_text(command, "--format", "NAME", "Of --data: ldac, libsvm, binary or auto [auto: by the extension]",
           [&a](const std::string& text) { a.corpus.format = parse_corpus_format(text); });
  command.add_option("--vocab", a.corpus.vocabulary, "Words, a line each [none, or those of a .corpus file]")
      ->type_name("FILE");
}

void add_use_options(CLI::App& command, TopicsArguments& a) {
  add_text(command, "--unknown-words", "WHAT", "Words that the model does not know: error or leave_out [error]",
           [&a](const std::string& text) { a.use.unknown_words = parse_unknown_words(text); });
  add_whole(command, "--threads", a.fit.threads, 0, "0: as many as there are processors [0]", 1024);
  add_text(command, "--scalar", "NAME", "float, double or auto [auto: float]",
           [&a](const std::string& text) { a.use.scalar = parse_scalar(text); });
}

void add_topics_fit_options(CLI::App& command, TopicsArguments& a) {
  command.option_defaults()->group("Documents and model");
  add_corpus_options(command, a);
  add_whole(command, "--topics", a.options.n_topics, 1, "Number of topics", 10000);
  add_positive(command, "--alpha", a.options.alpha, "Of the documents' Dirichlet prior [1 / topics]");
  command.add_flag("--learn-alpha", a.options.learn_alpha, "One alpha a topic, learnt from the documents");
  add_positive(command, "--eta", a.options.eta, "Of the topics' Dirichlet prior [1 / topics]");
  command
      .add_option(
          "--update", a.update,
          "Saved model to go on from with new documents: what it knows is the prior; topics, alpha and eta are its")
      ->type_name("MODEL");
  add_text(command, "--unknown-words", "WHAT", "Of --update: error, leave_out or grow (the vocabulary) [error]",
           [&a](const std::string& text) { a.use.unknown_words = parse_unknown_words(text); });
  add_conjugate_options(command, a.fit, "documents", "Documents a step [svi: 1024; memoized: a tenth of all]");
  command.option_defaults()->group("Start and local steps");
  add_start_options(command, a);
  command.option_defaults()->group("Output");
  command.add_option("--out", a.out, "Where the fitted model goes")->type_name("MODEL");
  command
      .add_option("--json", a.json,
                  "Where the summary goes as JSON; -: standard output, and the table to standard error")
      ->type_name("FILE");
  add_whole(command, "--words", a.n_words, 1, "Words a topic in the summary [10]");
  command.add_option("--report", a.report, "Where a page with pictures goes (.html)")->type_name("FILE");
  add_progress_options(command, a.fit);
}

}  // namespace velbo::cli
