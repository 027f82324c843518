// posterior/linear_map.h - the linear predictor of a row, and the auxiliary parameters beside it, under the posterior.
#pragma once
#include <vector>

#include "posterior/outcome_mixture.h"
#include "posterior/posterior_state.h"

namespace velbo::internal {

// Mean and sd of x' beta, and its covariances with the latents behind the coefficients.  The variance is |L' x|^2, never a
// difference.
class LinearMap {
 public:
  explicit LinearMap(const PosteriorState& state);

  // x: all coefficients' columns, the intercept's among them.
  LinearPredictor apply(const double* x);

 private:
  const PosteriorState& state_;
  std::int64_t n_, n_auxiliary_;
  std::vector<double> projected_;  // L' x, or B' x
};

// Of the A latents behind the coefficients: [A, A].
std::vector<double> auxiliary_covariance(const PosteriorState& state);

}  // namespace velbo::internal
