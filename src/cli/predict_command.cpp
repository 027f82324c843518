#include <array>
#include <memory>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/output.h"
#include "data/text.h"
#include "velbo/error.h"
#include "velbo/posterior.h"

namespace velbo::cli {
namespace {

struct Arguments {
  std::string fit, data, out = "-", offset, trials;
  PredictOptions options;
};

Predictions predict(const Arguments& a, const Posterior& posterior) {
  if (!is_array(a.data) && !is_libsvm(a.data)) {
    if (!a.offset.empty() || !a.trials.empty())
      throw Error(ErrorCode::argument,
                  "--offset and --trials go with an array (.npy); a table's columns are those of the fit");
    return posterior.predict(read_table(a.data), a.options);
  }
  const List offset(a.offset, "--offset"), trials(a.trials, "--trials");
  const FeatureMatrix x = is_array(a.data) ? FeatureMatrix::map_npy(a.data) : read_libsvm(a.data).x;
  return posterior.predict(x, offset.values(), trials.values(), a.options);
}

std::array<double, 4> row_of(const Predictions& predictions, std::size_t i) {
  return {predictions.mean[i], predictions.sd[i], predictions.lower[i], predictions.upper[i]};
}

int run(const Arguments& a) {
  require(a.fit, "the fit", "for example: velbo predict wells.velbo --data new.csv --out pred.csv");
  require(a.data, "--data", "it names the table of new rows");
  const bool to_array = is_array(a.out);
  if (to_array) require_writable(a.out);
  std::unique_ptr<CsvWriter> csv;
  if (!to_array) csv = std::make_unique<CsvWriter>(a.out, std::vector<std::string>{"mean", "sd", "lower", "upper"});

  const Predictions predictions = predict(a, Posterior::load(a.fit));
  const std::size_t n = predictions.mean.size();
  if (to_array) {
    std::vector<double> values;
    values.reserve(4 * n);
    for (std::size_t i = 0; i < n; ++i)
      for (const double value : row_of(predictions, i)) values.push_back(value);
    write_npy(a.out, values, static_cast<std::int64_t>(n), 4);
  } else {
    for (std::size_t i = 0; i < n; ++i) csv->row(row_of(predictions, i));
    csv->finish();
  }
  return success;
}

}  // namespace

void add_predict(CLI::App& program, Action& action) {
  CLI::App* command = program.add_subcommand("predict", "Predict new rows: mean, sd and an interval for each");
  auto a = std::make_shared<Arguments>();
  command->add_option("FIT", a->fit, "Saved fit")->type_name("");
  command->add_option("--data", a->data, "Table of new rows, with the columns of the formula (or .npy, or .libsvm)")
      ->type_name("FILE");
  command->add_option("--out", a->out, "Where the predictions go, .csv or .npy [-: standard output, as CSV]")
      ->type_name("FILE");
  command
      ->add_option_function<std::string>(
          "--kind", [a](const std::string& text) { a->options.kind = parse_prediction_kind(text); },
          "response: the outcome's expectation (a probability, a rate, a mean); linear: the linear predictor; outcome: "
          "a "
          "new outcome, with its own spread [response]")
      ->type_name("KIND");
  add_positive(*command, "--interval", a->options.interval, "Probability of [lower, upper] [0.9]");
  command->add_option("--offset", a->offset, "Offset as an array (.npy), where --data is one")->type_name("FILE");
  command->add_option("--trials", a->trials, "Trials as an array (.npy), where --data is one")->type_name("FILE");
  command->footer(
      "One row out for each row in; a row with a missing predictor has empty cells.  An offset's column is needed "
      "where the\n"
      "fit had one.\n\n"
      "Example:\n  velbo predict wells.velbo --data new.csv --interval 0.95 --out pred.csv");
  command->callback([&action, a] { action = [a] { return run(*a); }; });
}

}  // namespace velbo::cli
