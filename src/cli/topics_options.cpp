#include "cli/topics_options.h"

#include <cmath>
#include <optional>

#include "cli/arguments.h"
#include "data/text.h"
#include "velbo/error.h"

namespace velbo::cli {
namespace {

template <class Read>
void add_text(CLI::App& command, const std::string& option, const std::string& type, const std::string& help,
              Read read) {
  command
      .add_option_function<std::string>(
          option, [read](const std::string& text) { read(text); }, help)
      ->type_name(type);
}

// A number, 0 or more.
void add_number(CLI::App& command, const std::string& option, double& target, const std::string& help) {
  add_text(command, option, "X", help, [option, &target](const std::string& text) {
    const std::optional<double> value = internal::parse_number(text);
    if (!value || !(*value >= 0) || std::isinf(*value))
      throw Error(ErrorCode::argument, option + " is " + internal::quoted(text) + ", expected a number, 0 or more");
    target = *value;
  });
}

void add_method_options(CLI::App& command, TopicsArguments& a) {
  ConjugateOptions& fit = a.options.fit;
  add_text(command, "--engine", "NAME",
           "cavi, memoized, svi or auto [auto: memoized where there are batches, else cavi]",
           [&fit](const std::string& text) { fit.engine = parse_conjugate_engine(text); });
  add_whole(command, "--batch-size", fit.batch_size, 1, "Documents a step [svi: 1024; memoized: a tenth of all]");
  add_whole(command, "--passes", fit.max_passes, 1, "Most passes over all documents [1000; svi: 20]");
  add_positive(command, "--tolerance", fit.tolerance, "Nats a document that a pass gains, to stop at [1e-05]");
  add_positive(command, "--max-seconds", fit.max_seconds, "Most seconds [no limit]");
  add_number(command, "--delay", fit.delay, "Of svi's steps, (step + delay)^-forgetting [1]");
  add_number(command, "--forgetting", fit.forgetting, "Above 0.5, at most 1 [0.7]");
  add_positive(command, "--local-tolerance", a.options.local_tolerance,
               "Mean change of a document's topic parameters to stop at [0.001]");
  add_whole(command, "--local-iterations", a.local_iterations, 1, "Most iterations a document and step [100]", 1000000);
  command
      .add_option("--start", a.start, "Topics to start from: a .npy of Dirichlet parameters, a topic a row [random]")
      ->type_name("FILE");
  command.add_option("--init", a.init, "Saved model whose topics the fit starts from")->type_name("MODEL");
  add_whole(command, "--threads", a.threads, 0, "0: as many as there are processors [0]", 1024);
  add_text(command, "--scalar", "NAME", "float, double or auto [auto: float]",
           [&fit](const std::string& text) { fit.scalar = parse_scalar(text); });
  add_seed(command, fit.seed);
}

void add_long_fit_options(CLI::App& command, TopicsArguments& a) {
  ConjugateOptions& fit = a.options.fit;
  command
      .add_option("--checkpoint", fit.checkpoint,
                  "Where the running fit's state goes, at most every 30 s, on Ctrl-C and at the end")
      ->type_name("FILE");
  add_number(command, "--checkpoint-seconds", fit.checkpoint_seconds,
             "Seconds from one state to the next; 0: every step [30]");
  command.add_option("--resume", fit.resume, "State to go on from: the result is that of a fit never interrupted")
      ->type_name("FILE");
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
  add_whole(command, "--threads", a.threads, 0, "0: as many as there are processors [0]", 1024);
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
  command.option_defaults()->group("Method");
  add_method_options(command, a);
  command.option_defaults()->group("Long fits");
  add_long_fit_options(command, a);
  command.option_defaults()->group("Output");
  command.add_option("--out", a.out, "Where the fitted model goes")->type_name("MODEL");
  command
      .add_option("--json", a.json,
                  "Where the summary goes as JSON; -: standard output, and the table to standard error")
      ->type_name("FILE");
  add_whole(command, "--words", a.n_words, 1, "Words a topic in the summary [10]");
  add_text(command, "--progress", "WHEN", "auto: a bar on a terminal; always: lines elsewhere; never [auto]",
           [&a](const std::string& text) { a.progress = parse_progress_mode(text); });
  command.add_flag("--quiet", a.quiet, "No table, no progress");
}

}  // namespace velbo::cli
