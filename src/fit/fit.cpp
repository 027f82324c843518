// fit/fit.cpp - the one loop: engines make steps, this decides when to stop and says what came of it.
#include "velbo/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <new>
#include <optional>
#include <system_error>

#include "data/feature_store.h"
#include "data/mapped_file.h"
#include "fit/checkpoint.h"
#include "fit/choices.h"
#include "fit/diagnosis.h"
#include "fit/make_engine.h"
#include "models/shuffled_rows.h"
#include "posterior/posterior_state.h"
#include "velbo/error.h"
#include "velbo/version.h"

namespace velbo {
namespace internal {
namespace {

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

struct Outcome {
  Status status = Status::max_steps;
  double elbo = 0;
  double seconds_evaluating = 0;
};

// Writes checkpoints, where they were asked for, at most so often.
class Checkpoints {
 public:
  Checkpoints(const FitOptions& options, std::map<std::string, std::string> identity)
      : path_(options.checkpoint), seconds_(options.checkpoint_seconds), identity_(std::move(identity)) {}
  void write_if_due(const Engine& engine) {
    if (!path_.empty() && since_last_.seconds() >= seconds_) write(engine);
  }
  void write(const Engine& engine) {
    if (path_.empty()) return;
    Checkpoint checkpoint;
    checkpoint.identity = identity_;
    engine.save(checkpoint.state);
    write_checkpoint(path_, checkpoint);
    since_last_ = Stopwatch();
  }

 private:
  std::string path_;
  double seconds_;
  std::map<std::string, std::string> identity_;
  Stopwatch since_last_;
};

StepReport step_report(const EngineReport& report, const FitOptions& options, const Stopwatch& watch) {
  const double first_error = 100;  // posterior sds that a start is typically off: for the progress bar alone
  const double error = std::clamp(report.error_sd, std::min(options.tolerance, first_error), first_error);
  return {.step = report.steps,
          .elbo = report.elbo,
          .error_sd = report.error_sd,
          .seconds = watch.seconds(),
          .stage = report.stage,
          .progress = std::log(first_error / error) / std::log(first_error / std::min(options.tolerance, 1.0))};
}

// Steps until converged or a limit is met.  Decides between steps only.
Outcome run(Engine& engine, const FitOptions& options, std::int64_t max_steps, Checkpoints& checkpoints,
            const Stopwatch& watch) {
  Outcome out;
  const auto evaluate = [&] {
    const Stopwatch evaluating;
    out.elbo = engine.evaluate();
    out.seconds_evaluating += evaluating.seconds();
  };
  const EngineReport& report = engine.report();
  const auto seems_converged = [&] { return report.on_all_data && report.error_sd <= options.tolerance; };
  const bool resumed = report.steps > 0;
  for (bool step = !resumed;; step = true) {  // a resumed fit may have been over
    if (step)
      engine.advance(
          std::clamp<std::int64_t>(engine.steps_at_once(), 1, std::max<std::int64_t>(1, max_steps - report.steps)));
    bool converged = seems_converged() && !report.diverged;
    if (converged) {
      evaluate();
      converged = seems_converged();  // evaluate() may have stepped back
    }
    const bool cancelled = options.progress && !options.progress(step_report(report, options, watch));
    if (converged) {
      out.status = Status::converged;
    } else if (report.diverged) {
      out.status = Status::diverged;
    } else if (cancelled) {
      out.status = Status::interrupted;
    } else if (report.steps >= max_steps || report.stalled) {
      out.status = Status::max_steps;
    } else if (watch.seconds() >= options.max_seconds) {
      out.status = Status::max_seconds;
    } else {
      checkpoints.write_if_due(engine);
      continue;
    }
    checkpoints.write(engine);  // before evaluate(), which may go further than steps do
    if (!converged) evaluate();
    // The last look may find that the steps up to a limit were enough.
    if (out.status == Status::max_steps && !report.stalled && seems_converged()) out.status = Status::converged;
    return out;
  }
}

std::string message_for(const Outcome& outcome, const EngineReport& report, const FitOptions& options) {
  switch (outcome.status) {
    case Status::converged:
      return fmt::format("estimated remaining error {:.2g} posterior sds, tolerance {:.2g}", report.error_sd,
                         options.tolerance);
    case Status::diverged: return report.message;
    case Status::max_steps:
      return fmt::format(
          "stopped after {} steps, about {:.2g} posterior sds from the optimum{}", report.steps, report.error_sd,
          report.stalled || report.error_sd < 1e-3 ? " (rounding allows no better; scalar double does)" : "");
    case Status::max_seconds:
      return fmt::format("stopped after {:.3g} seconds, about {:.2g} posterior sds from the optimum",
                         options.max_seconds, report.error_sd);
    case Status::interrupted:
      return fmt::format("interrupted at step {}, about {:.2g} posterior sds from the optimum", report.steps,
                         report.error_sd);
  }
  return {};
}

void resume(Engine& engine, const std::string& path, const std::map<std::string, std::string>& identity) {
  const Checkpoint checkpoint = read_checkpoint(path);
  require_same(path, checkpoint.identity, identity);
  try {
    engine.load(checkpoint.state);
  } catch (const Error& error) {
    throw Error(error.code(), path + ": " + error.what());
  }
}

Posterior make_posterior(const GlmData& data, const GaussianPoint& point) {
  const GaussianFamily family(point.family, point.dimension(), point.rank());
  std::vector<double> mean(point.mean.begin(), point.mean.end());
  std::vector<double> scale;
  for (Eigen::Index i = 0; i < point.factor.rows(); ++i)
    for (Eigen::Index j = 0; j < point.factor.cols(); ++j) scale.push_back(point.factor(i, j));
  return Posterior(
      std::make_shared<const PosteriorState>(PosteriorState{data.recipe, family, std::move(mean), std::move(scale)}));
}

std::vector<ParameterSummary> summarise_parameters(const Posterior& posterior, const Diagnosis& diagnosis) {
  const auto mean = posterior.mean(), sd = posterior.sd();
  const auto q05 = posterior.quantile(0.05), q25 = posterior.quantile(0.25), q50 = posterior.quantile(0.5),
             q75 = posterior.quantile(0.75), q95 = posterior.quantile(0.95);
  std::vector<ParameterSummary> out;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    ParameterSummary p{.name = posterior.names()[i],
                       .mean = mean[i],
                       .sd = sd[i],
                       .q05 = q05[i],
                       .q25 = q25[i],
                       .q50 = q50[i],
                       .q75 = q75[i],
                       .q95 = q95[i]};
    if (!diagnosis.corrected_mean.empty()) {
      p.corrected_mean = diagnosis.corrected_mean[i];
      p.corrected_sd = diagnosis.corrected_sd[i];
    }
    out.push_back(std::move(p));
  }
  return out;
}

}  // namespace
}  // namespace internal

namespace {

Fit fit_or_throw(const Glm& model, const FitOptions& options) {
  using namespace internal;
  const Stopwatch watch;
  const Choices choices = choose(model.data(), options);
  const Context context(choices.device, options.threads, choices.streamed);
  std::optional<GlmData> shuffled;
  if (choices.shuffled())
    shuffled = with_shuffled_rows(model.data(), make_key(options.seed, Purpose::shuffle), context);
  const GlmData& data = shuffled ? *shuffled : model.data();
  const std::unique_ptr<Engine> engine = make_engine(data, context, choices, options);
  const auto identity = options.checkpoint.empty() && options.resume.empty()
                            ? std::map<std::string, std::string>()
                            : checkpoint_identity(model.data(), options, choices);
  if (!options.resume.empty()) resume(*engine, options.resume, identity);
  Checkpoints checkpoints(options, identity);
  const Outcome outcome = run(*engine, options, choices.max_steps, checkpoints, watch);
  // A file that changed while it was read makes the answer that of no data at all.
  if (const MappedFile* const file = model.data().x.store().file; file != nullptr) file->check_unchanged();
  const EngineReport report = engine->report();
  const double fit_seconds = watch.seconds() - outcome.seconds_evaluating;

  const double nan = std::numeric_limits<double>::quiet_NaN();
  Diagnosis diagnosis{.k_hat = nan,
                      .k_hat_se = nan,
                      .ess = nan,
                      .log_evidence = nan,
                      .n_draws = 0,
                      .method = "none",
                      .corrected_mean = {},
                      .corrected_sd = {}};
  if (outcome.status != Status::diverged && std::isfinite(outcome.elbo))
    diagnosis = diagnose(engine->oracle(), engine->point(), data.recipe.has_sigma(), context, options.diagnostic_draws,
                         make_key(options.seed, Purpose::diagnose));
  Posterior posterior = make_posterior(data, engine->point());

  Summary summary;
  summary.velbo_version = version();
  summary.model = {.formula = model.formula(),
                   .likelihood = std::string(name(model.likelihood())),
                   .likelihood_guessed = model.likelihood_was_guessed(),
                   .n_rows = model.n_rows(),
                   .n_rows_dropped = model.n_rows_dropped(),
                   .n_latents = model.n_latents(),
                   .priors = model.priors()};
  summary.fit = {
      .engine = std::string(name(choices.engine)),
      .engine_reason = choices.engine_reason,
      .family = choices.rank > 0 ? fmt::format("{}:{}", name(choices.family), choices.rank)
                                 : std::string(name(choices.family)),
      .family_reason = choices.family_reason,
      .estimator = choices.estimator,
      .device = to_string(choices.device),
      .device_reason = choices.device_reason,
      .scalar = std::string(name(choices.scalar)),
      .scalar_reason = choices.scalar_reason,
      .threads = context.threads(),
      .seed = options.seed,
      .tolerance = options.tolerance,
      .status = outcome.status,
      .message = message_for(outcome, report, options),
      .steps = report.steps,
      .gradient_evaluations = report.evaluations,
      .rows_read = report.rows_read,
      .rejected_steps = report.rejected_steps,
      .full_passes = static_cast<double>(report.rows_read) / static_cast<double>(model.n_rows()),
      .seconds = {.read = 0, .fit = fit_seconds, .diagnose = watch.seconds() - fit_seconds, .total = watch.seconds()}};
  const bool proper = std::none_of(model.priors().begin(), model.priors().end(),
                                   [](const NamedPrior& p) { return p.prior.kind == Prior::Kind::flat; });
  summary.quality = {.elbo = outcome.elbo,
                     .elbo_se = 0,
                     .k_hat = diagnosis.k_hat,
                     .k_hat_se = diagnosis.k_hat_se,
                     .n_draws = diagnosis.n_draws,
                     .ess = diagnosis.ess,
                     .method = diagnosis.method,
                     .log_evidence = proper ? diagnosis.log_evidence : nan,
                     .error_sd = report.error_sd,
                     .verdict = Verdict::unreliable,
                     .advice = {}};
  summary.warnings = engine->findings();
  if (const auto& labels = model.labels())
    summary.warnings.push_back(
        fmt::format("the outcome's label {} counts as 1, label {} as 0", (*labels)[1], (*labels)[0]));
  summary.parameters = summarise_parameters(posterior, diagnosis);
  judge(summary);
  return {std::move(summary), std::move(posterior)};
}

}  // namespace

Fit fit(const Glm& model, const FitOptions& options) try {
  return fit_or_throw(model, options);
} catch (const std::bad_alloc&) {
  throw Error(ErrorCode::memory,
              fmt::format("out of memory: a fit of {} rows and {} latents", model.n_rows(), model.n_latents()));
} catch (const std::system_error& error) {
  throw Error(ErrorCode::internal, fmt::format("threads could not be started: {}", error.what()));
}

void Fit::save(const std::string& path) const { posterior.save(path, summary.to_json()); }

}  // namespace velbo
