// fit/fit_model.cpp - fits of models that are known by their log density.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "engines/natural_gradient.h"
#include "fit/checkpoint.h"
#include "fit/choices.h"
#include "fit/fit_loop.h"
#include "posterior/posterior_state.h"
#include "velbo/error.h"
#include "velbo/fit.h"
#include "velbo/model.h"
#include "velbo/version.h"

namespace velbo {
namespace internal {
namespace {

// Draws of a diagnosis: twice the fit's gradients, which cost a few times as much as values do.
constexpr std::int64_t kLeastDraws = 10000, kMostDraws = 100000;
constexpr double kDrawElements = 2e7;  // 160 MB of draws
constexpr std::int64_t kFullRankMost = 5000;

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::argument, message); }

// A saa without a family is the one that it is there for.
FamilyKind chosen_family(const FitOptions& options) {
  if (options.family != FamilyKind::automatic) return options.family;
  return options.engine == EngineKind::saa ? FamilyKind::mean_field : FamilyKind::full_rank;
}

EngineKind chosen_engine(const FitOptions& options) {
  if (options.engine != EngineKind::automatic) return options.engine;
  return chosen_family(options) == FamilyKind::full_rank ? EngineKind::natural_gradient : EngineKind::saa;
}

std::int64_t chosen_rank(const Model& model, const FitOptions& options) {
  if (options.family != FamilyKind::low_rank) return 0;
  const auto root = static_cast<std::int64_t>(std::sqrt(static_cast<double>(model.n_latents())));
  return options.rank > 0 ? options.rank : std::clamp<std::int64_t>(root, 1, 20);
}

void check_choices(const Model& model, const FitOptions& options) {
  check_options(options);
  if (options.engine == EngineKind::newton || options.engine == EngineKind::gradient)
    refuse(fmt::format(
        "engine is \"{}\", expected \"natural_gradient\", \"saa\" or \"auto\" for \"{}\", which is known by its "
        "log density alone",
        name(options.engine), model.name()));
  const bool full_rank = options.family == FamilyKind::automatic || options.family == FamilyKind::full_rank;
  if (options.engine == EngineKind::natural_gradient && !full_rank)
    refuse(fmt::format(
        "family is \"{}\", expected \"full_rank\" or \"auto\" for the engine natural_gradient; saa fits the others",
        name(options.family)));
  if (options.rank > 0 && options.family != FamilyKind::low_rank)
    refuse(fmt::format("a rank was given, but family {} has none; low_rank has", name(chosen_family(options))));
  if (options.rank > model.n_latents())
    refuse(fmt::format("rank is {}, expected at most the {} latents", options.rank, model.n_latents()));
  if (options.scalar == Scalar::float32)
    refuse("scalar is \"float\", expected \"double\" or \"auto\": log densities are evaluated in double");
  if (options.gradient.batch_size > 0)
    refuse("a batch size was given, but a model that is known by its log density has no rows to take some of");
  if (options.device && options.device->kind != DeviceKind::cpu)
    throw Error(ErrorCode::device,
                fmt::format("device is {}, expected cpu: models that are known by their log density run "
                            "on the host",
                            to_string(*options.device)));
  if (model.n_latents() > kFullRankMost)
    refuse(fmt::format("\"{}\" has {} latents, expected at most {} for a full-rank Gaussian", model.name(),
                       model.n_latents(), kFullRankMost));
}

std::optional<GaussianPoint> initial_point(const Model& model, const FitOptions& options) {
  if (!options.init) return std::nullopt;
  const PosteriorState& state = options.init->state();
  if (!state.model || state.model->parameters.parameters() != model.parameters().parameters())
    refuse(fmt::format("the fit to start from has other parameters or constraints: {}, expected {}",
                       fmt::join(state.recipe.names, ", "), fmt::join(model.parameters().names(), ", ")));
  const auto d = static_cast<Eigen::Index>(model.n_latents());
  GaussianPoint out{FamilyKind::full_rank, Eigen::VectorXd::Map(state.mean.data(), d), {}};
  if (state.family.kind() == FamilyKind::full_rank) {
    out.factor = RowMajorMatrix::Map(state.scale.data(), d, d);
    return out;
  }
  const std::vector<double> covariance = options.init->unconstrained_covariance();
  const Eigen::LLT<Eigen::MatrixXd> cholesky(Eigen::MatrixXd::Map(covariance.data(), d, d));
  if (cholesky.info() != Eigen::Success) refuse("the fit to start from has a covariance that is not positive definite");
  out.factor = cholesky.matrixL();
  return out;
}

// The model's code cannot be compared; its value at one point tells most changes of code and data.
Identity model_identity(const Model& model, const FitOptions& options) {
  std::vector<double> z;
  for (std::int64_t i = 0; i < model.n_latents(); ++i) z.push_back(i % 2 == 0 ? 0.1 : -0.1);
  return {{"model", model.name()},
          {"parameters", fmt::format("{}", fmt::join(model.parameters().unconstrained_names(), ", "))},
          {"log joint", fmt::format("{:a}", model.log_joint(z))},
          {"engine", std::string(name(chosen_engine(options)))},
          {"family", std::string(name(chosen_family(options)))},
          {"rank", std::to_string(chosen_rank(model, options))},
          {"draws", std::to_string(options.gradient.draws)},
          {"seed", std::to_string(options.seed)},
          {"tolerance", fmt::format("{:a}", options.tolerance)},
          {"init", options.init ? "given" : "none"}};
}

Posterior make_posterior(const Model& model, const GaussianPoint& point) {
  GlmRecipe recipe;
  recipe.names = model.parameters().names();
  return Posterior(std::make_shared<const PosteriorState>(
      PosteriorState{std::move(recipe),
                     GaussianFamily(point.family, point.dimension(), point.rank()),
                     {point.mean.begin(), point.mean.end()},
                     row_major(point.factor),
                     ModelRecipe{model.name(), model.parameters()}}));
}

Diagnosis diagnose_model(const Model& model, Engine& engine, const Context& context, const FitOptions& options) {
  const auto d = static_cast<std::size_t>(model.n_latents());
  const auto n = static_cast<std::size_t>(model.parameters().n_constrained());
  const auto constrain = [&](RowMajorMatrix& draws) {
    RowMajorMatrix theta(draws.rows(), static_cast<Eigen::Index>(n));
    for (Eigen::Index s = 0; s < draws.rows(); ++s)
      model.parameters().constrain({draws.row(s).data(), d}, {theta.row(s).data(), n});
    return theta;
  };
  const auto most = static_cast<std::int64_t>(std::min<double>(kMostDraws, kDrawElements / static_cast<double>(d)));
  const std::int64_t draws = options.diagnostic_draws > 0
                                 ? options.diagnostic_draws
                                 : std::clamp(2 * engine.report().evaluations, std::min(kLeastDraws, most), most);
  try {
    return diagnose(engine.oracle(), engine.point(), constrain, context, draws,
                    make_key(options.seed, Purpose::diagnose));
  } catch (const OutOfTime&) {
    return no_diagnosis();
  }
}

Fit fit_or_throw(const Model& model, const FitOptions& options) {
  const Stopwatch watch;
  check_choices(model, options);
  if (!model.is_differentiated()) {
    // A gradient that somebody wrote is wrong more often than not, and then nothing that follows would say so.
    const GradientCheck checked = check_gradient(model);
    if (!checked.passed)
      refuse(fmt::format("the gradient of \"{}\" is not that of its log density: {}", model.name(), checked.message));
  }
  const FamilyKind family = chosen_family(options);
  const std::int64_t rank = chosen_rank(model, options);
  const Context context(Device{}, options.threads);
  auto density = std::make_unique<ModelDensity>(model, context);
  if (std::isfinite(options.max_seconds))
    density->set_deadline(watch.start() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                              std::chrono::duration<double>(options.max_seconds)));
  NaturalGradientEngine engine(std::move(density), context,
                               {.tolerance = options.tolerance,
                                .draws = options.gradient.draws,
                                .family = family,
                                .rank = rank,
                                .key = make_key(options.seed, Purpose::step)},
                               initial_point(model, options));
  const Identity identity =
      options.checkpoint.empty() && options.resume.empty() ? Identity() : model_identity(model, options);
  const std::int64_t max_steps = options.max_steps > 0 ? options.max_steps : 10000;
  const Outcome outcome = run(engine, options, max_steps, identity, watch);
  const EngineReport report = engine.report();
  const double fit_seconds = watch.seconds() - outcome.seconds_evaluating;
  Diagnosis diagnosis = no_diagnosis();
  if (outcome.status != Status::diverged && std::isfinite(outcome.elbo))
    diagnosis = diagnose_model(model, engine, context, options);
  Posterior posterior = make_posterior(model, engine.point());

  Summary summary;
  summary.velbo_version = version();
  summary.model.formula = model.name();
  summary.model.likelihood = "log_density";
  summary.model.n_latents = model.n_latents();
  summary.fit = {
      .engine = std::string(name(chosen_engine(options))),
      .engine_reason = options.engine != EngineKind::automatic ? "asked for"
                       : family == FamilyKind::full_rank       ? "the model is known by its log density"
                                                         : fmt::format("the {} family was asked for", name(family)),
      .family = rank > 0 ? fmt::format("{}:{}", name(family), rank) : std::string(name(family)),
      .family_reason = options.family != FamilyKind::automatic ? "asked for"
                       : family == FamilyKind::full_rank
                           ? fmt::format("{} latents, at most {}", model.n_latents(), kFullRankMost)
                           : "what the engine saa is for",
      .estimator = "log density at draws",
      .device = "cpu",
      .device_reason = "models that are known by their log density run on the host",
      .scalar = std::string(name(Scalar::float64)),
      .scalar_reason = "log densities are evaluated in double",
      .threads = context.threads(),
      .seed = options.seed,
      .tolerance = options.tolerance,
      .status = outcome.status,
      .message = message_for(outcome, report, options),
      .steps = report.steps,
      .gradient_evaluations = report.evaluations,
      .rows_read = 0,
      .rejected_steps = report.rejected_steps,
      .full_passes = static_cast<double>(report.evaluations),
      .seconds = {.read = 0, .fit = fit_seconds, .diagnose = watch.seconds() - fit_seconds, .total = watch.seconds()}};
  summary.quality = {.elbo = outcome.elbo,
                     .elbo_se = report.elbo_se,
                     .k_hat = diagnosis.k_hat,
                     .k_hat_se = diagnosis.k_hat_se,
                     .n_draws = diagnosis.n_draws,
                     .ess = diagnosis.ess,
                     .method = diagnosis.method,
                     .log_evidence = diagnosis.log_evidence,
                     .error_sd = report.error_sd,
                     .verdict = Verdict::unreliable,
                     .advice = {}};
  summary.warnings = engine.findings();
  summary.parameters = summarise_parameters(posterior, diagnosis);
  judge(summary);
  return {std::move(summary), std::move(posterior)};
}

}  // namespace
}  // namespace internal

Fit fit(const Model& model, const FitOptions& options) {
  return internal::explaining_failures([&] { return internal::fit_or_throw(model, options); },
                                       [&] { return fmt::format("a fit of {} latents", model.n_latents()); });
}

}  // namespace velbo
