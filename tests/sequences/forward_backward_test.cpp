// The recursions against sums over all paths.
#include "sequences/forward_backward.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace velbo::internal {
namespace {

struct Chain {
  ChainWeights weights;
  RowMajorMatrixXd log_emission;
};

Chain random_chain(Eigen::Index n, Eigen::Index k, double spread) {
  std::mt19937_64 engine(17);
  std::normal_distribution<double> normal(0, spread);
  Chain out{{Eigen::VectorXd(k), RowMajorMatrixXd(k, k)}, RowMajorMatrixXd(n, k)};
  for (double& v : out.weights.log_initial) v = normal(engine);
  for (double& v : out.weights.log_transition.reshaped()) v = normal(engine);
  for (double& v : out.log_emission.reshaped()) v = normal(engine);
  return out;
}

// Calls visit(path, log weight) for every path.
template <class Visit>
void for_every_path(const Chain& chain, const Visit& visit) {
  const Eigen::Index n = chain.log_emission.rows(), k = chain.log_emission.cols();
  std::vector<Eigen::Index> path(static_cast<std::size_t>(n), 0);
  for (;;) {
    double log_weight = chain.weights.log_initial[path[0]] + chain.log_emission(0, path[0]);
    for (Eigen::Index t = 1; t < n; ++t)
      log_weight +=
          chain.weights.log_transition(path[static_cast<std::size_t>(t - 1)], path[static_cast<std::size_t>(t)]) +
          chain.log_emission(t, path[static_cast<std::size_t>(t)]);
    visit(path, log_weight);
    std::size_t at = 0;
    while (at < path.size() && ++path[at] == k) path[at++] = 0;
    if (at == path.size()) return;
  }
}

// Numbers of order e^spread are summed, relative to the largest.
ChainExpectations by_enumeration(const Chain& chain) {
  const Eigen::Index n = chain.log_emission.rows(), k = chain.log_emission.cols();
  double most = -std::numeric_limits<double>::infinity(), total = 0;
  for_every_path(chain, [&](const auto&, double w) { most = std::max(most, w); });
  ChainExpectations out{0, RowMajorMatrixXd::Zero(n, k), RowMajorMatrixXd::Zero(k, k)};
  for_every_path(chain, [&](const auto& path, double w) {
    const double weight = std::exp(w - most);
    total += weight;
    for (std::size_t t = 0; t < path.size(); ++t) {
      out.state(static_cast<Eigen::Index>(t), path[t]) += weight;
      if (t > 0) out.transition(path[t - 1], path[t]) += weight;
    }
  });
  out.state /= total;
  out.transition /= total;
  out.log_total = most + std::log(total);
  return out;
}

void expect_same(const ChainExpectations& a, const ChainExpectations& b, double tolerance) {
  EXPECT_NEAR(a.log_total, b.log_total, tolerance * std::max(1.0, std::abs(b.log_total)));
  EXPECT_LT((a.state - b.state).cwiseAbs().maxCoeff(), tolerance);
  EXPECT_LT((a.transition - b.transition).cwiseAbs().maxCoeff(), tolerance);
}

TEST(ForwardBackward, SumsOverAllPaths) {
  for (const Eigen::Index n : {1, 2, 6})
    for (const Eigen::Index k : {1, 2, 4}) {
      const Chain chain = random_chain(n, k, 2);
      const ChainExpectations expected = by_enumeration(chain);
      expect_same(expect_chain(chain.weights, chain.log_emission), expected, 1e-12);
      expect_same(expect_chain_by_logs(chain.weights, chain.log_emission), expected, 1e-12);
    }
}

// Weights that differ by factors of e^1000: what a step's largest term is underflows beside what another's would have been.
TEST(ForwardBackward, DoesNotUnderflow) {
  const Chain chain = random_chain(6, 3, 900);
  expect_same(expect_chain(chain.weights, chain.log_emission), by_enumeration(chain), 1e-10);
  Chain stuck = random_chain(5, 2, 1);  // emissions ask for the state that no step leads to
  stuck.weights.log_transition << 0, -2000, -2000, 0;
  stuck.weights.log_initial << 0, -2000;
  stuck.log_emission.col(0).array() -= 900;
  expect_same(expect_chain(stuck.weights, stuck.log_emission), by_enumeration(stuck), 1e-10);
}

TEST(ForwardBackward, WhatCannotBe) {
  Chain chain = random_chain(4, 3, 1);
  chain.log_emission(2, 0) = chain.log_emission(2, 1) = -std::numeric_limits<double>::infinity();
  expect_same(expect_chain(chain.weights, chain.log_emission), by_enumeration(chain), 1e-12);
  chain.log_emission(2, 2) = -std::numeric_limits<double>::infinity();
  EXPECT_EQ(expect_chain(chain.weights, chain.log_emission).log_total, -std::numeric_limits<double>::infinity());
}

TEST(ForwardBackward, LongSequencesKeepTheirScale) {
  const Chain chain = random_chain(200000, 3, 1);
  const ChainExpectations found = expect_chain(chain.weights, chain.log_emission);
  EXPECT_TRUE(std::isfinite(found.log_total));
  EXPECT_NEAR(found.state.rowwise().sum().minCoeff(), 1, 1e-12);
  EXPECT_NEAR(found.transition.sum(), 199999, 1e-6);
}

TEST(ForwardBackward, TheBestPathIsTheBest) {
  for (const Eigen::Index n : {1, 2, 6}) {
    const Chain chain = random_chain(n, 3, 2);
    double most = -std::numeric_limits<double>::infinity();
    std::vector<std::int64_t> best;
    for_every_path(chain, [&](const auto& path, double w) {
      if (w <= most) return;
      most = w;
      best.assign(path.begin(), path.end());
    });
    EXPECT_EQ(best_path(chain.weights, chain.log_emission), best);
  }
}

}  // namespace
}  // namespace velbo::internal
