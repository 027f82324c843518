// fit/make_engine.cpp
#include "fit/make_engine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <Eigen/Cholesky>
#include <optional>

#include "engines/gradient.h"
#include "engines/newton.h"
#include "posterior/posterior_state.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Loadings to begin with, in shares of the sds: zero would be a saddle point.
constexpr double kFirstLoadings = 0.03;

// The nearest member of the family to an earlier fit: its own where it is of the same kind, else one with the same sds.
std::optional<GaussianPoint> initial_point(const GlmData& data, const Choices& choices, const FitOptions& options) {
  if (!options.init) return std::nullopt;
  const PosteriorState& state = options.init->state();
  if (state.recipe.names != data.recipe.names)
    throw Error(ErrorCode::argument,
                fmt::format("the fit to start from has the parameters {}, expected {}",
                            fmt::join(state.recipe.names, ", "), fmt::join(data.recipe.names, ", ")));
  const Eigen::Index d = data.recipe.n_latents();
  GaussianPoint point{choices.family, Eigen::VectorXd::Map(state.mean.data(), d), {}};
  const Eigen::MatrixXd scale = RowMajor::Map(state.scale.data(), d, state.family.n_scale() / d);
  if (state.family.kind() == choices.family && state.family.rank() == choices.rank) {
    point.factor = scale;
  } else if (choices.family != FamilyKind::full_rank) {
    point.factor = scale.rowwise().norm();
  } else if (state.family.kind() == FamilyKind::mean_field) {
    point.factor = scale.col(0).asDiagonal();
  } else {
    Eigen::MatrixXd covariance = scale.rightCols(scale.cols() - 1) * scale.rightCols(scale.cols() - 1).transpose();
    covariance.diagonal() += scale.col(0).cwiseAbs2();
    point.factor = Eigen::LLT<Eigen::MatrixXd>(covariance).matrixL();
  }
  return point;
}

template <class T>
std::unique_ptr<GaussianEngine> make(const GlmData& data, const Context& context, const Choices& choices,
                                     const FitOptions& options) {
  auto oracle = make_oracle<T>(data, context, choices.family);
  std::optional<GaussianPoint> point = initial_point(data, choices, options);
  if (choices.engine == EngineKind::newton)
    return std::make_unique<NewtonEngine>(data, std::move(oracle), choices.family, options.tolerance,
                                          make_key(options.seed, Purpose::subsample), std::move(point));
  if (!point) point = oracle->start(choices.family);
  const Key key = make_key(options.seed, Purpose::step);
  add_loadings(*point, choices.rank, fold_in(key, 1));
  const GradientOptions& g = choices.gradient;
  std::optional<BatchOrder> order;
  if (g.batch_size < data.n_rows) order.emplace(data.n_rows, g.batch_size, fold_in(key, 2), choices.blocks);
  auto estimator = make_estimator<T>(
      data, context, *point,
      {.estimator = g.estimator, .draws = g.draws, .draw_kind = g.draw_kind, .entropy = g.entropy}, fold_in(key, 3));
  return std::make_unique<GradientEngine>(
      data, std::move(oracle), std::move(estimator), std::move(order),
      GradientSettings{.options = g, .tolerance = options.tolerance, .float_rows = sizeof(T) == sizeof(float)},
      std::move(*point), [&](const BatchOrder* batches, StepSettings settings) {
        settings.noise_key = fold_in(key, 3).value;
        return make_step_runner<T>(data, context, choices.family, batches, settings);
      });
}

}  // namespace

void add_loadings(GaussianPoint& point, std::int64_t rank, Key key) {
  if (rank == 0 || point.factor.cols() == 1 + rank) return;
  const Eigen::Index d = point.dimension();
  RowMajor noise(d, rank);
  standard_normals(key, 0, 0, 0, std::span<double>(noise.data(), static_cast<std::size_t>(noise.size())));
  const Eigen::VectorXd sd = point.factor.col(0);
  point.factor.resize(d, 1 + rank);
  point.factor.col(0) = sd;
  point.factor.rightCols(rank) = kFirstLoadings * sd.asDiagonal() * noise;
}

std::unique_ptr<GaussianEngine> make_engine(const GlmData& data, const Context& context, const Choices& choices,
                                            const FitOptions& options) {
  return choices.scalar == Scalar::float64 ? make<double>(data, context, choices, options)
                                           : make<float>(data, context, choices, options);
}

}  // namespace velbo::internal
