// cli/topics_command.cpp - velbo topics fit, transform, summary, evaluate and convert.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/output.h"
#include "cli/topics_options.h"
#include "cli/topics_summary.h"
#include "velbo/error.h"

namespace velbo::cli {
namespace {

Corpus read_corpus(const TopicsArguments& a) {
  require(a.data, "--data", "it names the documents");
  return Corpus::read(a.data, a.corpus);
}

TopicModel read_model(const TopicsArguments& a) {
  require(a.model, "the model", "it is what velbo topics fit --out wrote");
  return TopicModel::load(a.model);
}

// Text and JSON to where they were asked for.
void write_summary(const TopicsArguments& a, const TopicModel& model, const std::optional<TopicCoherence>& coherence,
                   Output* json) {
  if (json != nullptr) {
    json->write(topics_json(model, a.n_words, coherence));
    json->finish();
  }
  if (a.fit.quiet) return;
  const std::string text = topics_text(model, a.n_words, coherence);
  if (a.json == "-") {
    write_stderr(text);
  } else {
    write_stdout(text);
  }
}

std::vector<double> read_start(const std::string& path) {
  const FeatureMatrix matrix = FeatureMatrix::map_npy(path);
  std::vector<double> out(static_cast<std::size_t>(matrix.n_rows() * matrix.n_columns()));
  for (std::int64_t k = 0; k < matrix.n_rows(); ++k)
    matrix.row(k, std::span(out).subspan(static_cast<std::size_t>(k * matrix.n_columns()),
                                         static_cast<std::size_t>(matrix.n_columns())));
  return out;
}

void check_fit(const TopicsArguments& a) {
  if (a.options.n_topics == 0 && a.update.empty())
    throw Error(ErrorCode::argument,
                "--topics is missing; for example: velbo topics fit --data ap.dat --vocab ap.vocab --topics 20");
  if (!a.update.empty() && (a.options.n_topics != 0 || a.options.alpha != 0 || a.options.eta != 0 ||
                            a.options.learn_alpha || !a.start.empty() || !a.init.empty()))
    throw Error(ErrorCode::argument,
                "--update brings the model's own topics, alpha, eta and start: none of these can be given");
  if (a.update.empty() && a.use.unknown_words != UnknownWords::error)
    throw Error(ErrorCode::argument, "--unknown-words goes with --update");
  if (!a.start.empty() && !a.init.empty()) throw Error(ErrorCode::argument, "--start and --init exclude each other");
  if (!a.out.empty() && a.out == a.json)
    throw Error(ErrorCode::argument, "--out and --json name the same file, " + a.out);
  if (a.out == "-") throw Error(ErrorCode::argument, "--out is -, expected a file: a model is not text");
}

int run_fit(const TopicsArguments& arguments) {
  TopicsArguments a = arguments;
  check_fit(a);
  // Before the work, not after it.
  for (const std::string* path : {&a.out, &a.report, &a.fit.options.checkpoint}) require_writable(*path);
  std::unique_ptr<Output> json;
  if (!a.json.empty()) json = std::make_unique<Output>(a.json);
  std::optional<TopicModel> earlier;
  if (!a.update.empty()) earlier = TopicModel::load(a.update);
  if (!a.init.empty()) a.options.init = TopicModel::load(a.init);
  if (!a.start.empty()) a.options.initial_topics = read_start(a.start);
  const Corpus corpus = read_corpus(a);

  const FitWatch watch(a.fit, "document");
  a.options.fit = watch.options();
  if (a.local_iterations > 0) a.options.local_iterations = static_cast<int>(a.local_iterations);
  const TopicModel model =
      earlier ? partial_fit(*earlier, corpus, {a.use.unknown_words, a.options.fit}) : fit_topics(corpus, a.options);
  watch.finish();
  if (!a.out.empty()) model.save(a.out);
  if (!a.report.empty()) write_report(model, a.report);
  write_summary(a, model, {}, json.get());
  return model.run().converged() ? success : not_converged;
}

int run_summary(const TopicsArguments& a) {
  std::unique_ptr<Output> json;
  if (!a.json.empty()) json = std::make_unique<Output>(a.json);
  const TopicModel model = read_model(a);
  std::optional<TopicCoherence> coherence;
  if (!a.data.empty()) coherence = model.coherence(read_corpus(a), std::max<std::int64_t>(2, a.n_words), a.use);
  TopicsArguments with = a;
  with.fit.quiet = a.fit.quiet || a.json == "-";
  write_summary(with, model, coherence, json.get());
  return success;
}

int run_transform(const TopicsArguments& a) {
  const std::string out = a.out.empty() ? "-" : a.out;
  require_writable(out);
  const TopicModel model = read_model(a);
  const Corpus corpus = read_corpus(a);
  TopicUse use = a.use;
  use.threads = static_cast<int>(a.fit.threads);
  const auto k_count = static_cast<std::size_t>(model.n_topics());
  if (is_array(out)) {
    write_npy(out, model.transform(corpus, use), corpus.n_documents(), model.n_topics());
    return success;
  }
  std::vector<std::string> header;
  for (std::size_t k = 0; k < k_count; ++k) header.push_back(fmt::format("topic{}", k));
  CsvWriter csv(out, header);
  constexpr std::int64_t kBlock = 65536;
  for (std::int64_t begin = 0; begin < corpus.n_documents(); begin += kBlock) {
    const std::vector<double> theta =
        model.transform(corpus, begin, std::min(corpus.n_documents(), begin + kBlock), use);
    for (std::size_t at = 0; at < theta.size(); at += k_count) csv.row(std::span(theta).subspan(at, k_count));
  }
  csv.finish();
  return success;
}

int run_evaluate(const TopicsArguments& a) {
  std::unique_ptr<Output> json;
  if (!a.json.empty()) json = std::make_unique<Output>(a.json);
  const TopicModel model = read_model(a);
  const Corpus corpus = read_corpus(a);
  TopicUse use = a.use;
  use.threads = static_cast<int>(a.fit.threads);
  DocumentCompletion result;
  if (a.scored.empty()) {
    result = model.complete_documents(corpus, a.seed, use);
  } else {
    result = model.complete_documents(corpus, Corpus::read(a.scored, a.corpus), use);
  }
  if (json) {
    json->write(
        fmt::format("{{\"schema\": 1, \"log_predictive\": {:.17g}, \"perplexity\": {:.17g}, \"n_tokens\": {}, "
                    "\"n_ignored\": {}, \"n_documents\": {}}}\n",
                    result.log_predictive, result.perplexity, result.n_tokens, result.n_ignored, corpus.n_documents()));
    json->finish();
  }
  if (a.json != "-")
    write_stdout(
        fmt::format("document completion: {:.5f} nats a word, perplexity {:.2f}, {} words scored of {} documents{}\n",
                    result.log_predictive, result.perplexity, result.n_tokens, corpus.n_documents(),
                    result.n_ignored > 0 ? fmt::format(", {} unknown ones left out", result.n_ignored) : ""));
  return success;
}

int run_convert(const TopicsArguments& a) {
  require(a.data, "--data", "it names the documents");
  require(a.out, "--out", "it names the .corpus file to write");
  convert_corpus(a.data, a.out, a.corpus);
  return success;
}

using Run = int (*)(const TopicsArguments&);

CLI::App* add_command(CLI::App& topics, Action& action, const std::shared_ptr<TopicsArguments>& a,
                      const char* command_name, const char* help, Run run) {
  CLI::App* const command = topics.add_subcommand(command_name, help);
  command->callback([&action, a, run] { action = [a, run] { return run(*a); }; });
  return command;
}

void add_model(CLI::App& command, TopicsArguments& a) {
  command.add_option("MODEL", a.model, "Saved model")->type_name("");
}

void add_json(CLI::App& command, TopicsArguments& a) {
  command.add_option("--json", a.json, "Where the result goes as JSON; -: standard output, instead of the text")
      ->type_name("FILE");
}

}  // namespace

void add_topics(CLI::App& program, Action& action) {
  CLI::App* const topics =
      program.add_subcommand("topics", "Topic models (latent Dirichlet allocation) of counts of words");
  topics->footer("velbo topics COMMAND --help tells more about a command.");
  const auto a = std::make_shared<TopicsArguments>();
  topics->callback([&action, topics] {
    if (topics->get_subcommands().empty())
      action = []() -> int {
        throw Error(
            ErrorCode::argument,
            "no command is given: velbo topics fit, transform, summary, evaluate or convert (velbo topics --help)");
      };
  });

  CLI::App* command =
      add_command(*topics, action, a, "fit", "Fit topics to documents and print their top words", run_fit);
  add_topics_fit_options(*command, *a);
  command->footer(
      "Exit status: 0 converged, or all passes of svi made; 3 finished, but not converged (results are written); 2 a "
      "mistake in\nthe command or the data; 1 a failure.  Ctrl-C keeps what has been fitted.\n\n"
      "Examples:\n"
      "  velbo topics fit --data ap.dat --vocab ap.vocab --topics 20 --out ap.velbo\n"
      "  velbo topics fit --data big.corpus --topics 100 --engine svi --learn-alpha --out big.velbo\n"
      "  velbo topics fit --update ap.velbo --data new.dat --vocab new.vocab --unknown-words grow --out ap2.velbo");

  command =
      add_command(*topics, action, a, "transform", "Expected topic shares of documents, a row each", run_transform);
  add_model(*command, *a);
  add_corpus_options(*command, *a);
  command->add_option("--out", a->out, "Where they go, .csv or .npy [-: standard output, as CSV]")->type_name("FILE");
  add_use_options(*command, *a);
  command->footer("Example:\n  velbo topics transform ap.velbo --data new.dat --out shares.csv");

  command = add_command(*topics, action, a, "summary", "Print the top words of a saved model's topics", run_summary);
  add_model(*command, *a);
  add_corpus_options(*command, *a);
  add_whole(*command, "--words", a->n_words, 1, "Words a topic [10]");
  add_json(*command, *a);
  add_use_options(*command, *a);
  command->footer(
      "With --data the topics' coherence over those documents too.\n\nExample:\n  velbo topics summary ap.velbo "
      "--words 15");

  command = add_command(*topics, action, a, "evaluate",
                        "Document completion: how well halves of documents predict the others", run_evaluate);
  add_model(*command, *a);
  add_corpus_options(*command, *a);
  command->add_option("--scored", a->scored, "The scored halves, where --data has the observed ones [halved by --seed]")
      ->type_name("FILE");
  add_seed(*command, a->seed);
  add_json(*command, *a);
  add_use_options(*command, *a);
  command->footer("Example:\n  velbo topics evaluate ap.velbo --data heldout.dat");

  command = add_command(*topics, action, a, "convert",
                        "Write documents as a .corpus file, which fits map and do not read", run_convert);
  add_corpus_options(*command, *a);
  command->add_option("--out", a->out, "The .corpus file")->type_name("FILE");
  command->footer("Example:\n  velbo topics convert --data docs.ldac --vocab words.txt --out docs.corpus");
}

}  // namespace velbo::cli
