// sequences/forward_backward.h - expectations of hidden states by the forward-backward recursions, and the best path by Viterbi's.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <vector>

namespace velbo::internal {

using RowMajorMatrixXd = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Logarithms of weights, which need not add up to 1: under a variational posterior they are expectations of logarithms (Beal 2003,
// section 3.4.1).
struct ChainWeights {
  Eigen::VectorXd log_initial;      // [K]
  RowMajorMatrixXd log_transition;  // [K, K], from row to column
};

struct ChainExpectations {
  double log_total = 0;         // of the weights of all paths
  RowMajorMatrixXd state;       // [T, K] shares of paths through each state
  RowMajorMatrixXd transition;  // [K, K] expected numbers of steps
};

// log_emission [T, K], T >= 1; -infinity where a state cannot be.  Scaled at each step (Rabiner 1989), so that T may be anything; by
// logarithms where that underflows.  Where every path has weight 0 log_total is -infinity and all else 0.
ChainExpectations expect_chain(const ChainWeights& weights, const RowMajorMatrixXd& log_emission);

// The same by logarithms throughout: never an underflow, and a few times as slow.
ChainExpectations expect_chain_by_logs(const ChainWeights& weights, const RowMajorMatrixXd& log_emission);

// The path of the largest weight, [T].
std::vector<std::int64_t> best_path(const ChainWeights& weights, const RowMajorMatrixXd& log_emission);

}  // namespace velbo::internal
