#include "sequences/forward_backward.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace velbo::internal {
namespace {

double log_sum_exp(const Eigen::Ref<const Eigen::ArrayXd>& x) {
  const double most = x.maxCoeff();
  return std::isfinite(most) ? most + std::log((x - most).exp().sum()) : most;
}

}  // namespace

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
  RowMajorMatrixXd forward(n, k), backward(n, k);
  forward.row(0) = weights.log_initial.transpose() + log_emission.row(0);
  for (Eigen::Index t = 1; t < n; ++t)
    for (Eigen::Index j = 0; j < k; ++j)
      forward(t, j) =
          log_emission(t, j) + log_sum_exp((forward.row(t - 1).transpose() + weights.log_transition.col(j)).array());
  backward.row(n - 1).setZero();
  for (Eigen::Index t = n - 1; t > 0; --t)
    for (Eigen::Index i = 0; i < k; ++i)
      backward(t - 1, i) =
          log_sum_exp((weights.log_transition.row(i) + log_emission.row(t) + backward.row(t)).transpose().array());
  ChainExpectations out{log_sum_exp(forward.row(n - 1).transpose().array()), RowMajorMatrixXd::Zero(n, k),
                        RowMajorMatrixXd::Zero(k, k)};
  if (!std::isfinite(out.log_total)) return out;
  out.state = (forward + backward).array() - out.log_total;
  out.state = out.state.array().exp();
  for (Eigen::Index t = 1; t < n; ++t)
    for (Eigen::Index i = 0; i < k; ++i)
      for (Eigen::Index j = 0; j < k; ++j)
        out.transition(i, j) += std::exp(forward(t - 1, i) + weights.log_transition(i, j) + log_emission(t, j) +
                                         backward(t, j) - out.log_total);
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
