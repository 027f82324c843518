// posterior/row_prediction.h - from one row's linear predictor to its prediction.
#pragma once
#include "posterior/scale_mixture.h"
#include "velbo/glm.h"
#include "velbo/posterior.h"

namespace velbo::internal {

// eta ~ N(mean, sd^2) under the posterior, offset included.
struct LinearPredictor {
  double mean = 0;
  double sd = 0;
  double covariance = 0;  // with log sigma; 0 where there is no sigma
};

struct RowPrediction {
  double mean = 0, sd = 0, lower = 0, upper = 0;
};

// What is the same for all rows.  Immutable.
class RowPredictor {
 public:
  // log sigma ~ N(log_sigma_mean, log_sigma_sd^2): read for outcomes of the Gaussian likelihood only.
  RowPredictor(Likelihood likelihood, const PredictOptions& options, double log_sigma_mean, double log_sigma_sd);

  // trials: of a binomial outcome; else not read.
  [[nodiscard]] RowPrediction predict(const LinearPredictor& eta, double trials) const noexcept;

 private:
  [[nodiscard]] RowPrediction linear(const LinearPredictor& eta) const noexcept;
  [[nodiscard]] RowPrediction response(const LinearPredictor& eta) const noexcept;
  [[nodiscard]] RowPrediction outcome(const LinearPredictor& eta, double trials) const noexcept;
  [[nodiscard]] RowPrediction gaussian_outcome(const LinearPredictor& eta) const noexcept;
  [[nodiscard]] RowPrediction binomial_outcome(const LinearPredictor& eta, double trials) const noexcept;
  [[nodiscard]] RowPrediction poisson_outcome(const LinearPredictor& eta) const noexcept;

  Likelihood likelihood_;
  PredictionKind kind_;
  double low_, high_;  // probabilities of the interval's ends
  double z_;           // the standard normal's quantile at high_
  ScaleMixture noise_;
};

}  // namespace velbo::internal
