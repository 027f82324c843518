// fit/make_model_engine.cpp
#include "fit/make_model_engine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <Eigen/Cholesky>
#include <optional>

#include "engines/model_findings.h"
#include "engines/model_gradient.h"
#include "engines/natural_gradient.h"
#include "engines/nearest_family.h"
#include "engines/pathfinder_engine.h"
#include "fit/make_engine.h"
#include "models/row_model.h"
#include "posterior/latent_draws.h"
#include "posterior/posterior_state.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::argument, message); }

const PosteriorState* initial_state(const Model& model, const Glm* glm, const FitOptions& options) {
  if (!options.init) return nullptr;
  const PosteriorState& state = options.init->state();
  if (glm == nullptr) {
    require_parameters_of(model, *options.init, "the fit to start from");
    return &state;
  }
  const bool same = state.parameters() != nullptr &&
                    state.parameters()->parameters() == model.parameters().parameters() &&
                    state.recipe.likelihood == glm->likelihood() && !state.model &&
                    state.recipe.names == glm->names() && state.recipe.levels == glm->levels();
  if (!same)
    refuse(fmt::format("the fit to start from has other parameters or constraints: {}, expected {}",
                       fmt::join(state.recipe.names, ", "), fmt::join(glm->names(), ", ")));
  return &state;
}

// Of full rank, whatever family the fit to start from has.
std::optional<GaussianPoint> initial_point(const Model& model, const Glm* glm, const FitOptions& options) {
  const PosteriorState* const state = initial_state(model, glm, options);
  if (state == nullptr) return glm != nullptr ? std::optional(row_model_start(glm->data())) : std::nullopt;
  const auto d = static_cast<Eigen::Index>(model.n_latents());
  GaussianPoint out{FamilyKind::full_rank, Eigen::VectorXd::Map(state->mean.data(), d), {}};
  if (state->family.kind() == FamilyKind::full_rank) {
    out.factor = RowMajorMatrix::Map(state->scale.data(), d, d);
    return out;
  }
  const std::vector<double> covariance = options.init->unconstrained_covariance();
  const Eigen::LLT<Eigen::MatrixXd> cholesky(Eigen::MatrixXd::Map(covariance.data(), d, d));
  if (cholesky.info() != Eigen::Success) refuse("the fit to start from has a covariance that is not positive definite");
  out.factor = cholesky.matrixL();
  return out;
}

// Of the family that is fitted: the fit to start from where it has the same, else the member near to it; without one sds of 1, and small
// loadings, without any of which a low-rank q would be at a saddle point.
GaussianPoint start_of_family(const Model& model, const Glm* glm, const ModelChoices& choices,
                              const FitOptions& options, Key key) {
  const PosteriorState* const state = initial_state(model, glm, options);
  if (state == nullptr && glm == nullptr) {
    if (choices.family == FamilyKind::full_rank) return standard_start(model.parameters());
    GaussianPoint out{choices.family, standard_mean(model.parameters()), Eigen::MatrixXd::Ones(model.n_latents(), 1)};
    add_loadings(out, choices.rank, key);
    return out;
  }
  if (state != nullptr && state->family.kind() == choices.family && state->family.rank() == choices.rank) {
    const auto d = static_cast<Eigen::Index>(model.n_latents());
    return {choices.family, Eigen::VectorXd::Map(state->mean.data(), d),
            RowMajorMatrix::Map(state->scale.data(), d, state->family.n_scale() / d)};
  }
  const GaussianPoint point = *initial_point(model, glm, options);
  if (choices.family == FamilyKind::mean_field) return nearest_mean_field(point);
  return choices.family == FamilyKind::low_rank ? near_low_rank(point, choices.rank) : point;
}

}  // namespace

std::unique_ptr<GaussianEngine> make_engine(std::unique_ptr<ModelDensity> density, const Context& context,
                                            const ModelChoices& choices, const FitOptions& options, const Glm* glm) {
  const Key key = make_key(options.seed, Purpose::step);
  const Model model = density->model();
  if (choices.engine == EngineKind::gradient)
    return std::make_unique<ModelGradientEngine>(
        std::move(density), context,
        ModelGradientSettings{.options = choices.gradient, .tolerance = options.tolerance, .key = key},
        start_of_family(model, glm, choices, options, fold_in(key, 4)), options.init.has_value());
  if (choices.engine == EngineKind::pathfinder)
    return std::make_unique<PathfinderEngine>(
        std::move(density), context,
        PathfinderEngine::Settings{.tolerance = options.tolerance, .restarts = options.restarts, .key = key},
        initial_point(model, glm, options));
  return std::make_unique<NaturalGradientEngine>(std::move(density), context,
                                                 NaturalGradientEngine::Settings{.tolerance = options.tolerance,
                                                                                 .draws = options.gradient.draws,
                                                                                 .family = choices.family,
                                                                                 .rank = choices.rank,
                                                                                 .restarts = options.restarts,
                                                                                 .pathfinder = options.pathfinder,
                                                                                 .key = key},
                                                 initial_point(model, glm, options));
}

}  // namespace velbo::internal
