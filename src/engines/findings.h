// engines/findings.h - what the user should know about a model, found while it was fitted.
#pragma once
#include <string>
#include <vector>

#include "models/expected_log_joint.h"

namespace velbo::internal {

// Heavy-tailed priors that fight the data, and directions that only the prior decides; of full-rank points.
std::vector<std::string> findings_at(const GlmData& data, const GaussianPoint& point, const ExpectedLogJoint& expected);

// Why there is no posterior where some prior is flat: nothing says anything about a direction (first step only, full rank), or
// a coefficient's sd has run away from what it was at `start_sd`.  Empty where all is well.
std::string flat_reason(const GlmData& data, const GaussianPoint& point, const ExpectedLogJoint& expected);
std::string runaway_reason(const GlmData& data, const GaussianPoint& point, const Eigen::VectorXd& start_sd);

}  // namespace velbo::internal
