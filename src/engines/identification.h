// engines/identification.h - directions of the coefficients about which data or priors say nothing.
#pragma once
#include <string>
#include <vector>

#include "models/expected_log_joint.h"

namespace velbo::internal {

// "x1 - 0.5 x2": the direction by its largest components, scaled so that the largest is 1.
std::string describe_direction(const Eigen::VectorXd& direction, const std::vector<std::string>& names);

// A direction along which neither likelihood nor prior has curvature: the posterior is improper.  Empty where there is
// none.  curvature: -E[Hessian] of the log joint.
std::string flat_direction(const Eigen::MatrixXd& curvature, const std::vector<std::string>& names);

// Directions along which a proper prior has nearly all of the curvature, so that the prior decides: collinear or constant
// columns, more columns than rows, separated outcomes.  At most three, as text.
std::vector<std::string> prior_dominated_directions(const Eigen::MatrixXd& curvature,
                                                    const Eigen::VectorXd& prior_curvature,
                                                    const std::vector<std::string>& names);

}  // namespace velbo::internal
