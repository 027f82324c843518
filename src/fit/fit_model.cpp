// fit/fit_model.cpp - fits of models that are known by their log density.
#include "fit/fit_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include "engines/natural_gradient.h"
#include "fit/checkpoint.h"
#include "fit/fit_loop.h"
#include "fit/model_choices.h"
#include "fit/summarise.h"
#include "models/model_state.h"
#include "models/row_model.h"
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

// What constrained parameters are called.
std::vector<std::string> names_of(const Model& model, const Glm* glm) {
  return glm != nullptr ? glm->names() : model.parameters().names();
}

std::optional<GaussianPoint> initial_point(const Model& model, const Glm* glm, const FitOptions& options) {
  if (!options.init) return glm != nullptr ? std::optional(row_model_start(glm->data())) : std::nullopt;
  const PosteriorState& state = options.init->state();
  const bool same = state.parameters() != nullptr &&
                    state.parameters()->parameters() == model.parameters().parameters() &&
                    (glm == nullptr || (state.recipe.likelihood == glm->likelihood() && !state.model));
  if (!same || (glm != nullptr && state.recipe.names != glm->names()))
    refuse(fmt::format("the fit to start from has other parameters or constraints: {}, expected {}",
                       fmt::join(state.recipe.names, ", "), fmt::join(names_of(model, glm), ", ")));
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
Identity model_identity(const Model& model, const FitOptions& options, const ModelChoices& choices) {
  std::vector<double> z;
  for (std::int64_t i = 0; i < model.n_latents(); ++i) z.push_back(i % 2 == 0 ? 0.1 : -0.1);
  return {{"model", model.name()},
          {"parameters", fmt::format("{}", fmt::join(model.parameters().unconstrained_names(), ", "))},
          {"log joint", fmt::format("{:a}", model.log_joint(z))},
          {"engine", std::string(name(choices.engine))},
          {"family", std::string(name(choices.family))},
          {"rank", std::to_string(choices.rank)},
          {"draws", std::to_string(options.gradient.draws)},
          {"seed", std::to_string(options.seed)},
          {"tolerance", fmt::format("{:a}", options.tolerance)},
          {"init", options.init ? "given" : "none"}};
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
  if (glm == nullptr) return;
  out.model.likelihood = name(glm->likelihood());
  out.model.n_rows = glm->n_rows();
  out.model.n_rows_dropped = glm->n_rows_dropped();
  out.model.priors = glm->priors();
  out.fit.rows_read = out.fit.gradient_evaluations * glm->n_rows();
  if (std::any_of(glm->priors().begin(), glm->priors().end(),
                  [](const NamedPrior& p) { return p.prior.kind == Prior::Kind::flat; }))
    out.quality.log_evidence = std::numeric_limits<double>::quiet_NaN();
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

}  // namespace

Fit fit_by_density(const Model& model, const Glm* glm, const FitOptions& options) {
  const Stopwatch watch;
  const ModelChoices choices = choose(model, options);
  if (!model.is_differentiated()) {
    // A gradient that somebody wrote is wrong more often than not, and then nothing that follows would say so.
    const GradientCheck checked = check_gradient(model);
    if (!checked.passed)
      refuse(fmt::format("the gradient of \"{}\" is not that of its log density: {}", model.name(), checked.message));
  }
  const Context context(Device{}, options.threads);
  auto density = std::make_unique<ModelDensity>(model, context, choices.device);
  if (std::isfinite(options.max_seconds))
    density->set_deadline(watch.start() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                              std::chrono::duration<double>(options.max_seconds)));
  NaturalGradientEngine engine(std::move(density), context,
                               {.tolerance = options.tolerance,
                                .draws = options.gradient.draws,
                                .family = choices.family,
                                .rank = choices.rank,
                                .key = make_key(options.seed, Purpose::step)},
                               initial_point(model, glm, options));
  const Identity identity =
      options.checkpoint.empty() && options.resume.empty() ? Identity() : model_identity(model, options, choices);
  const std::int64_t max_steps = options.max_steps > 0 ? options.max_steps : 10000;
  const Outcome outcome = run(engine, options, max_steps, identity, watch);
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
  summary.fit.estimator = "log density at draws";
  const bool in_float = choices.device.kind != DeviceKind::cpu && model.state().device->scalar == VELBO_SCALAR_FLOAT;
  summary.fit.device = to_string(choices.device);
  summary.fit.device_reason = choices.device_reason;
  summary.fit.scalar = name(in_float ? Scalar::float32 : Scalar::float64);
  summary.fit.scalar_reason =
      in_float ? "the model's side on the device is in float" : "log densities are evaluated in double";
  summary.fit.full_passes = static_cast<double>(report.evaluations);
  summary.fit.message = with_names(std::move(summary.fit.message), glm);
  for (std::string& finding : engine.findings()) summary.warnings.push_back(with_names(std::move(finding), glm));
  judge(summary);
  return {std::move(summary), std::move(posterior)};
}

}  // namespace internal

Fit fit(const Model& model, const FitOptions& options) {
  return internal::explaining_failures([&] { return internal::fit_by_density(model, nullptr, options); },
                                       [&] { return fmt::format("a fit of {} latents", model.n_latents()); });
}

}  // namespace velbo
