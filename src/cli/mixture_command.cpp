// cli/mixture_command.cpp - `velbo mixture`, and what of it needs a fitted mixture.
#include <algorithm>
#include <memory>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/mixture_commands.h"
#include "cli/mixture_data.h"
#include "cli/output.h"
#include "data/feature_store.h"
#include "velbo/error.h"
#include "velbo/gaussian_mixture.h"

namespace velbo::cli {
namespace {

struct PredictArguments {
  std::string fit, data, columns, out = "-";
  std::int64_t threads = 0;
};

// Rows begin .. end - 1, where they lie.
FeatureMatrix slice(const FeatureMatrix& x, std::int64_t begin, std::int64_t end) {
  const internal::FeatureStore& s = x.store();
  if (s.element == internal::Element::float32)
    return FeatureMatrix::borrow(
        MatrixView<const float>{static_cast<const float*>(s.x) + begin * s.stride, end - begin, s.n_columns, s.stride});
  return FeatureMatrix::borrow(
      MatrixView<const double>{static_cast<const double*>(s.x) + begin * s.stride, end - begin, s.n_columns, s.stride});
}

// Calls write(row of label, log density, responsibilities) for each row.
template <class Write>
void predict_rows(const GaussianMixture& mixture, const FeatureMatrix& x, int threads, const Write& write) {
  constexpr std::int64_t kBlock = 65536;
  const auto k = static_cast<std::ptrdiff_t>(mixture.n_components());
  std::vector<double> row(static_cast<std::size_t>(k) + 2);
  for (std::int64_t begin = 0; begin < x.n_rows(); begin += kBlock) {
    const FeatureMatrix rows = slice(x, begin, std::min(x.n_rows(), begin + kBlock));
    const std::vector<double> r = mixture.responsibilities(rows, threads), density = mixture.log_density(rows, threads);
    for (std::ptrdiff_t n = 0; n < rows.n_rows(); ++n) {
      const auto mine = r.begin() + n * k;
      row[0] = static_cast<double>(std::max_element(mine, mine + k) - mine + 1);
      row[1] = density[static_cast<std::size_t>(n)];
      std::copy_n(mine, k, row.begin() + 2);
      write(row);
    }
  }
}

int predict(const PredictArguments& a) {
  require(a.fit, "the fit", "for example: velbo mixture predict iris.velbo --data new.csv --out labels.csv");
  require(a.data, "--data", "it names the table of new rows");
  require_writable(a.out);
  const GaussianMixture mixture = GaussianMixture::load(a.fit);
  std::vector<std::string> columns = a.columns.empty() ? mixture.names() : split_names(a.columns);
  if (is_array(a.data)) columns = {};
  const MixtureInput input = read_mixture_input(a.data, columns, "");
  if (is_array(a.out)) {
    std::vector<double> values;
    predict_rows(mixture, input.x, static_cast<int>(a.threads),
                 [&](const std::vector<double>& row) { values.insert(values.end(), row.begin(), row.end()); });
    write_npy(a.out, values, input.x.n_rows(), mixture.n_components() + 2);
    return success;
  }
  std::vector<std::string> header = {"component", "log_density"};
  for (std::int64_t k = 1; k <= mixture.n_components(); ++k) header.push_back("r" + std::to_string(k));
  CsvWriter csv(a.out, header);
  predict_rows(mixture, input.x, static_cast<int>(a.threads), [&](const std::vector<double>& row) { csv.row(row); });
  csv.finish();
  return success;
}

void add_mixture_predict(CLI::App& mixture, Action& action) {
  CLI::App* command = mixture.add_subcommand("predict", "The component, log density and responsibilities of new rows");
  auto a = std::make_shared<PredictArguments>();
  command->add_option("FIT", a->fit, "Saved mixture")->type_name("");
  command->add_option("--data", a->data, "Table of new rows, or an array (.npy)")->type_name("FILE");
  command->add_option("--columns", a->columns, "Columns that are the mixture's features [those of the fit]")
      ->type_name("A,B,...");
  command->add_option("--out", a->out, "Where it goes, .csv or .npy [-: standard output, as CSV]")->type_name("FILE");
  add_whole(*command, "--threads", a->threads, 0, "0: as many as there are processors [0]", 4096);
  command->footer(
      "One row out for each row in: the most probable component, counted from 1, the log of the posterior predictive\n"
      "density, and the probability of each component.\n\n"
      "Example:\n  velbo mixture predict iris.velbo --data new.csv --out labels.csv");
  command->callback([&action, a] { action = [a] { return predict(*a); }; });
}

struct SummaryArguments {
  std::string fit, json;
};

int summarise(const SummaryArguments& a) {
  require(a.fit, "the fit", "for example: velbo mixture summary iris.velbo");
  std::unique_ptr<Output> json;
  if (!a.json.empty()) json = std::make_unique<Output>(a.json);
  const GaussianMixture mixture = GaussianMixture::load(a.fit);
  if (json) {
    const std::string text = GaussianMixture::load_run_json(a.fit);
    if (text.empty()) throw Error(ErrorCode::file, a.fit + ": holds a mixture, but no summary of its fit");
    json->write(text);
    json->finish();
  }
  if (a.json != "-") write_stdout(mixture.report());
  return success;
}

void add_mixture_summary(CLI::App& mixture, Action& action) {
  CLI::App* command = mixture.add_subcommand("summary", "Print the components of a saved mixture again");
  auto a = std::make_shared<SummaryArguments>();
  command->add_option("FIT", a->fit, "Saved mixture")->type_name("");
  command->add_option("--json", a->json, "Where the summary goes as JSON; -: standard output, instead of the table")
      ->type_name("FILE");
  command->footer("Example:\n  velbo mixture summary iris.velbo --json -");
  command->callback([&action, a] { action = [a] { return summarise(*a); }; });
}

}  // namespace

void add_mixture(CLI::App& program, Action& action) {
  CLI::App* command = program.add_subcommand("mixture", "Gaussian mixtures: fit, predict, summary");
  command->footer("velbo mixture COMMAND --help tells more about a command.");
  add_mixture_fit(*command, action);
  add_mixture_predict(*command, action);
  add_mixture_summary(*command, action);
  command->callback([&action] {
    if (!action)
      action = []() -> int {
        throw Error(ErrorCode::argument,
                    "no command is given: velbo mixture fit, predict or summary (velbo mixture --help)");
      };
  });
}

}  // namespace velbo::cli
