// posterior/level_prediction.h - predictions of likelihoods whose outcome is one of C levels, categorical and ordinal.
//
// A row's linear predictors are jointly Gaussian under the posterior, for ordinal together with the coordinates of the cutpoints.
// Levels' probabilities are smooth functions of those few numbers, whose moments and quantiles are taken over scrambled Sobol normals
// with sample mean 0 and sample covariance I, always the same ones.  They are in as many dimensions as a row has predictors (and
// cutpoints), not as there are coefficients: accuracy does not depend on the number of columns (docs/likelihoods.md has it).
#pragma once
#include <Eigen/Core>
#include <string>
#include <vector>

#include "posterior/posterior_state.h"
#include "velbo/posterior.h"

namespace velbo::internal {

// What is the same for all rows, and room for one row.  Not for several threads at once.
class LevelPredictor {
 public:
  LevelPredictor(const PosteriorState& state, const PredictOptions& options);

  // As Predictions::levels, and how many numbers a row has.
  [[nodiscard]] const std::vector<std::string>& levels() const noexcept { return levels_; }
  [[nodiscard]] std::size_t width() const noexcept { return levels_.empty() ? 1 : levels_.size(); }

  // x: a predictor's columns, the intercept's among them where there is one.  Writes [width()] each.
  void predict(const double* x, double offset, double* mean, double* sd, double* lower, double* upper);

 private:
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  // Adds weight times latent i, as a combination of the noise that q makes it of, to out [n_noise].
  void add_latent(std::int64_t i, double weight, double* out) const;
  void prepare_cutpoints();
  void find_predictors(const double* x, double offset);
  void fill_categorical();
  void fill_ordinal();

  const PosteriorState& state_;
  PredictionKind kind_;
  bool ordinal_;
  double low_, high_, z_;  // probabilities of the interval's ends, and the standard normal's quantile at the second
  std::vector<std::string> levels_;
  Eigen::MatrixXd points_;       // [S, dimensions], column-major
  Eigen::VectorXd mean_;         // of the row's predictors [K]
  RowMajor noise_;               // [K, n_noise]: of what noise they are made
  Eigen::ArrayXXd probability_;  // [S, C] of the row's levels
  // Of ordinal.
  Eigen::MatrixXd
      cutpoint_noise_;         // [C - 1, n_noise] orthonormal: of what noise points_' columns from the second stand for
  Eigen::ArrayXXd cutpoints_;  // [S, C - 1]
  Eigen::ArrayXXd step_share_;  // [S, C - 2] 1 - exp(-step) of each step between them
  std::vector<double> sorted_;  // [S]
};

}  // namespace velbo::internal
