// fit/fit_model.cpp - fits of models that are known by their log density.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "fit/checkpoint.h"
#include "fit/fit_loop.h"
#include "fit/make_model_engine.h"
#include "fit/summarise.h"
#include "posterior/posterior_state.h"
#include "velbo/error.h"
#include "velbo/fit.h"
#include "velbo/model.h"

namespace velbo {
namespace internal {
namespace {

// Draws of a diagnosis: twice the fit's gradients, which cost a few times as much as values do.
constexpr std::int64_t kLeastDraws = 10000, kMostDraws = 100000;
constexpr double kDrawElements = 2e7;  // 160 MB of draws

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::argument, message); }

// The model's code cannot be compared; its value at one point tells most changes of code and data.
Identity model_identity(const Model& model, const FitOptions& options, const ModelChoices& choices) {
  std::vector<double> z;
  for (std::int64_t i = 0; i < model.n_latents(); ++i) z.push_back(i % 2 == 0 ? 0.1 : -0.1);
  Identity out = {{"model", model.name()},
                  {"parameters", fmt::format("{}", fmt::join(model.parameters().unconstrained_names(), ", "))},
                  {"log joint", fmt::format("{:a}", model.log_joint(z))},
                  {"engine", std::string(name(choices.engine))},
                  {"family", std::string(name(choices.family))},
                  {"rank", std::to_string(choices.rank)},
                  {"draws", std::to_string(options.gradient.draws)},
                  {"seed", std::to_string(options.seed)},
                  {"tolerance", fmt::format("{:a}", options.tolerance)},
                  {"init", options.init ? "given" : "none"}};
  if (choices.engine != EngineKind::gradient) return out;
  out.erase("draws");  // what was chosen
  add_identity(choices.gradient, out);
  return out;
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
  const ModelChoices choices = choose(model, options);
  if (!model.is_differentiated()) {
    // A gradient that somebody wrote is wrong more often than not, and then nothing that follows would say so.
    const GradientCheck checked = check_gradient(model);
    if (!checked.passed)
      refuse(fmt::format("the gradient of \"{}\" is not that of its log density: {}", model.name(), checked.message));
  }
  const Context context(Device{}, options.threads);
  auto density = std::make_unique<ModelDensity>(model, context);
  if (std::isfinite(options.max_seconds))
    density->set_deadline(watch.start() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                              std::chrono::duration<double>(options.max_seconds)));
  const std::unique_ptr<Engine> made = make_engine(std::move(density), context, choices, options);
  Engine& engine = *made;
  const Identity identity =
      options.checkpoint.empty() && options.resume.empty() ? Identity() : model_identity(model, options, choices);
  const Outcome outcome = run(engine, options, choices.max_steps, identity, watch);
  const EngineReport report = engine.report();
  const double fit_seconds = watch.seconds() - outcome.seconds_evaluating;
  Diagnosis diagnosis = no_diagnosis();
  if (outcome.status != Status::diverged && std::isfinite(outcome.elbo))
    diagnosis = diagnose_model(model, engine, context, options);
  Posterior posterior = make_posterior(model, engine.point());

  Summary summary = summarise(outcome, report, diagnosis, options, context, posterior, fit_seconds, watch);
  summary.model.formula = model.name();
  summary.model.likelihood = "log_density";
  summary.model.n_latents = model.n_latents();
  summary.fit.engine = name(choices.engine);
  summary.fit.engine_reason = choices.engine_reason;
  summary.fit.family = family_text(choices.family, choices.rank);
  summary.fit.family_reason = choices.family_reason;
  summary.fit.estimator = choices.estimator;
  summary.fit.device = "cpu";
  summary.fit.device_reason = "models that are known by their log density run on the host";
  summary.fit.scalar = name(Scalar::float64);
  summary.fit.scalar_reason = "log densities are evaluated in double";
  summary.fit.full_passes = static_cast<double>(report.evaluations);
  summary.warnings = engine.findings();
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
