// fit/model_choices.cpp
#include "fit/model_choices.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fit/choices.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kMostLatents = 5000;
constexpr std::int64_t kMostSteps = 10000;  // of gradient, whose steps are a few draws, ten times as many

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::argument, message); }

// A saa without a family is the one that it is there for.
FamilyKind chosen_family(const FitOptions& options) {
  if (options.family != FamilyKind::automatic) return options.family;
  return options.engine == EngineKind::saa ? FamilyKind::mean_field : FamilyKind::full_rank;
}

// Of the engine gradient, which makes no D x D matrix for the other families unless it can afford one.
FamilyKind chosen_family_of_gradient(const Model& model, const FitOptions& options) {
  if (options.family != FamilyKind::automatic) return options.family;
  return model.n_latents() <= kFullRankLatents ? FamilyKind::full_rank : FamilyKind::mean_field;
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

// What needs rows.
void check_gradient_options(const GradientOptions& g) {
  if (g.estimator != Estimator::automatic && g.estimator != Estimator::weights)
    refuse(fmt::format(
        "estimator is \"{}\", expected \"weights\" or \"auto\": a model that is known by its log density has no rows",
        name(g.estimator)));
  if (g.variance_reduction == VarianceReduction::anchor)
    refuse(
        "variance_reduction is \"anchor\", expected \"none\" or \"auto\": a step looks at all of the model, so that no "
        "batch's noise is there to reduce");
  if (g.check_batches)
    refuse("check_batches was asked for, but a model that is known by its log density has no batches");
}

GradientOptions chosen_gradient(const Model& model, const FitOptions& options, FamilyKind family) {
  GradientOptions g = options.gradient;
  g.estimator = Estimator::weights;
  g.variance_reduction = VarianceReduction::none;
  if (g.draws == 0) g.draws = default_draws(family, model.n_latents());
  if (g.optimizer == OptimizerKind::automatic) g.optimizer = OptimizerKind::adam;
  return g;
}

void check(const Model& model, const FitOptions& options) {
  check_options(options);
  if (options.engine == EngineKind::newton)
    refuse(
        fmt::format("engine is \"{}\", expected \"natural_gradient\", \"saa\", \"pathfinder\", \"gradient\" or "
                    "\"auto\" for \"{}\", which is known "
                    "by its log density alone",
                    name(options.engine), model.name()));
  if (options.engine == EngineKind::gradient) check_gradient_options(options.gradient);
  const bool full_rank = options.family == FamilyKind::automatic || options.family == FamilyKind::full_rank;
  const bool for_full_rank = options.engine == EngineKind::natural_gradient || options.engine == EngineKind::pathfinder;
  if (for_full_rank && !full_rank)
    refuse(fmt::format("family is \"{}\", expected \"full_rank\" or \"auto\" for the engine {}; saa fits the others",
                       name(options.family), name(options.engine)));
  if (options.engine == EngineKind::gradient && (options.pathfinder || options.restarts > 0))
    refuse("restarts and pathfinder are for the engines natural_gradient and saa; the engine gradient starts once");
  if (options.pathfinder && options.engine == EngineKind::pathfinder)
    refuse("pathfinder as a start is for the engines natural_gradient and saa; the engine pathfinder is one");
  if (options.pathfinder && options.init)
    refuse("an init and pathfinder were given, which are two places to start from");
  if (options.rank > 0 && options.family != FamilyKind::low_rank)
    refuse(fmt::format("a rank was given, but family {} has none; low_rank has", name(chosen_family(options))));
  if (options.rank > model.n_latents())
    refuse(fmt::format("rank is {}, expected at most the {} latents", options.rank, model.n_latents()));
  if (options.scalar == Scalar::float32)
    refuse("scalar is \"float\", expected \"double\" or \"auto\": log densities are evaluated in double");
  if (options.gradient.batch_size > 0 && model.n_rows() == 0)
    refuse("a batch size was given, but a model without plates has no rows to take some of");
  if (options.gradient.batch_size > 0 && options.engine != EngineKind::gradient)
    refuse(fmt::format("a batch size was given, but the engine {} looks at all rows; gradient takes batches",
                       name(chosen_engine(options))));
  if (options.gradient.batch_size > model.n_rows() && model.n_rows() > 0)
    refuse(fmt::format("batch_size is {}, expected at most the {} rows", options.gradient.batch_size, model.n_rows()));
  if (options.device && options.device->kind != DeviceKind::cpu) {
    if (!model.has_device_side())
      throw Error(ErrorCode::device,
                  fmt::format("device is {}, expected cpu: \"{}\" has no side for devices (Model::on_device)",
                              to_string(*options.device), model.name()));
    require_usable(*options.device);
  }
  const bool square =
      options.engine != EngineKind::gradient || chosen_family_of_gradient(model, options) == FamilyKind::full_rank;
  if (square && model.n_latents() > kMostLatents)
    refuse(fmt::format("\"{}\" has {} latents, expected at most {} for a full-rank Gaussian", model.name(),
                       model.n_latents(), kMostLatents));
}

}  // namespace

ModelChoices choose(const Model& model, const FitOptions& options) {
  check(model, options);
  ModelChoices out;
  out.engine = chosen_engine(options);
  out.family = chosen_family(options);
  out.rank = chosen_rank(model, options);
  out.max_steps = options.max_steps > 0 ? options.max_steps : kMostSteps * (1 + options.restarts);
  out.estimator = "log density at draws";
  if (out.engine == EngineKind::gradient) {
    out.family = chosen_family_of_gradient(model, options);
    out.gradient = chosen_gradient(model, options, out.family);
    out.max_steps = options.max_steps > 0 ? options.max_steps : kMostSteps * 10;
    out.estimator = fmt::format("log density at {} draws a step, {}", out.gradient.draws, name(out.gradient.optimizer));
    if (out.gradient.batch_size > 0) out.estimator += fmt::format(", batches of {} rows", out.gradient.batch_size);
    out.engine_reason = "asked for";
    out.family_reason =
        options.family != FamilyKind::automatic
            ? "asked for"
            : fmt::format("{} latents, {} {}", model.n_latents(),
                          out.family == FamilyKind::full_rank ? "at most" : "more than", kFullRankLatents);
    return out;
  }
  const bool full_rank = out.family == FamilyKind::full_rank;
  out.engine_reason = options.engine != EngineKind::automatic ? "asked for"
                      : full_rank                             ? "the model is known by its log density"
                                  : fmt::format("the {} family was asked for", name(out.family));
  out.family_reason = options.family != FamilyKind::automatic ? "asked for"
                      : full_rank ? fmt::format("{} latents, at most {}", model.n_latents(), kMostLatents)
                                  : "what the engine saa is for";
  if (options.device) out.device = *options.device;
  out.device_reason = options.device            ? "asked for"
                      : model.has_device_side() ? "models with a side for devices run there when it is asked for"
                                                : "the model has no side for devices";
  return out;
}

}  // namespace velbo::internal
