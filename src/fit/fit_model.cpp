// fit/fit_model.cpp - fits of models that are known by their log density.
#include "fit/fit_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <span>

#include "corrections/linear_response.h"
#include "engines/model_findings.h"
#include "fit/checkpoint.h"
#include "fit/fit_loop.h"
#include "fit/make_model_engine.h"
#include "fit/summarise.h"
#include "models/model_state.h"
#include "models/row_model.h"
#include "posterior/latent_draws.h"
#include "posterior/posterior_state.h"
#include "velbo/error.h"
#include "velbo/fit.h"
#include "velbo/model.h"

namespace velbo {
namespace internal {
namespace {

// Draws of a diagnosis: twice the fit's gradients, which cost a few times as much as values do.
constexpr std::int64_t kLeastDraws = 10000, kMostDraws = 100000;
constexpr double kDrawElements = 2e7;    // 160 MB of draws
constexpr std::uint64_t kResponse = 16;  // keeps the noise of the linear response from the diagnosis's

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
                  {"restarts", std::to_string(options.restarts)},
                  {"pathfinder", options.pathfinder ? "yes" : "no"},
                  {"init", options.init ? "given" : "none"}};
  if (choices.engine != EngineKind::gradient) return out;
  out.erase("draws");  // what was chosen
  add_identity(choices.gradient, out);
  return out;
}

// A gradient that somebody wrote is wrong more often than not, and then nothing that follows would say so.  Where the fit starts it may
// be another than near z = 0: another branch, another scale.
void check_own_gradient(const Model& model, const std::optional<Posterior>& init) {
  const auto check = [&](std::span<const double> z) {
    const GradientCheck checked = check_gradient(model, z);
    if (!checked.passed)
      refuse(fmt::format("the gradient of \"{}\" is not that of its log density: {}", model.name(), checked.message));
  };
  check({});
  if (init) require_parameters_of(model, *init, "the fit to start from");
  const Eigen::VectorXd start = init ? Eigen::VectorXd::Map(init->unconstrained_mean().data(), model.n_latents())
                                     : standard_mean(model.parameters());
  const std::span<const double> z(start.data(), static_cast<std::size_t>(start.size()));
  // Where it is not finite the fit itself says so, and more.
  std::vector<double> gradient(z.size());
  if (!std::isfinite(model.log_joint(z, gradient))) return;
  if (Eigen::VectorXd::Map(gradient.data(), start.size()).allFinite()) check(z);
}

Posterior make_posterior(const Model& model, const Glm* glm, const GaussianPoint& point) {
  PosteriorState state{{},
                       GaussianFamily(point.family, point.dimension(), point.rank()),
                       {point.mean.begin(), point.mean.end()},
                       row_major(point.factor)};
  if (glm != nullptr) {
    state.recipe = glm->data().recipe;
    state.of_formula = model.parameters();
  } else {
    state.recipe.names = model.parameters().names();
    state.model = ModelRecipe{model.name(), model.parameters()};
  }
  return Posterior(std::make_shared<const PosteriorState>(std::move(state)));
}

// Messages of engines name a formula's coefficients by their places: "beta[2]".
std::string with_names(std::string text, const Glm* glm) {
  if (glm == nullptr) return text;
  for (std::int64_t i = glm->data().recipe.n_coefficients(); i > 0; --i) {
    const std::string place = fmt::format("beta[{}]", i);
    const std::string& name = glm->names()[static_cast<std::size_t>(i - 1)];
    for (std::size_t at = 0; (at = text.find(place, at)) != std::string::npos; at += name.size())
      text.replace(at, place.size(), name);
  }
  return text;
}

void describe(const Model& model, const Glm* glm, Summary& out) {
  out.model.formula = model.name();
  out.model.likelihood = "log_density";
  out.model.n_latents = model.n_latents();
  out.model.n_rows = model.n_rows();
  if (glm == nullptr) return;
  out.model.likelihood = name(glm->likelihood());
  out.model.n_rows = glm->n_rows();
  out.model.n_rows_dropped = glm->n_rows_dropped();
  out.model.priors = glm->priors();
  out.model.levels = glm->levels();
  out.fit.rows_read = out.fit.gradient_evaluations * glm->n_rows();
  if (std::any_of(glm->priors().begin(), glm->priors().end(),
                  [](const NamedPrior& p) { return p.prior.kind == Prior::Kind::flat; }))
    out.quality.log_evidence = std::numeric_limits<double>::quiet_NaN();
}

Diagnosis diagnose_model(const Model& model, GaussianEngine& engine, const Context& context,
                         const FitOptions& options) {
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

// The sds that a mean-field family leaves too small, where they can be had for twice the fit's gradients and a check confirms them.
void add_linear_response(const GaussianEngine& engine, ModelDensity& density, const Context& context,
                         const FitOptions& options, const Posterior& posterior, Summary& summary) {
  constexpr double kShare = 2;
  const GaussianPoint& point = engine.point();
  if (point.family != FamilyKind::mean_field || !summary.converged()) return;
  const std::int64_t draws = default_response_draws(point.dimension());
  const double gradients = 2 * static_cast<double>(point.dimension()) * static_cast<double>(draws);
  if (gradients > kShare * static_cast<double>(engine.report().evaluations)) return;
  try {
    const LinearResponse response =
        linear_response(density, posterior, draws, LinearResponseOptions().check_draws,
                        fold_in(make_key(options.seed, Purpose::diagnose), kResponse), context);
    summary.quality.linear_response_k_hat = response.k_hat;
    for (std::size_t i = 0; i < response.sd.size(); ++i) summary.parameters[i].linear_response_sd = response.sd[i];
  } catch (const OutOfTime&) {  // then there are none
  }
}

}  // namespace

Fit fit_by_density(const Model& model, const Glm* glm, const FitOptions& options) {
  const Stopwatch watch;
  const ModelChoices choices = choose(model, options);
  if (!model.is_differentiated() && options.check_gradient) check_own_gradient(model, options.init);
  const Context context(Device{}, options.threads);
  auto density = std::make_unique<ModelDensity>(model, context, choices.device);
  ModelDensity& asked = *density;
  if (std::isfinite(options.max_seconds))
    density->set_deadline(watch.start() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                              std::chrono::duration<double>(options.max_seconds)));
  const std::unique_ptr<GaussianEngine> made = make_engine(std::move(density), context, choices, options, glm);
  GaussianEngine& engine = *made;
  const Identity identity =
      options.checkpoint.empty() && options.resume.empty() ? Identity() : model_identity(model, options, choices);
  const Outcome outcome = run(engine, loop_options(options, choices.max_steps), identity, watch);
  const EngineReport report = engine.report();
  const double fit_seconds = watch.seconds() - outcome.seconds_evaluating;
  Diagnosis diagnosis = no_diagnosis();
  if (outcome.status != Status::diverged && std::isfinite(outcome.elbo))
    diagnosis = diagnose_model(model, engine, context, options);
  Posterior posterior = make_posterior(model, glm, engine.point());

  Summary summary = summarise(outcome, report, diagnosis, options, context, posterior, fit_seconds, watch);
  describe(model, glm, summary);
  summary.fit.engine = name(choices.engine);
  summary.fit.engine_reason = choices.engine_reason;
  summary.fit.family = family_text(choices.family, choices.rank);
  summary.fit.family_reason = choices.family_reason;
  summary.fit.estimator = choices.estimator;
  const bool in_float = choices.device.kind != DeviceKind::cpu && model.state().device->scalar == VELBO_SCALAR_FLOAT;
  summary.fit.device = to_string(choices.device);
  summary.fit.device_reason = choices.device_reason;
  summary.fit.scalar = name(in_float ? Scalar::float32 : Scalar::float64);
  summary.fit.scalar_reason =
      in_float ? "the model's side on the device is in float" : "log densities are evaluated in double";
  summary.fit.full_passes = static_cast<double>(report.evaluations);
  for (const StartReport& start : report.starts)
    summary.fit.starts.push_back({start.elbo, start.elbo_se, start.same_optimum});
  summary.fit.best_start = report.best_start;
  summary.fit.message = with_names(std::move(summary.fit.message), glm);
  for (std::string& finding : engine.findings()) summary.warnings.push_back(with_names(std::move(finding), glm));
  if (glm == nullptr) add_linear_response(engine, asked, context, options, posterior, summary);
  summary.fit.seconds.total = watch.seconds();
  summary.fit.seconds.diagnose = summary.fit.seconds.total - fit_seconds;
  judge(summary);
  return {std::move(summary), std::move(posterior)};
}

}  // namespace internal

Fit fit(const Model& model, const FitOptions& options) {
  return internal::explaining_failures([&] { return internal::fit_by_density(model, nullptr, options); },
                                       [&] { return fmt::format("a fit of {} latents", model.n_latents()); });
}

}  // namespace velbo
