// posterior/model_moments.h - moments and quantiles of the constrained parameters of what has Parameters under a Gaussian q of z.
//
// An element that depends on one coordinate has them in closed form, or by a trapezoid rule over that coordinate; the others by
// 16,384 scrambled Sobol draws (fewer where they would not fit into 160 MB), always the same ones.
#pragma once
#include <vector>

#include "posterior/posterior_state.h"

namespace velbo::internal {

struct ConstrainedMoments {
  std::vector<double> mean, sd;  // [n_constrained]
};

ConstrainedMoments model_moments(const PosteriorState& state);
std::vector<double> model_quantiles(const PosteriorState& state, double probability);  // [n_constrained]

}  // namespace velbo::internal
