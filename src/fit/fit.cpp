// fit/fit.cpp - fits of generalised linear models.
#include "velbo/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "data/feature_store.h"
#include "data/mapped_file.h"
#include "fit/checkpoint.h"
#include "fit/choices.h"
#include "fit/fit_loop.h"
#include "fit/fit_model.h"
#include "fit/make_engine.h"
#include "fit/summarise.h"
#include "models/row_law.h"
#include "models/row_model.h"
#include "models/shuffled_rows.h"
#include "posterior/posterior_state.h"
#include "velbo/error.h"
#include "velbo/version.h"

namespace velbo {
namespace internal {
namespace {

Posterior make_posterior(const GlmData& data, const GaussianPoint& point) {
  const GaussianFamily family(point.family, point.dimension(), point.rank());
  return Posterior(std::make_shared<const PosteriorState>(
      PosteriorState{data.recipe, family, {point.mean.begin(), point.mean.end()}, row_major(point.factor)}));
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
  const std::unique_ptr<GaussianEngine> engine = make_engine(data, context, choices, options);
  const Identity identity = options.checkpoint.empty() && options.resume.empty()
                                ? Identity()
                                : checkpoint_identity(model.data(), options, choices);
  const Outcome outcome = run(*engine, loop_options(options, choices.max_steps), identity, watch);
  // A file that changed while it was read makes the answer that of no data at all.
  if (const MappedFile* const file = model.data().x.store().file; file != nullptr) file->check_unchanged();
  const EngineReport report = engine->report();
  const double fit_seconds = watch.seconds() - outcome.seconds_evaluating;

  Diagnosis diagnosis = no_diagnosis();
  if (outcome.status != Status::diverged && std::isfinite(outcome.elbo)) {
    const auto exp_of_last = [&](RowMajorMatrix& draws) {
      if (data.recipe.has_sigma()) draws.rightCols(1) = draws.rightCols(1).array().exp();
      return std::move(draws);
    };
    diagnosis = diagnose(engine->oracle(), engine->point(), exp_of_last, context, options.diagnostic_draws,
                         make_key(options.seed, Purpose::diagnose));
  }
  Posterior posterior = make_posterior(data, engine->point());

  Summary summary = summarise(outcome, report, diagnosis, options, context, posterior, fit_seconds, watch);
  summary.model = {.formula = model.formula(),
                   .likelihood = std::string(name(model.likelihood())),
                   .likelihood_guessed = model.likelihood_was_guessed(),
                   .n_rows = model.n_rows(),
                   .n_rows_dropped = model.n_rows_dropped(),
                   .n_latents = model.n_latents(),
                   .priors = model.priors()};
  summary.fit.engine = name(choices.engine);
  summary.fit.engine_reason = choices.engine_reason;
  summary.fit.family = family_text(choices.family, choices.rank);
  summary.fit.family_reason = choices.family_reason;
  summary.fit.estimator = choices.estimator;
  summary.fit.device = to_string(choices.device);
  summary.fit.device_reason = choices.device_reason;
  summary.fit.scalar = name(choices.scalar);
  summary.fit.scalar_reason = choices.scalar_reason;
  summary.fit.full_passes = static_cast<double>(report.rows_read) / static_cast<double>(model.n_rows());
  const bool improper = std::any_of(model.priors().begin(), model.priors().end(),
                                    [](const NamedPrior& p) { return p.prior.kind == Prior::Kind::flat; });
  if (improper) summary.quality.log_evidence = std::numeric_limits<double>::quiet_NaN();
  summary.warnings = engine->findings();
  if (const auto& labels = model.labels())
    summary.warnings.push_back(
        fmt::format("the outcome's label {} counts as 1, label {} as 0", (*labels)[1], (*labels)[0]));
  judge(summary);
  return {std::move(summary), std::move(posterior)};
}

}  // namespace

Fit fit(const Glm& model, const FitOptions& options) {
  const bool by_density = internal::row_law(model.likelihood()) != nullptr;
  return internal::explaining_failures(
      [&] {
        if (by_density) return internal::fit_by_density(internal::make_row_model(model.data()), &model, options);
        return fit_or_throw(model, options);
      },
      [&] { return fmt::format("a fit of {} rows and {} latents", model.n_rows(), model.n_latents()); });
}

void Fit::save(const std::string& path) const { posterior.save(path, summary.to_json()); }

}  // namespace velbo
