// optimizers/lbfgs.cpp
#include "optimizers/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace velbo::internal {
namespace {

constexpr double kSufficientDecrease = 1e-4;
constexpr int kHalvings = 30;
constexpr double kLeastCurvature = 1e-10;

}  // namespace

// H g by the two-loop recursion, H scaled by the last pair.
Eigen::VectorXd Lbfgs::direction(const Eigen::VectorXd& gradient) const {
  Eigen::VectorXd q = gradient;
  std::vector<double> alpha(pairs_.size());
  for (std::size_t i = pairs_.size(); i-- > 0;) {
    alpha[i] = pairs_[i].rho * pairs_[i].s.dot(q);
    q -= alpha[i] * pairs_[i].y;
  }
  if (!pairs_.empty()) q /= pairs_.back().rho * pairs_.back().y.squaredNorm();
  for (std::size_t i = 0; i < pairs_.size(); ++i) q += (alpha[i] - pairs_[i].rho * pairs_[i].y.dot(q)) * pairs_[i].s;
  return -q;
}

std::pair<Eigen::MatrixXd, Eigen::MatrixXd> Lbfgs::pairs() const {
  const Eigen::Index rows = pairs_.empty() ? 0 : pairs_.front().s.size();
  std::pair<Eigen::MatrixXd, Eigen::MatrixXd> out;
  out.first.resize(rows, static_cast<Eigen::Index>(pairs_.size()));
  out.second.resizeLike(out.first);
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    out.first.col(static_cast<Eigen::Index>(i)) = pairs_[i].s;
    out.second.col(static_cast<Eigen::Index>(i)) = pairs_[i].y;
  }
  return out;
}

void Lbfgs::set_pairs(const Eigen::MatrixXd& changes, const Eigen::MatrixXd& gradients) {
  forget();
  for (Eigen::Index i = 0; i < std::min(changes.cols(), gradients.cols()); ++i)
    pairs_.push_back({changes.col(i), gradients.col(i), 1 / changes.col(i).dot(gradients.col(i))});
}

bool Lbfgs::step(const Function& function, Eigen::VectorXd& x, Value& at, double longest) {
  for (int attempt = 0; attempt < 2; ++attempt) {  // the second with nothing remembered
    Eigen::VectorXd p = direction(at.gradient);
    double slope = p.dot(at.gradient);
    if (!p.allFinite() || !(slope < 0)) {
      forget();
      p = -at.gradient;
      slope = -at.gradient.squaredNorm();
    }
    double length = std::min(1.0, longest / std::max(p.cwiseAbs().maxCoeff(), 1e-300));
    for (int halving = 0; halving <= kHalvings; ++halving) {
      const Eigen::VectorXd candidate = x + length * p;
      Value there = function(candidate);
      const bool finite = std::isfinite(there.value) && there.gradient.allFinite();
      const bool lower = there.value < at.value;
      // Next to a minimum values are equal up to rounding while gradients still tell.
      const bool flatter = there.value == at.value && there.gradient.norm() < at.gradient.norm();
      if (finite && ((lower && there.value <= at.value + kSufficientDecrease * length * slope) || flatter)) {
        Pair pair{candidate - x, there.gradient - at.gradient, 0};
        const double curvature = pair.s.dot(pair.y);
        if (curvature > kLeastCurvature * pair.s.norm() * pair.y.norm()) {
          pair.rho = 1 / curvature;
          if (pairs_.size() == memory_) pairs_.pop_front();
          pairs_.push_back(std::move(pair));
        }
        x = candidate;
        at = std::move(there);
        return true;
      }
      // The minimum of the parabola through what is known, within bounds; halved where nothing is known.
      double factor = 0.5;
      if (finite) {
        const double rise = there.value - at.value - length * slope;
        if (rise > 0) factor = std::clamp(-0.5 * length * slope / rise, 0.1, 0.5);
      }
      length *= factor;
    }
    if (pairs_.empty()) return false;
    forget();
  }
  return false;
}

}  // namespace velbo::internal
