// cli/mixture_fit.cpp - `velbo mixture fit`.
#include <cmath>
#include <memory>
#include <optional>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/conjugate_options.h"
#include "cli/input.h"
#include "cli/mixture_commands.h"
#include "cli/mixture_data.h"
#include "cli/output.h"
#include "data/text.h"
#include "velbo/error.h"
#include "velbo/gaussian_mixture.h"

namespace velbo::cli {
namespace {

struct Arguments {
  std::string data, columns, weights, prior_mean, prior_scale, start, init, update, out, json, report;
  GaussianMixtureOptions options;
  ConjugateArguments fit;
  bool no_merges = false;
};

// Responsibilities, a row for each row, or means, a row for each component.
void read_start(const Arguments& a, const MixtureInput& input, GaussianMixtureOptions& options) {
  if (a.start.empty()) return;
  NpyArray array = read_npy(a.start);
  if (array.n_rows == input.x.n_rows() && array.n_columns == options.n_components) {
    options.responsibilities = std::move(array.values);
  } else if (array.n_rows == options.n_components && array.n_columns == input.x.n_columns()) {
    options.means = std::move(array.values);
  } else {
    throw Error(ErrorCode::shape, a.start + ": is [" + std::to_string(array.n_rows) + ", " +
                                      std::to_string(array.n_columns) + "], expected responsibilities [" +
                                      std::to_string(input.x.n_rows()) + ", " + std::to_string(options.n_components) +
                                      "] or means [" + std::to_string(options.n_components) + ", " +
                                      std::to_string(input.x.n_columns()) + "]");
  }
}

void check(const Arguments& a) {
  require(a.data, "--data", "it names the table or array to fit to");
  if (!a.out.empty() && a.out == a.json)
    throw Error(ErrorCode::argument, "--out and --json name the same file, " + a.out);
  if (a.out == "-") throw Error(ErrorCode::argument, "--out is -, expected a file: a posterior is not text");
  if (a.update.empty()) return;
  if (!a.start.empty() || !a.init.empty())
    throw Error(ErrorCode::argument, "--update goes on from a fit, so that neither --start nor --init can be given");
  const GaussianMixtureOptions& o = a.options;
  if (o.n_components != 1 || o.covariance != CovarianceKind::full || o.weights_prior != WeightsPrior::dirichlet ||
      o.concentration > 0 || o.prior_kappa > 0 || o.degrees_of_freedom > 0 || o.n_restarts != 1 || o.prune_below > 0 ||
      !a.prior_mean.empty() || !a.prior_scale.empty())
    throw Error(ErrorCode::argument,
                "--update goes on from a fit, whose components and priors stay: leave out --components, --covariance, "
                "--weights-prior, --concentration, --prior-mean, --prior-kappa, --degrees-of-freedom, --prior-scale, "
                "--restarts "
                "and --prune-below");
}

// The columns that were asked for, or those of the fit that is gone on with.
std::vector<std::string> columns_of(const Arguments& a, const std::optional<GaussianMixture>& before) {
  if (!a.columns.empty()) return split_names(a.columns);
  if (before && !is_array(a.data)) return before->names();
  return {};
}

int run(const Arguments& a) {
  check(a);
  for (const std::string* path : {&a.out, &a.report, &a.fit.options.checkpoint}) require_writable(*path);
  std::unique_ptr<Output> json;
  if (!a.json.empty()) json = std::make_unique<Output>(a.json);
  std::optional<GaussianMixture> before;
  if (!a.update.empty() || !a.init.empty()) before = GaussianMixture::load(a.update.empty() ? a.init : a.update);
  const MixtureInput input = read_mixture_input(a.data, columns_of(a, before), a.weights);
  GaussianMixtureOptions options = a.options;
  options.names = input.names;
  options.merges = !a.no_merges;
  if (!a.prior_mean.empty()) options.prior_mean = read_npy(a.prior_mean).values;
  if (!a.prior_scale.empty()) options.prior_scale = read_npy(a.prior_scale).values;
  read_start(a, input, options);
  if (!a.init.empty()) options.init = std::make_shared<const GaussianMixture>(*before);

  const FitWatch watch(a.fit, "row");
  options.fit = watch.options();
  const GaussianMixtureFit result = a.update.empty() ? fit_gaussian_mixture(input.x, options, input.weights)
                                                     : partial_fit(*before, input.x, options.fit, input.weights);
  watch.finish();
  if (!a.out.empty()) result.save(a.out);
  if (!a.report.empty()) write_report(result, input.x, a.report);
  if (json) {
    json->write(result.to_json());
    json->finish();
  }
  if (!a.fit.quiet) {
    if (a.json == "-") {
      write_stderr(result.report());
    } else {
      write_stdout(result.report());
    }
  }
  return result.run.converged() ? success : not_converged;
}

void add_model_options(CLI::App& command, Arguments& a) {
  GaussianMixtureOptions& o = a.options;
  command.add_option("--data", a.data, "Table with a header (.csv, .tsv), or an array (.npy), used where it lies")
      ->type_name("FILE");
  command.add_option("--columns", a.columns, "Columns of the table, with commas between them [all that are numbers]")
      ->type_name("A,B,...");
  command.add_option("--weights", a.weights, "Column of weights, or a .npy file: a row counts that often")
      ->type_name("COL");
  add_whole(command, "--components", o.n_components, 1, "Number of components; of a Dirichlet process at most [1]");
  add_text(command, "--covariance", "KIND", "full, diagonal, tied or spherical [full]",
           [&o](const std::string& text) { o.covariance = parse_covariance_kind(text); });
  add_text(command, "--weights-prior", "NAME", "dirichlet or dirichlet_process [dirichlet]",
           [&o](const std::string& text) { o.weights_prior = parse_weights_prior(text); });
  add_positive(command, "--concentration", o.concentration, "Of that prior [1 / components; of a Dirichlet process 1]");
  command.add_option("--prior-mean", a.prior_mean, "The prior's mean of the components' means (.npy) [the rows' mean]")
      ->type_name("FILE");
  add_positive(command, "--prior-kappa", o.prior_kappa, "Rows that the prior of a mean counts for [0.01]");
  add_positive(command, "--degrees-of-freedom", o.degrees_of_freedom,
               "Of the covariances' prior [features + 2; diagonal and spherical 3]");
  command
      .add_option("--prior-scale", a.prior_scale,
                  "Scale of the covariances' prior (.npy): a matrix, or of diagonal ones a row, of spherical ones a "
                  "number [such that their expectation is the rows' variances]")
      ->type_name("FILE");
}

void add_method_options(CLI::App& command, Arguments& a) {
  add_conjugate_options(command, a.fit, "rows", "Rows a step, of memoized and svi [a twentieth of all]");
  command.option_defaults()->group("Start and moves");
  add_whole(command, "--restarts", a.options.n_restarts, 1, "Starts, of which the best ELBO is kept [1]");
  command.add_option("--start", a.start, "Where to begin (.npy): responsibilities, or means of components [k-means++]")
      ->type_name("FILE");
  command.add_option("--init", a.init, "Saved fit whose responsibilities the fit begins with")->type_name("FIT");
  command.add_option("--update", a.update, "Saved fit that the new rows are added to; its model is taken")
      ->type_name("FIT");
  command.add_flag("--no-merges", a.no_merges, "memoized: no two components become one");
  add_positive(command, "--prune-below", a.options.prune_below,
               "Takes out components of less expected weight, in rows, at the end [none]");
}

void add_output_options(CLI::App& command, Arguments& a) {
  command.add_option("--out", a.out, "Where the fitted mixture goes")->type_name("FIT");
  command
      .add_option("--json", a.json,
                  "Where the summary goes as JSON; -: standard output, and the table to standard error")
      ->type_name("FILE");
  command.add_option("--report", a.report, "Where a page with pictures goes (.html)")->type_name("FILE");
  add_progress_options(command, a.fit);
}

}  // namespace

void add_mixture_fit(CLI::App& mixture, Action& action) {
  CLI::App* command = mixture.add_subcommand("fit", "Fit a Gaussian mixture and print its components");
  auto a = std::make_shared<Arguments>();
  command->option_defaults()->group("Model");
  add_model_options(*command, *a);
  add_method_options(*command, *a);
  command->option_defaults()->group("Output");
  add_output_options(*command, *a);
  command->footer(
      "Exit status: 0 converged; 3 finished, but not converged (results are written); 2 a mistake in the command or "
      "the\n"
      "data; 1 a failure.  Ctrl-C keeps what has been fitted.\n\n"
      "Examples:\n"
      "  velbo mixture fit --data iris.csv --components 3 --out iris.velbo\n"
      "  velbo mixture fit --data X.npy --components 30 --weights-prior dirichlet_process --engine memoized\n"
      "  velbo mixture fit --data more.csv --update iris.velbo --out iris.velbo");
  command->callback([&action, a] { action = [a] { return run(*a); }; });
}

}  // namespace velbo::cli
