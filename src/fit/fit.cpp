// fit/fit.cpp - the one loop: engines make steps, this decides when to stop and says what came of it.
#include "velbo/fit.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <new>
#include <system_error>

#include "engines/newton.h"
#include "fit/choices.h"
#include "fit/diagnosis.h"
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

std::optional<GaussianPoint> initial_point(const GlmData& data, FamilyKind family, const FitOptions& options) {
  if (!options.init) return std::nullopt;
  const PosteriorState& state = options.init->state();
  if (state.recipe.names != data.recipe.names)
    throw Error(ErrorCode::argument,
                fmt::format("the fit to start from has the parameters {}, expected {}",
                            fmt::join(state.recipe.names, ", "), fmt::join(data.recipe.names, ", ")));
  const Eigen::Index d = data.recipe.n_latents();
  GaussianPoint point{family, Eigen::VectorXd::Map(state.mean.data(), d), {}};
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const bool from_mean_field = state.family.kind() == FamilyKind::mean_field;
  const Eigen::MatrixXd factor = from_mean_field
                                     ? Eigen::MatrixXd(Eigen::VectorXd::Map(state.scale.data(), d).asDiagonal())
                                     : Eigen::MatrixXd(RowMajor::Map(state.scale.data(), d, d));
  if (family == FamilyKind::mean_field) {
    point.factor = factor.rowwise().norm();
  } else {
    point.factor = factor;
  }
  return point;
}

std::unique_ptr<Engine> make_engine(const GlmData& data, const Context& context, const Choices& choices,
                                    const FitOptions& options) {
  auto oracle = choices.scalar == Scalar::float64 ? make_oracle<double>(data, context, choices.family)
                                                  : make_oracle<float>(data, context, choices.family);
  return std::make_unique<NewtonEngine>(data, std::move(oracle), choices.family, options.tolerance,
                                        make_key(options.seed, Purpose::subsample),
                                        initial_point(data, choices.family, options));
}

struct Outcome {
  Status status = Status::max_steps;
  double elbo = 0;
  double seconds_evaluating = 0;
};

// Steps until converged or a limit is met.  Decides between steps only.
Outcome run(Engine& engine, const FitOptions& options, const Stopwatch& watch) {
  const double first_error = 100;  // posterior sds that a start is typically off: for the progress bar alone
  Outcome out;
  while (true) {
    engine.advance(1);
    const EngineReport& report = engine.report();
    bool converged = report.on_all_data && report.error_sd <= options.tolerance;
    if (converged) {
      const Stopwatch evaluating;
      out.elbo = engine.evaluate();
      out.seconds_evaluating += evaluating.seconds();
      converged = report.error_sd <= options.tolerance;  // evaluate() may have stepped back
    }
    const double error = std::clamp(report.error_sd, std::min(options.tolerance, first_error), first_error);
    const StepReport step{
        .step = report.steps,
        .elbo = report.elbo,
        .error_sd = report.error_sd,
        .seconds = watch.seconds(),
        .stage = report.stage,
        .progress = std::log(first_error / error) / std::log(first_error / std::min(options.tolerance, 1.0))};
    const bool cancelled = options.progress && !options.progress(step);
    if (converged) {
      out.status = Status::converged;
      return out;
    }
    if (report.diverged) {
      out.status = Status::diverged;
    } else if (cancelled) {
      out.status = Status::interrupted;
    } else if (report.steps >= options.max_steps || report.stalled) {
      out.status = Status::max_steps;
    } else if (watch.seconds() >= options.max_seconds) {
      out.status = Status::max_seconds;
    } else {
      continue;
    }
    const Stopwatch evaluating;
    out.elbo = engine.evaluate();
    out.seconds_evaluating += evaluating.seconds();
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

Posterior make_posterior(const GlmData& data, const GaussianPoint& point) {
  const GaussianFamily family(point.family, point.dimension());
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
  const GlmData& data = model.data();
  const Choices choices = choose(data, options);
  const Context context(choices.device, options.threads);
  const std::unique_ptr<Engine> engine = make_engine(data, context, choices, options);
  const Outcome outcome = run(*engine, options, watch);
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
      .family = std::string(name(choices.family)),
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
