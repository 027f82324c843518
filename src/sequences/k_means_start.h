// sequences/k_means_start.h - where the states of a fit begin.
#pragma once
#include <Eigen/Core>
#include <cstdint>

#include "sequences/forward_backward.h"
#include "velbo/random.h"

namespace velbo::internal {

// The share of each of K centres in every column of x [D, N], [N, K]: 1 for the nearest, of centres drawn by k-means++ (Arthur and
// Vassilvitskii 2007) and moved by a few of Lloyd's rounds.
RowMajorMatrixXd k_means_shares(const Eigen::MatrixXd& x, std::int64_t n_centres, Key key);

// A number uniform in (0, 1), and one of element `index` of the key's stream.
double uniform_number(Key key, std::uint64_t index);

}  // namespace velbo::internal
