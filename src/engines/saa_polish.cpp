// engines/saa_polish.cpp
#include "engines/saa_polish.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engines/gaussian_update.h"
#include "math/matched_normals.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kSlab = 1024;           // draws in memory at once
constexpr std::int64_t kStepsAReference = 25;  // before the coordinates are whitened anew
constexpr std::int64_t kMostSteps = 300;
constexpr std::int64_t kMostDraws = std::int64_t{1} << 20;  // that a checkpoint may ask for
constexpr double kFarFromReference = 1;                     // posterior sds, or e-folds of an sd
constexpr double kLongest = 1;                              // change of a coordinate in one step: a posterior sd

}  // namespace

SaaPolish::SaaPolish(ModelDensity& density, const GaussianPoint& start, const Eigen::MatrixXd& mean_factor,
                     std::int64_t draws, Key key, std::uint32_t scramble)
    : density_(&density),
      eps_(matched_normals(draws, start.dimension() + start.rank(), key, scramble)),
      whitening_(start, mean_factor),
      scramble_(scramble) {
  // Draws out of the model's reach at the start would make every value infinite.
  std::vector<std::int64_t> out_of_reach;
  for (std::int64_t first = 0; first < draws; first += kSlab) {
    const std::int64_t n = std::min(kSlab, draws - first);
    const RowMajorMatrix z = draws_of(start, eps_.middleRows(first, n));
    Eigen::VectorXd value(n);
    RowMajorMatrix gradient(n, start.dimension());
    density.evaluate(n, z.data(), value.data(), gradient.data());
    for (std::int64_t s = 0; s < n; ++s)
      if (!std::isfinite(value[s]) || !gradient.row(s).allFinite()) out_of_reach.push_back(first + s);
  }
  leave_out(out_of_reach);
  begin(start);
}

void SaaPolish::leave_out(const std::vector<std::int64_t>& draws) {
  masked_ = draws;
  n_masked_ = static_cast<std::int64_t>(draws.size());
  if (draws.empty()) return;
  std::int64_t kept = 0;
  std::size_t next = 0;
  for (std::int64_t s = 0; s < eps_.rows(); ++s) {
    if (next < draws.size() && draws[next] == s) {
      ++next;
    } else {
      if (kept != s) eps_.row(kept) = eps_.row(s);
      ++kept;
    }
  }
  eps_.conservativeResize(kept, Eigen::NoChange);
}

SaaPolish::SaaPolish(ModelDensity& density, const GaussianPoint& like, Key key, const EngineState& state)
    : density_(&density),
      whitening_(state.point("polish.reference", like), state.matrix("polish.mean_factor")),
      w_(state.vector("polish.w")),
      at_{state.number("polish.value"), state.vector("polish.gradient")},
      scramble_(static_cast<std::uint32_t>(state.whole("polish.scramble"))),
      steps_(state.whole("polish.steps")) {
  const std::int64_t draws = state.whole("polish.draws");
  const Eigen::MatrixXd& mean_factor = whitening_.mean_factor();
  if (mean_factor.rows() != like.dimension() || mean_factor.cols() != like.dimension() || draws < 1 ||
      draws > kMostDraws || w_.size() != whitening_.size() || at_.gradient.size() != w_.size())
    throw Error(ErrorCode::file, "the checkpoint's polishing is not of this model");
  eps_ = matched_normals(draws, like.dimension() + like.rank(), key, scramble_);
  std::vector<std::int64_t> masked;
  if (state.has("polish.masked"))
    for (const double s : state.vector("polish.masked")) masked.push_back(static_cast<std::int64_t>(s));
  leave_out(masked);
  if (state.has("polish.changes")) lbfgs_.set_pairs(state.matrix("polish.changes"), state.matrix("polish.gradients"));
}

void SaaPolish::save(EngineState& state) const {
  state.set("polish.reference", whitening_.reference());
  state.set("polish.mean_factor", whitening_.mean_factor());
  state.set("polish.w", Eigen::MatrixXd(w_));
  state.set("polish.value", at_.value);
  state.set("polish.gradient", Eigen::MatrixXd(at_.gradient));
  state.set("polish.scramble", static_cast<std::int64_t>(scramble_));
  state.set("polish.steps", steps_);
  state.set("polish.draws", eps_.rows() + n_masked_);
  if (!masked_.empty()) {
    Eigen::VectorXd masked(n_masked_);
    for (std::size_t i = 0; i < masked_.size(); ++i)
      masked[static_cast<Eigen::Index>(i)] = static_cast<double>(masked_[i]);
    state.set("polish.masked", Eigen::MatrixXd(masked));
  }
  if (const auto [changes, gradients] = lbfgs_.pairs(); changes.cols() > 0) {
    state.set("polish.changes", changes);
    state.set("polish.gradients", gradients);
  }
}

void SaaPolish::begin(const GaussianPoint& start) {
  // A full-rank q's own factor is the better one by now.
  Whitening whitening(start, start.family == FamilyKind::full_rank ? start.factor : whitening_.mean_factor());
  std::swap(whitening_, whitening);
  const Eigen::VectorXd origin = Eigen::VectorXd::Zero(whitening_.size());
  try {
    at_ = loss(origin);
  } catch (const OutOfTime&) {
    std::swap(whitening_, whitening);
    throw;
  }
  w_ = origin;
  lbfgs_.forget();
}

Lbfgs::Value SaaPolish::loss(const Eigen::VectorXd& w) const {
  const GaussianPoint point = whitening_.at(w);
  const Eigen::Index d = point.dimension();
  const auto draws = static_cast<double>(eps_.rows());
  ElboGradient sum{0, Eigen::VectorXd::Zero(d), Eigen::MatrixXd::Zero(d, point.factor.cols())};
  if (!point.mean.allFinite() || !point.factor.allFinite())
    return {std::numeric_limits<double>::infinity(), Eigen::VectorXd::Zero(w.size())};
  for (std::int64_t first = 0; first < eps_.rows(); first += kSlab) {
    const std::int64_t n = std::min<std::int64_t>(kSlab, eps_.rows() - first);
    const Eigen::MatrixXd eps = eps_.middleRows(first, n);
    const RowMajorMatrix z = draws_of(point, eps);
    Eigen::VectorXd value(n);
    RowMajorMatrix gradient(n, d);
    density_->evaluate(n, z.data(), value.data(), gradient.data());
    ElboGradient slab{0, Eigen::VectorXd::Zero(d), Eigen::MatrixXd::Zero(d, point.factor.cols())};
    add_pullback(point, eps, gradient, slab);
    const double share = static_cast<double>(n) / draws;
    sum.value += value.sum() / draws;
    sum.mean += share * slab.mean;
    sum.factor += share * slab.factor;
  }
  add_entropy(point, sum);
  if (!sum.is_finite()) return {std::numeric_limits<double>::infinity(), Eigen::VectorXd::Zero(w.size())};
  return {-sum.value, -whitening_.pull_back(w, sum)};
}

double SaaPolish::remaining() const {
  const Eigen::VectorXd step = lbfgs_.expected_step(at_.gradient);
  if (whitening_.reference().family == FamilyKind::full_rank) return step.cwiseAbs().maxCoeff();
  // The mean's coordinates are the posterior's sds, of which one may be hundreds of q's.
  return distance_in_sds(point(), whitening_.at(w_ + step)).largest();
}

bool SaaPolish::step(double enough) {
  if (!std::isfinite(at_.value) || remaining() <= enough || steps_ >= kMostSteps) return false;
  const bool full_rank = whitening_.reference().family == FamilyKind::full_rank;
  if (steps_ > 0 && steps_ % kStepsAReference == 0 &&
      (full_rank || distance_in_sds(whitening_.reference(), point()).largest() > kFarFromReference))
    begin(point());
  const bool lower = lbfgs_.step([this](const Eigen::VectorXd& w) { return loss(w); }, w_, at_, kLongest);
  ++steps_;
  return lower && remaining() > enough && steps_ < kMostSteps;
}

}  // namespace velbo::internal
