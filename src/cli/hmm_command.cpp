// cli/hmm_command.cpp - velbo hmm fit, predict and summary.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/conjugate_options.h"
#include "cli/input.h"
#include "cli/output.h"
#include "velbo/error.h"
#include "velbo/hidden_markov.h"

namespace velbo::cli {
namespace {

struct Arguments {
  std::string model, data, columns, out, json, report;
  SequenceColumns of;
  HiddenMarkovOptions options;
  ConjugateArguments fit;
};

// A table, or an array whose rows are one sequence.
Sequences read_sequences(const Arguments& a, const std::vector<std::string>& known_symbols) {
  require(a.data, "--data", "it names the table of sequences");
  if (is_array(a.data)) {
    if (!a.of.symbol.empty() || !a.of.numbers.empty() || !a.of.sequence.empty())
      throw Error(
          ErrorCode::argument,
          a.data + " is an array, which has no named columns: --columns, --symbol and --sequence are for tables");
    const NpyArray array = read_npy(a.data);
    return Sequences::numbers({array.values.data(), array.n_rows, array.n_columns, array.n_columns});
  }
  return Sequences::of_table(read_table(a.data), a.of, known_symbols);
}

int run_fit(const Arguments& arguments) {
  Arguments a = arguments;
  for (const std::string* path : {&a.out, &a.report, &a.fit.options.checkpoint}) require_writable(*path);
  if (a.out == "-") throw Error(ErrorCode::argument, "--out is -, expected a file: a model is not text");
  std::unique_ptr<Output> json;
  if (!a.json.empty()) json = std::make_unique<Output>(a.json);
  const Sequences x = read_sequences(a, {});
  const FitWatch watch(a.fit, "sequence");
  a.options.fit = watch.options();
  const HiddenMarkov model = fit_hidden_markov(x, a.options);
  watch.finish();
  if (!a.out.empty()) model.save(a.out);
  if (!a.report.empty()) write_report(model, x, a.report);
  if (json) {
    json->write(model.to_json() + "\n");
    json->finish();
  }
  if (!a.fit.quiet) a.json == "-" ? write_stderr(model.text()) : write_stdout(model.text());
  return model.run().converged() ? success : not_converged;
}

int run_predict(const Arguments& a) {
  require(a.model, "the model", "for example: velbo hmm predict walk.velbo --data new.csv --out states.csv");
  const HiddenMarkov model = HiddenMarkov::load(a.model);
  Arguments mine = a;
  const bool symbols = model.kind() == EmissionKind::categorical;
  if (symbols) {
    require(a.of.symbol, "--symbol", "the model's emissions are symbols: it names their column");
  } else if (a.of.numbers.empty() && !is_array(a.data)) {
    mine.of.numbers = model.names();
  }
  std::vector<std::string> header = {"state"};
  for (std::int64_t k = 1; k <= model.n_states(); ++k) header.push_back(fmt::format("p{}", k));
  CsvWriter csv(a.out.empty() ? "-" : a.out, header);
  const Sequences x = read_sequences(mine, symbols ? model.names() : std::vector<std::string>());
  const std::vector<std::int64_t> path = model.most_probable_states(x);
  const std::vector<double> share = model.state_probabilities(x, static_cast<int>(a.fit.threads));
  const auto k = static_cast<std::size_t>(model.n_states());
  std::vector<double> row(1 + k);
  for (std::size_t t = 0; t < path.size(); ++t) {
    row[0] = static_cast<double>(path[t] + 1);
    std::copy_n(share.begin() + static_cast<std::ptrdiff_t>(t * k), k, row.begin() + 1);
    csv.row(row);
  }
  csv.finish();
  return success;
}

int run_summary(const Arguments& a) {
  require(a.model, "the model", "for example: velbo hmm summary walk.velbo");
  std::unique_ptr<Output> json;
  if (!a.json.empty()) json = std::make_unique<Output>(a.json);
  const HiddenMarkov model = HiddenMarkov::load(a.model);
  if (json) {
    json->write(model.to_json() + "\n");
    json->finish();
  }
  if (a.json != "-") write_stdout(model.text());
  return success;
}

void add_columns(CLI::App& command, const std::shared_ptr<Arguments>& a) {
  command.add_option("--data", a->data, "Table with a header (.csv, .tsv), or rows of numbers as an array (.npy)")
      ->type_name("FILE");
  add_list(command, "--columns", a->of.numbers, "Columns of numbers [all, of a fit those that it had]");
  command.add_option("--symbol", a->of.symbol, "Column of symbols, in place of numbers")->type_name("COL");
  command.add_option("--sequence", a->of.sequence, "Column that says which sequence a row is of [all are one]")
      ->type_name("COL");
}

void add_fit_command(CLI::App& hmm, Action& action) {
  CLI::App* command = hmm.add_subcommand("fit", "Fit a hidden Markov model to sequences of numbers or symbols");
  auto a = std::make_shared<Arguments>();
  command->option_defaults()->group("Model");
  add_columns(*command, a);
  add_whole(*command, "--states", a->options.n_states, 1, "Hidden states [2]", 10000);
  add_positive(*command, "--initial-concentration", a->options.initial_concentration,
               "Of the first state's Dirichlet [1]");
  add_positive(*command, "--transition-concentration", a->options.transition_concentration,
               "Of each step's Dirichlet [1]");
  add_number(*command, "--sticky", a->options.sticky, "Added to it for staying in a state [0]");
  add_positive(*command, "--emission-concentration", a->options.emission_concentration,
               "Of the symbols' Dirichlets [1]");
  add_whole(*command, "--starts", a->options.starts, 1, "Starts, of which the best is kept [5]", 10000);
  add_conjugate_options(*command, a->fit, "sequences", "Sequences a step [a tenth of all]");
  command->option_defaults()->group("Output");
  command->add_option("--out", a->out, "Where the fitted model goes")->type_name("MODEL");
  command
      ->add_option("--json", a->json,
                   "Where the summary goes as JSON; -: standard output, and the table to standard error")
      ->type_name("FILE");
  command->add_option("--report", a->report, "Where a page with pictures goes (.html)")->type_name("FILE");
  add_progress_options(*command, a->fit);
  command->footer(
      "Example:\n  velbo hmm fit --data walk.csv --columns x,y --sequence animal --states 3 --out walk.velbo --report "
      "walk.html");
  command->callback([&action, a] { action = [a] { return run_fit(*a); }; });
}

}  // namespace

void add_hmm(CLI::App& program, Action& action) {
  CLI::App* hmm = program.add_subcommand("hmm", "Hidden Markov models: fit, predict, summary");
  hmm->callback([&action] {
    if (!action)
      throw Error(ErrorCode::argument, "no command is given: velbo hmm fit, predict or summary (velbo hmm --help)");
  });
  add_fit_command(*hmm, action);

  CLI::App* predict =
      hmm->add_subcommand("predict", "The most probable state of each row, and each state's probability");
  auto of_predict = std::make_shared<Arguments>();
  predict->add_option("MODEL", of_predict->model, "Saved model")->type_name("");
  add_columns(*predict, of_predict);
  predict->add_option("--out", of_predict->out, "Where they go (.csv) [standard output]")->type_name("FILE");
  add_whole(*predict, "--threads", of_predict->fit.threads, 0, "0: as many as there are processors [0]", 4096);
  predict->callback([&action, of_predict] { action = [of_predict] { return run_predict(*of_predict); }; });

  CLI::App* summary = hmm->add_subcommand("summary", "Print the states and the transitions of a saved model again");
  auto of_summary = std::make_shared<Arguments>();
  summary->add_option("MODEL", of_summary->model, "Saved model")->type_name("");
  summary
      ->add_option("--json", of_summary->json,
                   "Where the summary goes as JSON; -: standard output, instead of the table")
      ->type_name("FILE");
  summary->callback([&action, of_summary] { action = [of_summary] { return run_summary(*of_summary); }; });
}

}  // namespace velbo::cli
