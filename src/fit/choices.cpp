// fit/choices.cpp
#include "fit/choices.h"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "fit/device_choice.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

// Two [D, D] matrices in double take 400 MB.
constexpr std::int64_t kFullRankMost = 5000;
// Up to this many rows a step over all of them costs little; beyond, this many have a small share of noise.
constexpr std::int64_t kRowsOfAStep = 8192, kBatchRows = 4096;
constexpr std::int64_t kDraws = 8;
constexpr std::int64_t kMostRestarts = 1000;
// A float column whose mean is this many times its sd keeps 4 of its 7 digits.
constexpr double kFarFromZero = 1000;
// A row of count y adds about y log y to the log likelihood, of which float keeps 7 digits.
constexpr double kLargeCount = 1000;
constexpr double kLargeOffset = 1000;
constexpr double kFloatRange = 1e15;  // squares and their sums stay within 1e38
// Float rows perturb a correlation matrix by about 1e-7 an element.
constexpr double kCollinear = 1e-5;

}  // namespace

std::int64_t default_draws(FamilyKind family, std::int64_t n_latents) {
  return family == FamilyKind::full_rank ? std::max(kDraws, (n_latents + 3) / 4) : kDraws;
}

void check_options(const FitOptions& options) {
  const auto refuse = [](const char* option, double value, const char* expected) {
    throw Error(ErrorCode::argument, fmt::format("{} is {}, expected {}", option, value, expected));
  };
  if (!(options.tolerance > 0) || !std::isfinite(options.tolerance))
    refuse("tolerance", options.tolerance, "a positive number of posterior standard deviations");
  if (options.max_steps < 0) refuse("max_steps", static_cast<double>(options.max_steps), "1 or more (0: chosen)");
  if (!(options.max_seconds > 0)) refuse("max_seconds", options.max_seconds, "a positive number");
  if (options.diagnostic_draws != 0 && options.diagnostic_draws < 100)
    refuse("diagnostic_draws", static_cast<double>(options.diagnostic_draws), "0 (chosen by cost) or at least 100");
  if (!(options.checkpoint_seconds >= 0)) refuse("checkpoint_seconds", options.checkpoint_seconds, "0 or more");
  if (options.restarts < 0 || options.restarts > kMostRestarts)
    refuse("restarts", static_cast<double>(options.restarts), "0 to 1000");
  if (options.rank < 0) refuse("rank", static_cast<double>(options.rank), "1 or more (0: chosen)");
  const GradientOptions& g = options.gradient;
  if (g.draws < 0) refuse("draws", static_cast<double>(g.draws), "1 or more (0: chosen)");
  if (g.batch_size < 0) refuse("batch_size", static_cast<double>(g.batch_size), "1 or more (0: chosen)");
  if (!(g.learning_rate >= 0) || !std::isfinite(g.learning_rate))
    refuse("learning_rate", g.learning_rate, "a positive number of posterior standard deviations (0: chosen)");
  if (!(g.momentum >= 0 && g.momentum < 1)) refuse("momentum", g.momentum, "a number from 0 to below 1");
  if (g.warm_up_steps < 0) refuse("warm_up_steps", static_cast<double>(g.warm_up_steps), "0 or more");
  if (!(g.decay <= 1)) refuse("decay", g.decay, "a number from 0 to 1 (negative: chosen)");
  if (!(g.clip >= 0)) refuse("clip", g.clip, "0 (never) or a positive number");
}

namespace {

// The engine and, for gradient, its settings without `automatic`.
void choose_engine(const GlmData& data, const FitOptions& options, Choices& out) {
  const GradientOptions& asked = options.gradient;
  const bool stochastic = asked.batch_size > 0 || asked.estimator == Estimator::weights ||
                          asked.estimator == Estimator::local ||
                          asked.variance_reduction != VarianceReduction::automatic;
  if (options.engine == EngineKind::natural_gradient || options.engine == EngineKind::saa ||
      options.engine == EngineKind::pathfinder)
    throw Error(
        ErrorCode::argument,
        fmt::format("engine {} is for models that are known by their log density; likelihood {} has newton, whose "
                    "expectations are exact",
                    name(options.engine), name(data.recipe.likelihood)));
  if (options.restarts > 0 || options.pathfinder)
    throw Error(ErrorCode::argument, "restarts and pathfinder are for models that are known by their log density");
  if (options.engine == EngineKind::newton && stochastic)
    throw Error(ErrorCode::argument,
                "engine newton looks at all rows and takes no draws: batches, draws and estimators "
                "other than quadrature are for engine gradient");
  if (options.engine == EngineKind::newton && options.family == FamilyKind::low_rank)
    throw Error(ErrorCode::argument, "engine newton fits mean_field and full_rank; low_rank is for engine gradient");
  if (options.engine != EngineKind::automatic) {
    out.engine = options.engine;
    out.engine_reason = "asked for";
  } else if (stochastic) {
    out.engine = EngineKind::gradient;
    out.engine_reason = "batches or draws were asked for";
  } else if (options.family == FamilyKind::low_rank) {
    out.engine = EngineKind::gradient;
    out.engine_reason = "the low_rank family was asked for";
  } else {
    out.engine_reason =
        "the likelihood depends on one linear predictor a row, so the ELBO and its derivatives are exact";
  }
  out.max_steps = options.max_steps > 0 ? options.max_steps : out.engine == EngineKind::newton ? 1000 : 100000;
  const bool closed = data.recipe.likelihood != Likelihood::bernoulli && data.recipe.likelihood != Likelihood::binomial;
  out.estimator = closed ? "closed_form" : "quadrature";
  if (out.engine == EngineKind::newton) return;

  GradientOptions& g = out.gradient = asked;
  if (g.estimator == Estimator::automatic) g.estimator = Estimator::quadrature;
  if (g.draws == 0)
    g.draws = g.estimator == Estimator::weights ? default_draws(out.family, data.recipe.n_latents()) : kDraws;
  if (g.estimator != Estimator::quadrature) out.estimator = fmt::format("{}, {} draws", name(g.estimator), g.draws);
  if (g.draw_kind == DrawKind::sobol && g.estimator != Estimator::weights)
    throw Error(ErrorCode::argument, fmt::format("sobol draws are for estimator weights, not {}", name(g.estimator)));
  if (g.entropy == EntropyGradient::sticking_the_landing && g.estimator != Estimator::weights)
    throw Error(ErrorCode::argument,
                fmt::format("sticking_the_landing is for estimator weights, not {}", name(g.estimator)));
  if (g.batch_size == 0)
    g.batch_size = data.n_rows <= kRowsOfAStep ? data.n_rows : std::max(kBatchRows, 8 * data.recipe.n_latents());
  g.batch_size = std::min(g.batch_size, data.n_rows);
  if (g.optimizer == OptimizerKind::automatic)
    g.optimizer = data.recipe.n_latents() <= kFullRankLatents ? OptimizerKind::sgd : OptimizerKind::adam;
  if (g.variance_reduction == VarianceReduction::automatic)
    g.variance_reduction = g.batch_size < data.n_rows ? VarianceReduction::anchor : VarianceReduction::none;
  if (g.batch_size == data.n_rows) return;
  out.blocks = choose_blocks(data.x.store(), g.batch_size);
  // A shuffled copy costs what some hundred steps gain by it, and anchored fits rarely make more.
  if (!out.blocks.streamed() && g.variance_reduction == VarianceReduction::anchor) out.blocks = {};
}

// Smallest eigenvalue of the columns' correlation matrix, from some of the rows.
double least_correlation_eigenvalue(const GlmData& data) {
  const auto d = static_cast<Eigen::Index>(data.n_columns);
  const std::int64_t rows = std::min<std::int64_t>(data.n_rows, std::max<std::int64_t>(2000, 4 * d));
  const Eigen::Index skip = data.recipe.has_intercept ? 1 : 0;
  if (d - skip < 2) return 1;
  Eigen::MatrixXd some(rows, d - skip);
  std::vector<double> row(static_cast<std::size_t>(d - skip));
  for (std::int64_t i = 0; i < rows; ++i) {
    data.x.row(data.n_rows * i / rows, row);  // spread over the file
    for (Eigen::Index j = skip; j < d; ++j) {
      const auto column = static_cast<std::size_t>(j);
      const double sd = data.column_sd[column];
      some(i, j - skip) = sd > 0 ? (row[static_cast<std::size_t>(j - skip)] - data.column_mean[column]) / sd : 0;
    }
  }
  const Eigen::VectorXd norms = some.colwise().norm().cwiseMax(1e-300);
  some = some * norms.cwiseInverse().asDiagonal();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(Eigen::MatrixXd(some.transpose() * some),
                                                             Eigen::EigenvaluesOnly);
  return eigen.eigenvalues()[0];
}

// Empty, or why float would lose digits that the data have.
std::string why_not_float(const GlmData& data, FamilyKind family) {
  const auto beyond = [](const std::vector<double>& values) {
    return std::any_of(values.begin(), values.end(), [](double v) { return v > kLargeCount; });
  };
  if (data.recipe.likelihood == Likelihood::gaussian)
    return "the Gaussian likelihood's sums of squares are taken in double";
  if (beyond(data.y) || beyond(data.trials))
    return "the log likelihood of counts above 1,000 needs more digits than float has";
  for (std::size_t j = 0; j < data.column_sd.size(); ++j) {
    const double size = std::max(std::abs(data.column_mean[j]), data.column_sd[j]);
    if (size > kFloatRange || (data.column_sd[j] > 0 && data.column_sd[j] < 1 / kFloatRange))
      return fmt::format("{} is of a size that float cannot square (mean {:.3g}, sd {:.3g})", data.recipe.names[j],
                         data.column_mean[j], data.column_sd[j]);
  }
  if (std::any_of(data.offset.begin(), data.offset.end(), [](double v) { return std::abs(v) > kLargeOffset; }))
    return "offsets above 1,000 leave float few digits for the rest of the predictor";
  if (family == FamilyKind::full_rank && least_correlation_eigenvalue(data) < kCollinear)
    return "columns are collinear, or nearly: rounding to float would hide it";
  // A full-rank fit with an intercept centres its columns first.
  if (family == FamilyKind::full_rank && data.recipe.has_intercept && !data.x.is_sparse()) return {};
  for (std::size_t j = data.recipe.has_intercept ? 1 : 0; j < data.column_mean.size(); ++j)
    if (std::abs(data.column_mean[j]) > kFarFromZero * data.column_sd[j] && data.column_sd[j] > 0)
      return fmt::format("{} lies far from zero for its spread (mean {:.3g}, sd {:.3g})", data.recipe.names[j],
                         data.column_mean[j], data.column_sd[j]);
  return {};
}

}  // namespace

Choices choose(const GlmData& data, const FitOptions& options) {
  check_options(options);
  Choices out;
  const std::int64_t d = data.recipe.n_latents();
  if (options.family != FamilyKind::automatic) {
    out.family = options.family;
    out.family_reason = "asked for";
  } else {
    out.family = d <= kFullRankLatents ? FamilyKind::full_rank : FamilyKind::mean_field;
    out.family_reason =
        fmt::format("{} latents, {} {}", d, d <= kFullRankLatents ? "at most" : "more than", kFullRankLatents);
  }
  if (out.family == FamilyKind::full_rank && d > kFullRankMost)
    throw Error(ErrorCode::argument,
                fmt::format("a full_rank family of {} latents has {:.3g} parameters; use mean_field or "
                            "low_rank (beyond {} latents)",
                            d, 0.5 * static_cast<double>(d) * static_cast<double>(d), kFullRankMost));
  if (out.family == FamilyKind::low_rank) {
    const auto root = static_cast<std::int64_t>(std::sqrt(static_cast<double>(d)));
    out.rank = options.rank > 0 ? options.rank : std::clamp<std::int64_t>(root, 1, 20);
    if (out.rank > d)
      throw Error(ErrorCode::argument, fmt::format("rank is {}, expected at most the {} latents", out.rank, d));
  } else if (options.rank > 0) {
    throw Error(ErrorCode::argument,
                fmt::format("a rank was given, but family {} has none; low_rank has", name(out.family)));
  }
  choose_engine(data, options, out);
  const std::string loses = why_not_float(data, out.family);
  const bool gaussian = data.recipe.likelihood == Likelihood::gaussian;
  if (options.scalar != Scalar::automatic && !(gaussian && options.scalar == Scalar::float32)) {
    out.scalar = options.scalar;
    out.scalar_reason = "asked for";
  } else {
    out.scalar = loses.empty() ? Scalar::float32 : Scalar::float64;
    out.scalar_reason = loses.empty() ? "rows in float, sums over rows in double" : loses;
  }
  if (options.device) {
    out.device = *options.device;
    out.device_reason = "asked for";
    require_room(data, out);
  } else {
    DeviceChoice choice = choose_device(data, out, options.threads);
    out.device = choice.device;
    out.streamed = choice.streamed;
    out.device_reason = std::move(choice.reason);
  }
  return out;
}

}  // namespace velbo::internal
