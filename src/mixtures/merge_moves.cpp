// mixtures/merge_moves.cpp - which two components might better be one.
//
// A component's nearest few, by the distance of their means, are looked at.  With the sums of the two added up, and no other row moving,
// the ELBO changes by what the globals say, less the entropy of choosing between the two, which is not negative: pairs that the globals
// alone speak against are not tried, of the others the best first.
#include <algorithm>
#include <vector>

#include "mixtures/gaussian_mixture_model.h"

namespace velbo::internal {
namespace {

using Eigen::Index;

constexpr std::size_t kNearest = 3;
constexpr double kEmpty = 1e-3;  // rows: nothing is gained by merging less

void move_run(std::span<double> values, Index to, Index from, Index size) {
  for (Index i = 0; i < size; ++i) {
    values[static_cast<std::size_t>(to + i)] += values[static_cast<std::size_t>(from + i)];
    values[static_cast<std::size_t>(from + i)] = 0;
  }
}

std::set<std::pair<Index, Index>> near_pairs(const MixtureGlobals& globals, std::span<const double> statistics) {
  const Index k = globals.layout().k;
  const auto holds_rows = [&](Index i) { return statistics[static_cast<std::size_t>(i)] > kEmpty; };
  std::set<std::pair<Index, Index>> out;
  for (Index a = 0; a < k; ++a) {
    if (!holds_rows(a)) continue;
    std::vector<std::pair<double, Index>> others;
    for (Index b = 0; b < k; ++b)
      if (b != a && holds_rows(b)) others.emplace_back(std::min(globals.distance(a, b), globals.distance(b, a)), b);
    std::sort(others.begin(), others.end());
    for (std::size_t i = 0; i < std::min(kNearest, others.size()); ++i)
      out.insert({std::min(a, others[i].second), std::max(a, others[i].second)});
  }
  return out;
}

}  // namespace

void merge_statistics(const MixtureLayout& layout, Index a, Index b, std::span<double> merged) {
  move_run(merged, a, b, 1);
  move_run(merged, layout.sum_at(a), layout.sum_at(b), layout.d);
  if (layout.kind != CovarianceKind::tied)
    move_run(merged, layout.squares_at(a), layout.squares_at(b), layout.squares_each());
}

bool GaussianMixtureModel::propose(std::span<const double> statistics, std::span<double> proposal) {
  if (!merges_ || globals_.layout().k < 2) return false;
  const double now = globals_.statistics_term(statistics) + globals_.minus_kl();
  MixtureGlobals trial = globals_;
  double best = 0;
  for (const Pair& pair : near_pairs(globals_, statistics)) {
    if (rejected_.contains(pair)) continue;
    std::vector<double> merged(statistics.begin(), statistics.end());
    merge_statistics(globals_.layout(), pair.first, pair.second, merged);
    trial.set(merged);
    const double gain = trial.statistics_term(merged) + trial.minus_kl() - now;
    if (gain <= best) continue;
    best = gain;
    proposed_ = pair;
  }
  if (best <= 0) return false;
  std::copy(statistics.begin(), statistics.end(), proposal.begin());
  merge_statistics(globals_.layout(), proposed_.first, proposed_.second, proposal);
  return true;
}

void GaussianMixtureModel::judge(bool accepted) {
  if (!accepted) {
    rejected_.insert(proposed_);
    return;
  }
  ++n_merges_;
  std::erase_if(rejected_, [this](const Pair& pair) {
    return pair.first == proposed_.first || pair.second == proposed_.first || pair.first == proposed_.second ||
           pair.second == proposed_.second;
  });
}

}  // namespace velbo::internal
