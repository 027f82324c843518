#include <chrono>
#include <exception>
#include <memory>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/fit_options.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "data/text.h"
#include "velbo/error.h"

namespace velbo::cli {
namespace {

// A LIBSVM file, which brings its own outcome.
bool is_sparse(const FitArguments& a) {
  return is_libsvm(a.data) || (is_unknown(a.data) && a.formula.empty() && a.target.empty() && !a.data.empty());
}

void check(const FitArguments& a) {
  const std::string& path = a.data;
  if (is_sparse(a)) {
    if (!a.formula.empty() || !a.target.empty())
      throw Error(ErrorCode::argument, path +
                                           " is a LIBSVM file, whose first column is the outcome: it takes neither a "
                                           "formula nor --target");
  } else {
    if (a.formula.empty() && a.target.empty())
      require("", "the formula", "for example: velbo fit \"y ~ x1 + x2\" --data table.csv");
    require(a.data, "--data", "it names the table to fit to");
    if (a.target.empty() && is_array(path))
      throw Error(ErrorCode::argument, path + " is an array without column names, so --target must name the outcome");
    if (!a.target.empty() && !a.formula.empty())
      throw Error(ErrorCode::argument,
                  "a formula (" + internal::quoted(a.formula) + ") and --target exclude each other");
    if (!a.target.empty() && (!is_array(path) || !is_array(a.target)))
      throw Error(ErrorCode::argument, "--target needs .npy files, for --data too; for a table give a formula");
  }
  if (!a.out.empty() && a.out == a.json)
    throw Error(ErrorCode::argument, "--out and --json name the same file, " + a.out);
  if (a.out == "-") throw Error(ErrorCode::argument, "--out is -, expected a file: a posterior is not text");
}

Glm model_from_arrays(const FitArguments& a) {
  const List weights(a.model.weights, "--weights"), offset(a.model.offset, "--offset"),
      trials(a.model.trials, "--trials");
  GlmOptions options = a.model;
  options.weights.clear();
  options.offset.clear();
  options.trials.clear();
  GlmArrays arrays;
  arrays.weights = weights.values();
  arrays.offset = offset.values();
  arrays.trials = trials.values();
  if (is_sparse(a)) {
    LibsvmData data = read_libsvm(a.data);
    arrays.x = std::move(data.x);
    arrays.y = data.y;
    arrays.y_holds_labels = true;
    return Glm(a.likelihood, arrays, options);
  }
  const List y(a.target, "--target");
  arrays.x = FeatureMatrix::map_npy(a.data);
  arrays.y = y.values();
  return Glm(a.likelihood, arrays, options);
}

Glm make_model(const FitArguments& a) {
  if (!a.target.empty() || is_sparse(a)) return model_from_arrays(a);
  return Glm(a.formula, a.likelihood, read_table(a.data), a.model);
}

// Every result is tried, whatever becomes of the others; the first error is the one that is told.
class Attempts {
 public:
  template <class Write>
  void add(Write&& write) {
    try {
      write();
    } catch (...) {
      if (!first_) first_ = std::current_exception();
    }
  }
  void finish() const {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::exception_ptr first_;
};

void write_results(const FitArguments& a, const Fit& fit, Output* json) {
  Attempts attempts;
  if (!a.out.empty()) attempts.add([&] { fit.save(a.out); });
  if (json != nullptr)
    attempts.add([&] {
      json->write(fit.summary.to_json());
      json->finish();
    });
  if (!a.quiet)
    attempts.add([&] {
      if (a.json == "-") {
        write_stderr(fit.summary.full_report());
      } else {
        write_stdout(fit.summary.full_report());
      }
    });
  attempts.finish();
}

int run(const FitArguments& arguments) {
  FitArguments a = arguments;
  check(a);
  require_writable(a.out);  // before the work, not after it
  require_writable(a.fit.checkpoint);
  std::unique_ptr<Output> json;
  if (!a.json.empty()) json = std::make_unique<Output>(a.json);
  if (!a.init.empty()) a.fit.init = Posterior::load(a.init);

  const auto start = std::chrono::steady_clock::now();
  const Glm model = make_model(a);
  const double read_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  catch_interrupts(a.quiet);
  Progress progress(a.quiet ? ProgressMode::never : a.progress);
  a.fit.threads = static_cast<int>(a.threads);
  a.fit.progress = [&progress](const StepReport& report) {
    progress.show(report);
    return !is_interrupted();
  };
  Fit result = fit(model, a.fit);
  progress.wipe();
  result.summary.fit.seconds.read = read_seconds;
  result.summary.fit.seconds.total += read_seconds;
  write_results(a, result, json.get());
  const bool usable = result.summary.converged() && result.summary.quality.verdict != Verdict::unreliable;
  return usable ? success : not_converged;
}

}  // namespace

void add_fit(CLI::App& program, Action& action) {
  CLI::App* command =
      program.add_subcommand("fit", "Fit a regression to a table, arrays or sparse rows and print the posterior");
  auto arguments = std::make_shared<FitArguments>();
  add_fit_options(*command, *arguments);
  command->footer(
      "Exit status: 0 converged; 3 finished, but not converged or unreliable (results are written); 2 a mistake in "
      "the\n"
      "command or the data; 1 a failure.  Ctrl-C keeps what has been fitted.\n\n"
      "Examples:\n"
      "  velbo fit \"switch ~ distance + arsenic\" --data wells.csv --out wells.velbo\n"
      "  velbo fit \"deaths ~ age + smoke\" --data d.csv --likelihood poisson --offset log_pyears --prior \"normal(0, "
      "2.5)\"\n"
      "  velbo fit --data X.npy --target y.npy --json -\n"
      "  velbo fit --data a9a.libsvm");
  command->callback([&action, arguments] { action = [arguments] { return run(*arguments); }; });
}

}  // namespace velbo::cli
