// math/matched_normals.h - Sobol normals with the moments of what they stand for.
#pragma once
#include <Eigen/Core>
#include <cstdint>

#include "velbo/random.h"

namespace velbo::internal {

// Scrambled Sobol normals [draws, dimension] with sample mean exactly 0 and sample covariance I up to rounding; draws > dimension.
Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> matched_normals(std::int64_t draws,
                                                                                       std::int64_t dimension, Key key,
                                                                                       std::uint32_t scramble);

}  // namespace velbo::internal
