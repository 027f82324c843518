// engines/nearest_family.h - members of smaller families near a full-rank Gaussian, to start from.
#pragma once
#include "models/expected_log_joint.h"

namespace velbo::internal {

// The mean-field Gaussian with the smallest KL divergence to N(mean, Sigma): its sds are the conditional ones,
// 1 / sqrt((Sigma^-1)_ii) (Bishop 2006, section 10.1.2).
GaussianPoint nearest_mean_field(const GaussianPoint& full_rank);

// diag(sds)^2 + B B' with Sigma's own diagonal and B from the leading eigenvectors of its correlation matrix, 1 <= rank <= D.
GaussianPoint near_low_rank(const GaussianPoint& full_rank, std::int64_t rank);

}  // namespace velbo::internal
