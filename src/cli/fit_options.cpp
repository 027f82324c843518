#include "cli/fit_options.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "cli/arguments.h"
#include "data/text.h"
#include "velbo/error.h"

namespace velbo::cli {
namespace {

WeightsKind read_weights_kind(const std::string& text) {
  if (text == "frequency") return WeightsKind::frequency;
  if (text == "precision") return WeightsKind::precision;
  throw Error(ErrorCode::argument, "--weights-kind is " + internal::quoted(text) + ", expected frequency or precision");
}

// Names between commas, without the blanks around them.
std::vector<std::string> read_levels(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::size_t first = std::min(text.find_first_not_of(' ', begin), end);
    const std::size_t last = text.find_last_not_of(' ', end == 0 ? 0 : end - 1);
    out.push_back(first == end ? std::string() : text.substr(first, last + 1 - first));
    if (out.back().empty())
      throw Error(ErrorCode::argument,
                  "--levels is " + internal::quoted(text) + ", expected names between commas, as in low,mid,high");
    begin = end + 1;
  }
  return out;
}

// "low_rank:5" names the rank too.
void read_family(const std::string& text, FitOptions& fit) {
  const std::string prefix = std::string(name(FamilyKind::low_rank)) + ":";
  if (!text.starts_with(prefix)) {
    fit.family = parse_family(text);
    return;
  }
  const std::optional<double> rank = internal::parse_number(text.substr(prefix.size()));
  if (!rank || *rank < 1 || *rank > 1e6 || *rank != std::floor(*rank))
    throw Error(ErrorCode::argument,
                "--family is " + internal::quoted(text) + ", expected a whole rank, as in low_rank:5");
  fit.family = FamilyKind::low_rank;
  fit.rank = static_cast<std::int64_t>(*rank);
}

void add_model_options(CLI::App& command, FitArguments& a) {
  command.add_option("FORMULA", a.formula, "Outcome and predictors, as in R: \"y ~ x1 + x2\"")->type_name("");
  command
      .add_option("--data", a.data,
                  "Table with a header (.csv, .tsv), predictors as an array (.npy), or sparse rows with their outcome "
                  "(.libsvm)")
      ->type_name("FILE");
  command.add_option("--target", a.target, "Outcome as an array (.npy), where --data is one")->type_name("FILE");
  add_text(command, "--likelihood", "NAME",
           "gaussian, bernoulli, binomial, poisson, student_t, negative_binomial, gamma, beta, categorical or ordinal "
           "[bernoulli for a two-valued outcome, gaussian for one that is not whole numbers]",
           [&a](const std::string& text) { a.likelihood = parse_likelihood(text); });
  add_text(command, "--levels", "A,B,C",
           "Of the outcome (ordinal: in increasing order; categorical: the reference first) [texts alphabetical, "
           "numbers ascending]",
           [&a](const std::string& text) { a.model.levels = read_levels(text); });
  command.add_option("--weights", a.model.weights, "Column of weights")->type_name("COL");
  add_text(command, "--weights-kind", "KIND",
           "frequency: a row counts that often; precision: its variance is divided by it [frequency]",
           [&a](const std::string& text) { a.model.weights_kind = read_weights_kind(text); });
  command.add_option("--offset", a.model.offset, "Column added to the linear predictor")->type_name("COL");
  command.add_option("--trials", a.model.trials, "Column of numbers of trials (binomial)")->type_name("COL");
  add_text(command, "--prior", "DIST",
           "Of the coefficients: flat, normal(m, s), student_t(df, m, s), cauchy(m, s), laplace(m, s) [normal, scaled "
           "to the data]",
           [&a](const std::string& text) { a.model.prior = Prior::parse(text); });
  add_text(command, "--prior-intercept", "DIST",
           "Of the intercept, and of each of ordinal's cutpoints [normal, scaled to the data]",
           [&a](const std::string& text) { a.model.prior_intercept = Prior::parse(text); });
  add_text(command, "--prior-sigma", "DIST",
           "Of sigma (gaussian, student_t): exponential(rate), gamma(shape, rate), half_normal(s), half_cauchy(s), "
           "half_student_t(df, s) [exponential, scaled to the data]",
           [&a](const std::string& text) { a.model.prior_sigma = Prior::parse(text); });
  add_text(command, "--prior-nu", "DIST", "Of student_t's degrees of freedom [gamma(2, 0.1)]",
           [&a](const std::string& text) { a.model.prior_nu = Prior::parse(text); });
  add_text(command, "--prior-phi", "DIST", "Of phi [exponential(0.1) of negative_binomial, exponential(0.01) of beta]",
           [&a](const std::string& text) { a.model.prior_phi = Prior::parse(text); });
  add_text(command, "--prior-shape", "DIST", "Of gamma's shape [exponential(0.02)]",
           [&a](const std::string& text) { a.model.prior_shape = Prior::parse(text); });
  command.add_flag("--no-intercept", a.model.no_intercept, "As if the formula said -1");
}

void add_method_options(CLI::App& command, FitArguments& a) {
  add_text(command, "--family", "NAME",
           "Of the approximation: mean_field, full_rank, low_rank, low_rank:R or auto [auto: full_rank up to 1,000 "
           "parameters]",
           [&a](const std::string& text) { read_family(text, a.fit); });
  add_text(command, "--engine", "NAME",
           "newton, gradient or auto [auto: newton unless batches or draws are asked for]; of student_t and the "
           "likelihoods after it: natural_gradient, saa or auto [auto: saa where a family is asked for]",
           [&a](const std::string& text) { a.fit.engine = parse_engine(text); });
  const FitOptions defaults;
  add_positive(
      command, "--tolerance", a.fit.tolerance,
      "Distance to the optimum to stop at, in posterior sds [" + internal::format_number(defaults.tolerance) + "]");
  add_whole(command, "--max-steps", a.fit.max_steps, 1, "Most steps [1000; engine gradient: 100000]");
  add_positive(command, "--max-seconds", a.fit.max_seconds, "Most seconds [no limit]");
  add_device(command, a.fit.device);
  add_whole(command, "--threads", a.threads, 0, "0: as many as there are processors [0]", 4096);
  add_text(command, "--scalar", "NAME", "float, double or auto [auto: float where that loses no digits of the data]",
           [&a](const std::string& text) { a.fit.scalar = parse_scalar(text); });
  add_seed(command, a.fit.seed);
  command.add_option("--init", a.init, "Saved fit to start from")->type_name("FIT");
}

void add_gradient_options(CLI::App& command, GradientOptions& g) {
  add_text(command, "--estimator", "NAME",
           "How expectations are taken: weights (draws of the parameters), local (draws of each row's predictor) or "
           "quadrature [quadrature]",
           [&g](const std::string& text) { g.estimator = parse_estimator(text); });
  add_whole(command, "--draws", g.draws, 1,
            "Draws a step, of weights and local [8; a quarter of the parameters of a full-rank family]");
  add_text(command, "--draw-kind", "KIND", "Draws of weights: iid or sobol [iid]",
           [&g](const std::string& text) { g.draw_kind = parse_draw_kind(text); });
  add_text(command, "--entropy", "KIND", "Its gradient, of weights: closed_form or sticking_the_landing [closed_form]",
           [&g](const std::string& text) { g.entropy = parse_entropy_gradient(text); });
  add_whole(command, "--batch-size", g.batch_size, 1, "Rows a step [all up to 8192 rows, else 4096]");
  add_text(command, "--variance-reduction", "KIND",
           "Of batches: anchor (a full gradient each round) or none [anchor where there are batches]",
           [&g](const std::string& text) { g.variance_reduction = parse_variance_reduction(text); });
  add_text(command, "--optimizer", "NAME", "sgd or adam [sgd up to 1,000 parameters]",
           [&g](const std::string& text) { g.optimizer = parse_optimizer(text); });
  add_positive(command, "--learning-rate", g.learning_rate, "In posterior sds [by a rule that needs no tuning]");
  add_whole(command, "--warm-up", g.warm_up_steps, 0, "Steps over which the step size rises [0]");
  command.add_flag("--check-batches", g.check_batches, "First see that batches average to the gradient of all rows");
}

void add_checkpoint_options(CLI::App& command, FitArguments& a) {
  command
      .add_option("--checkpoint", a.fit.checkpoint,
                  "Where the running fit's state goes, at most every 30 s, on Ctrl-C and at the end")
      ->type_name("FILE");
  add_text(command, "--checkpoint-seconds", "X", "Seconds from one state to the next; 0: every step [30]",
           [&a](const std::string& text) {
             const std::optional<double> value = internal::parse_number(text);
             if (!value || !(*value >= 0) || std::isinf(*value))
               throw Error(ErrorCode::argument,
                           "--checkpoint-seconds is " + internal::quoted(text) + ", expected a number, 0 or more");
             a.fit.checkpoint_seconds = *value;
           });
  command.add_option("--resume", a.fit.resume, "State to go on from: the result is that of a fit never interrupted")
      ->type_name("FILE");
}

void add_output_options(CLI::App& command, FitArguments& a) {
  command.add_option("--out", a.out, "Where the fitted posterior goes")->type_name("FIT");
  command
      .add_option("--json", a.json,
                  "Where the summary goes as JSON; -: standard output, and the table to standard error")
      ->type_name("FILE");
  add_text(command, "--progress", "WHEN", "auto: a bar on a terminal; always: lines elsewhere; never [auto]",
           [&a](const std::string& text) { a.progress = parse_progress_mode(text); });
  command.add_flag("--quiet", a.quiet, "Print nothing but errors");
}

}  // namespace

void add_fit_options(CLI::App& command, FitArguments& arguments) {
  command.option_defaults()->group("Model");
  add_model_options(command, arguments);
  command.option_defaults()->group("Method");
  add_method_options(command, arguments);
  command.option_defaults()->group("Stochastic gradients (engine gradient)");
  add_gradient_options(command, arguments.fit.gradient);
  command.option_defaults()->group("Long fits");
  add_checkpoint_options(command, arguments);
  command.option_defaults()->group("Output");
  add_output_options(command, arguments);
}

}  // namespace velbo::cli
