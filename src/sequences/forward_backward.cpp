#include "sequences/forward_backward.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "math/chain_by_logs.h"

namespace velbo::internal {
ChainExpectations expect_chain(const ChainWeights& weights, const RowMajorMatrixXd& log_emission) {
  const Eigen::Index n = log_emission.rows(), k = log_emission.cols();
  // Weights are divided by the largest of their kind, which log_total gets back.
  const double most_initial = weights.log_initial.maxCoeff(), most_transition = weights.log_transition.maxCoeff();
  const Eigen::RowVectorXd initial = (weights.log_initial.array() - most_initial).exp().matrix().transpose();
  const RowMajorMatrixXd transition = (weights.log_transition.array() - most_transition).exp();
  const Eigen::VectorXd most_emission = log_emission.rowwise().maxCoeff();
  const RowMajorMatrixXd emission = (log_emission.colwise() - most_emission).array().exp();

  ChainExpectations out{most_initial + static_cast<double>(n - 1) * most_transition + most_emission.sum(),
                        RowMajorMatrixXd(n, k), RowMajorMatrixXd::Zero(k, k)};
  RowMajorMatrixXd& forward = out.state;  // each row divided by its sum
  Eigen::VectorXd sum(n);
  for (Eigen::Index t = 0; t < n; ++t) {
    if (t == 0) {
      forward.row(t) = initial;
    } else {
      forward.row(t).noalias() = forward.row(t - 1) * transition;
    }
    forward.row(t).array() *= emission.row(t).array();
    sum[t] = forward.row(t).sum();
    if (!(sum[t] >= std::numeric_limits<double>::min())) return expect_chain_by_logs(weights, log_emission);
    forward.row(t) /= sum[t];
    out.log_total += std::log(sum[t]);
  }
  Eigen::VectorXd backward = Eigen::VectorXd::Ones(k), next(k);
  for (Eigen::Index t = n - 1; t > 0; --t) {
    // Weights of the rest of the paths, seen from each state at t, with its emission.
    next = (backward.array() * emission.row(t).transpose().array()) / sum[t];
    out.transition += (forward.row(t - 1).transpose() * next.transpose()).cwiseProduct(transition);
    forward.row(t).array() *= backward.transpose().array();
    backward.noalias() = transition * next;
  }
  forward.row(0).array() *= backward.transpose().array();
  return out;
}

ChainExpectations expect_chain_by_logs(const ChainWeights& weights, const RowMajorMatrixXd& log_emission) {
  const Eigen::Index n = log_emission.rows(), k = log_emission.cols();
  ChainExpectations out{0, RowMajorMatrixXd(n, k), RowMajorMatrixXd::Zero(k, k)};
  out.log_total = chain_by_logs(n, k, weights.log_initial.data(), weights.log_transition.data(), log_emission.data(),
                                out.state.data(), out.transition.data());
  return out;
}

std::vector<std::int64_t> best_path(const ChainWeights& weights, const RowMajorMatrixXd& log_emission) {
  const Eigen::Index n = log_emission.rows(), k = log_emission.cols();
  Eigen::Matrix<std::int32_t, Eigen::Dynamic, Eigen::Dynamic> from(n, k);
  Eigen::VectorXd best = weights.log_initial + log_emission.row(0).transpose(), next(k);
  for (Eigen::Index t = 1; t < n; ++t) {
    for (Eigen::Index j = 0; j < k; ++j) {
      Eigen::Index at = 0;
      next[j] = (best + weights.log_transition.col(j)).maxCoeff(&at) + log_emission(t, j);
      from(t, j) = static_cast<std::int32_t>(at);
    }
    best = next;
  }
  std::vector<std::int64_t> path(static_cast<std::size_t>(n));
  Eigen::Index at = 0;
  best.maxCoeff(&at);
  for (Eigen::Index t = n; t-- > 0;) {
    path[static_cast<std::size_t>(t)] = at;
    if (t > 0) at = from(t, at);
  }
  return path;
}

}  // namespace velbo::internal
