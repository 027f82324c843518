// posterior/row_prediction.h - from one row's linear predictor to its prediction.
#pragma once
#include <optional>
#include <vector>

#include "posterior/outcome_mixture.h"
#include "posterior/scale_mixture.h"
#include "velbo/glm.h"
#include "velbo/posterior.h"

namespace velbo::internal {

struct RowPrediction {
  double mean = 0, sd = 0, lower = 0, upper = 0;
};

// What is the same for all rows.  Immutable.
class RowPredictor {
 public:
  // The logarithms of the auxiliary parameters, sigma and the like, have this mean [A] and covariance [A, A]; read for outcomes.
  RowPredictor(Likelihood likelihood, const PredictOptions& options, const std::vector<double>& auxiliary_mean,
               const std::vector<double>& auxiliary_covariance);

  // trials: of a binomial outcome; else not read.
  [[nodiscard]] RowPrediction predict(const LinearPredictor& eta, double trials) const noexcept;

 private:
  [[nodiscard]] RowPrediction linear(const LinearPredictor& eta) const noexcept;
  [[nodiscard]] RowPrediction response(const LinearPredictor& eta) const noexcept;
  [[nodiscard]] RowPrediction outcome(const LinearPredictor& eta, double trials) const noexcept;
  [[nodiscard]] RowPrediction gaussian_outcome(const LinearPredictor& eta) const noexcept;
  [[nodiscard]] RowPrediction binomial_outcome(const LinearPredictor& eta, double trials) const noexcept;
  [[nodiscard]] RowPrediction poisson_outcome(const LinearPredictor& eta) const noexcept;
  [[nodiscard]] RowPrediction mixture_outcome(const LinearPredictor& eta) const noexcept;

  Likelihood likelihood_;
  PredictionKind kind_;
  double low_, high_;                      // probabilities of the interval's ends
  double z_;                               // the standard normal's quantile at high_
  std::optional<ScaleMixture> noise_;      // gaussian
  std::optional<OutcomeMixture> mixture_;  // the likelihoods of models/row_law.h
};

}  // namespace velbo::internal
