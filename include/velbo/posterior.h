// velbo/posterior.h - what a fit leaves: a distribution over the latents that samples, predicts and is saved.
#pragma once
#include <array>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "velbo/data.h"
#include "velbo/export.h"
#include "velbo/family.h"
#include "velbo/glm.h"
#include "velbo/parameters.h"
#include "velbo/table.h"

namespace velbo {

enum class PredictionKind {
  response,  // the outcome's expectation given the predictor (a probability, a rate, a mean); binomial: of one trial
  linear,    // the linear predictor, offset included
  outcome,   // a new outcome: the likelihood's own spread too (binomial: successes of the row's trials)
  // Of categorical and ordinal, for each level: response its probability, outcome whether a new outcome is of it (0 or 1)
};
VELBO_EXPORT std::string_view name(PredictionKind kind) noexcept;
VELBO_EXPORT PredictionKind parse_prediction_kind(std::string_view text);

struct PredictOptions {
  PredictionKind kind = PredictionKind::response;
  double interval = 0.9;  // central probability of [lower, upper]; in (0, 1)
};

// [N] each, or [N, levels.size()] row-major where there are levels.  Rows with a missing predictor hold NaN.
struct Predictions {
  std::vector<double> mean, sd, lower, upper;
  // Of categorical and ordinal: the outcome's, in the fit's order; for categorical's linear predictors all but the first.  Empty
  // for ordinal's linear predictor, which is one a row, and for the other likelihoods.
  std::vector<std::string> levels = {};
};

struct PosteriorState;

// Immutable: any number of threads may sample and predict from one.  Copies share the state.
class VELBO_EXPORT Posterior {
 public:
  explicit Posterior(std::shared_ptr<const PosteriorState> state);

  [[nodiscard]] std::int64_t n_latents() const noexcept;  // D, unconstrained
  // Of the n constrained parameters: "sigma", not "log(sigma)".  Of a Glm n = D; of a Model see Parameters::names().
  [[nodiscard]] const std::vector<std::string>& names() const noexcept;
  // Of a Model in code; null of a Glm, which likelihood() and formula() below are about.
  [[nodiscard]] const Parameters* parameters() const noexcept;
  [[nodiscard]] FamilyKind family() const noexcept;
  [[nodiscard]] Likelihood likelihood() const noexcept;
  [[nodiscard]] const std::string& formula() const noexcept;
  [[nodiscard]] const std::optional<std::array<double, 2>>& labels() const noexcept;  // as Glm::labels()
  [[nodiscard]] const std::vector<std::string>& levels() const noexcept;              // as Glm::levels()

  // Of the unconstrained latents z: mean [D], covariance [D, D] row-major, log q(z) for z [D].
  [[nodiscard]] const std::vector<double>& unconstrained_mean() const noexcept;
  [[nodiscard]] std::vector<double> unconstrained_covariance() const;
  [[nodiscard]] double log_prob(std::span<const double> z) const;

  // Of the constrained parameters: [n] each, in closed form; of a Model's that depend on several coordinates, such as simplexes,
  // by Sobol draws (src/posterior/model_moments.h).
  [[nodiscard]] std::vector<double> mean() const;
  [[nodiscard]] std::vector<double> sd() const;
  // probability in (0, 1), else Error(argument).
  [[nodiscard]] std::vector<double> quantile(double probability) const;

  // Constrained draws first_draw, first_draw + 1, ..., [n_draws, n] row-major.  Draw i is a function of the seed and i
  // alone, so that many draws can be made piece by piece.  Throws Error(argument) for negative numbers.
  [[nodiscard]] std::vector<double> sample(std::int64_t n_draws, std::uint64_t seed = 1,
                                           std::int64_t first_draw = 0) const;

  // One prediction a row of the table, which needs the formula's predictors, the offset's column where the fit had one,
  // and for binomial outcomes the trials' column.  Deterministic: quadrature, and for the probabilities of levels 2,048 fixed
  // Sobol points for the row's predictors (src/posterior/level_prediction.h tells their accuracy).
  // Throws Error(formula) for a missing column, Error(data) for an unseen factor level, naming level, column and place;
  // Error(argument) when the model was made from arrays, or is a Model in code.
  [[nodiscard]] Predictions predict(const Table& table, const PredictOptions& options = {}) const;
  // From arrays: x [N, D] without the intercept's column; offset and trials [N] or empty.
  [[nodiscard]] Predictions predict(MatrixView<const double> x, std::span<const double> offset,
                                    std::span<const double> trials, const PredictOptions& options = {}) const;
  // The same of a FeatureMatrix in memory, in a mapped file or sparse.  A sparse one may have fewer columns than the model:
  // what it does not hold is zero.  (A template, so that a matrix in memory goes the way above, without a copy.)
  template <std::same_as<FeatureMatrix> Matrix>
  [[nodiscard]] Predictions predict(const Matrix& x, std::span<const double> offset, std::span<const double> trials,
                                    const PredictOptions& options = {}) const {
    return predict_rows(x, offset, trials, options);
  }

  // One safetensors file with a checksum; whole or not at all.  Throws Error(file) or Error(io).
  // `summary_json` of the fit is kept in the file (see Fit::save) and given back by `load_summary_json`.
  void save(const std::string& path, std::string_view summary_json = {}) const;
  // Throws Error(file) naming the path and what is wrong (not a safetensors file, truncated, corrupted, a newer version).
  static Posterior load(const std::string& path);
  static std::string load_summary_json(const std::string& path);

  [[nodiscard]] const PosteriorState& state() const noexcept { return *state_; }

 private:
  [[nodiscard]] Predictions predict_rows(const FeatureMatrix& x, std::span<const double> offset,
                                         std::span<const double> trials, const PredictOptions& options) const;

  std::shared_ptr<const PosteriorState> state_;
};

}  // namespace velbo
