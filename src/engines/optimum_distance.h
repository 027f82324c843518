// engines/optimum_distance.h - how far a point is from the optimum of its family, from exact expectations there.
#pragma once
#include "engines/gaussian_update.h"

namespace velbo::internal {

// To where one natural-gradient step of length 1 would go, in posterior standard deviations: the means' part is a Newton step
// with the model's own curvature (in a mean-field q too, whose curvature alone would understate it).  Low rank: the sds' part
// is the length of the gradient in each latent's log sd and loadings (in sds), whose curvatures are about 1.
Distance distance_to_optimum(const GaussianPoint& point, const ExpectedLogJoint& expected,
                             ExpectedLogJointOracle& oracle, double relative_tolerance);

}  // namespace velbo::internal
