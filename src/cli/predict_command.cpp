#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

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

// Of row i.
struct Cells {
  std::vector<double> numbers;
  std::string most_probable;  // a level; "" where the row is not complete
};

// Statistic by statistic: mean, sd, lower, upper, and within each level by level.
std::vector<std::string> header_of(const Predictions& predictions, bool names_the_most_probable) {
  std::vector<std::string> out;
  for (const char* const statistic : {"mean", "sd", "lower", "upper"}) {
    if (predictions.levels.empty()) out.emplace_back(statistic);
    for (const std::string& level : predictions.levels) out.push_back(std::string(statistic) + "[" + level + "]");
  }
  if (names_the_most_probable) out.emplace_back("most_probable");
  return out;
}

Cells cells_of(const Predictions& predictions, std::size_t i) {
  const std::size_t width = std::max<std::size_t>(1, predictions.levels.size());
  Cells out;
  for (const std::vector<double>* statistic :
       {&predictions.mean, &predictions.sd, &predictions.lower, &predictions.upper})
    for (std::size_t c = 0; c < width; ++c) out.numbers.push_back((*statistic)[i * width + c]);
  const auto end = out.numbers.begin() + static_cast<std::ptrdiff_t>(width);
  if (!predictions.levels.empty() && !std::isnan(out.numbers[0]))
    out.most_probable =
        predictions.levels[static_cast<std::size_t>(std::max_element(out.numbers.begin(), end) - out.numbers.begin())];
  return out;
}

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

int run(const Arguments& a) {
  require(a.fit, "the fit", "for example: velbo predict wells.velbo --data new.csv --out pred.csv");
  require(a.data, "--data", "it names the table of new rows");
  require_writable(a.out);  // before the work, not after it
  const Predictions predictions = predict(a, Posterior::load(a.fit));
  const std::size_t width = std::max<std::size_t>(1, predictions.levels.size()), n = predictions.mean.size() / width;
  if (is_array(a.out)) {
    std::vector<double> values;
    values.reserve(4 * width * n);
    for (std::size_t i = 0; i < n; ++i)
      for (const double value : cells_of(predictions, i).numbers) values.push_back(value);
    write_npy(a.out, values, static_cast<std::int64_t>(n), static_cast<std::int64_t>(4 * width));
    return success;
  }
  const bool names_the_most_probable = !predictions.levels.empty() && a.options.kind != PredictionKind::linear;
  CsvWriter csv(a.out, header_of(predictions, names_the_most_probable));
  for (std::size_t i = 0; i < n; ++i) {
    const Cells cells = cells_of(predictions, i);
    if (names_the_most_probable) {
      csv.row(cells.numbers, cells.most_probable);
    } else {
      csv.row(cells.numbers);
    }
  }
  csv.finish();
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
      "fit had one.  Of categorical and ordinal there are columns for each level, mean[LEVEL] and so on, and\n"
      "most_probable (but for --kind linear, and not in arrays).\n\n"
      "Example:\n  velbo predict wells.velbo --data new.csv --interval 0.95 --out pred.csv");
  command->callback([&action, a] { action = [a] { return run(*a); }; });
}

}  // namespace velbo::cli
