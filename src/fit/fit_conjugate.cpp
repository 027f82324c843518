// fit/fit_conjugate.cpp
#include "fit/fit_conjugate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "engines/conjugate_engine.h"
#include "fit/checkpoint.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kMostPasses = 1000, kMostPassesOfSvi = 20;

void require(bool sound, const char* what, double value, const char* expected) {
  if (!sound) throw Error(ErrorCode::argument, fmt::format("{} is {}, expected {}", what, value, expected));
}

std::unique_ptr<ConjugateEngineBase> make_engine(ConjugateModel& model, std::vector<double> statistics,
                                                 const ConjugateOptions& options) {
  const ConjugateSettings settings{options.batch_size, options.delay, options.forgetting, options.seed,
                                   std::max(1e-3, options.tolerance)};
  switch (options.engine) {
    case ConjugateEngine::svi: return std::make_unique<Svi>(model, std::move(statistics), settings);
    case ConjugateEngine::memoized: return std::make_unique<Memoized>(model, std::move(statistics), settings);
    default: return std::make_unique<Cavi>(model, std::move(statistics));
  }
}

// The first step of memoized is a pass, as every one of cavi is.
std::int64_t most_steps(const ConjugateOptions& options, std::int64_t n_units) {
  const std::int64_t batches = (n_units + options.batch_size - 1) / options.batch_size;
  return options.engine == ConjugateEngine::memoized ? 1 + (options.max_passes - 1) * batches
                                                     : options.max_passes * batches;
}

void add_options(const ConjugateOptions& options, Identity& identity) {
  identity.insert({{"engine", std::string(name(options.engine))},
                   {"batch_size", std::to_string(options.batch_size)},
                   {"delay", fmt::format("{:a}", options.delay)},
                   {"forgetting", fmt::format("{:a}", options.forgetting)},
                   {"scalar", std::string(name(options.scalar))},
                   {"seed", std::to_string(options.seed)},
                   {"tolerance", fmt::format("{:a}", options.tolerance)}});
}

std::string message_of(const Outcome& outcome, const EngineReport& report, const ConjugateOptions& options) {
  const std::string gained = std::isfinite(report.error_sd)
                                 ? fmt::format("the last pass changed the ELBO by {:.2g} nats a unit, tolerance {:.2g}",
                                               report.error_sd, options.tolerance)
                                 : "before the gain of a whole pass is known";
  switch (outcome.status) {
    case Status::converged: return gained;
    case Status::diverged: return report.message;
    case Status::max_steps: return fmt::format("stopped after {} passes: {}", options.max_passes, gained);
    case Status::max_seconds: return fmt::format("stopped after {:.3g} seconds: {}", options.max_seconds, gained);
    case Status::interrupted: return "interrupted: " + gained;
  }
  return {};
}

}  // namespace

ConjugateOptions resolve(const ConjugateOptions& options, std::int64_t n_units, std::int64_t default_batch_size) {
  ConjugateOptions out = options;
  require(options.tolerance > 0 && std::isfinite(options.tolerance), "tolerance", options.tolerance,
          "a positive number of nats a unit");
  require(options.max_passes >= 0, "max_passes", static_cast<double>(options.max_passes), "0 or more");
  require(options.max_seconds > 0, "max_seconds", options.max_seconds, "a positive number");
  require(options.batch_size >= 0, "batch_size", static_cast<double>(options.batch_size), "0 or more");
  require(options.delay >= 0 && std::isfinite(options.delay), "delay", options.delay, "0 or more");
  require(options.forgetting > 0.5 && options.forgetting <= 1, "forgetting", options.forgetting,
          "above 0.5 and at most 1, for which steps add up to infinity and their squares do not");
  require(options.checkpoint_seconds >= 0, "checkpoint_seconds", options.checkpoint_seconds, "0 or more");
  if (out.engine == ConjugateEngine::automatic)
    out.engine = options.batch_size > 0 ? ConjugateEngine::memoized : ConjugateEngine::cavi;
  if (out.engine == ConjugateEngine::cavi) {
    if (options.batch_size > 0)
      throw Error(ErrorCode::argument,
                  "a batch size was given, but engine cavi takes all units at a time; memoized and svi take batches");
    out.batch_size = n_units;
  } else if (out.batch_size == 0) {
    out.batch_size = default_batch_size;
  }
  out.batch_size = std::clamp<std::int64_t>(out.batch_size, 1, std::max<std::int64_t>(1, n_units));
  if (out.max_passes == 0) out.max_passes = out.engine == ConjugateEngine::svi ? kMostPassesOfSvi : kMostPasses;
  return out;
}

ConjugateFit fit_conjugate(ConjugateModel& model, std::vector<double> statistics, const ConjugateOptions& options,
                           const Context& context, Identity identity) {
  const Stopwatch watch;
  add_options(options, identity);
  // Sums are added up in another order on another kind of device.
  identity.insert({"device", context.device().kind == DeviceKind::cpu ? "cpu" : "cuda"});
  const std::unique_ptr<ConjugateEngineBase> engine = make_engine(model, std::move(statistics), options);
  const Outcome outcome = run(*engine, loop_options(options, most_steps(options, model.n_units())), identity, watch);
  const EngineReport& report = engine->report();
  ConjugateFit out{engine->statistics(), {}};
  out.run.engine = name(options.engine);
  out.run.device = to_string(context.device());
  out.run.scalar = name(options.scalar);
  out.run.message = message_of(outcome, report, options);
  out.run.threads = context.threads();
  out.run.seed = options.seed;
  out.run.status = outcome.status;
  out.run.tolerance = options.tolerance;
  out.run.n_units = model.n_units();
  out.run.steps = report.steps;
  out.run.passes =
      static_cast<double>(report.rows_read) / static_cast<double>(std::max<std::int64_t>(1, model.n_units()));
  out.run.seconds = watch.seconds();
  out.run.seconds_evaluating = outcome.seconds_evaluating;
  out.run.elbo = outcome.elbo;
  out.run.elbo_trace = engine->elbo_trace();
  return out;
}

}  // namespace velbo::internal
