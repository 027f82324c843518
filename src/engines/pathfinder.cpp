// engines/pathfinder.cpp
#include "engines/pathfinder.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engines/compact_inverse_hessian.h"
#include "objectives/draws.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr Eigen::Index kHistory = 6;
constexpr Eigen::Index kDraws = 25;
constexpr double kLeastCurvature = 1e-12;
constexpr std::int64_t kMostSteps = 300;
constexpr double kFlat = 1e-9;  // relative change of the log joint
// Of a latent in one step: at first nothing is known of its scale.
constexpr double kFirstLength = 1, kLongest = 100;

// [D, m] and one column more, of which the last kHistory.
Eigen::MatrixXd with_column(const Eigen::MatrixXd& matrix, const Eigen::VectorXd& column) {
  const Eigen::Index kept = std::min(matrix.cols(), kHistory - 1);
  Eigen::MatrixXd out(column.size(), kept + 1);
  out << matrix.rightCols(kept), column;
  return out;
}

}  // namespace

Eigen::VectorXd updated_diagonal(const Eigen::VectorXd& diagonal, const Eigen::VectorXd& change,
                                 const Eigen::VectorXd& gradient_change) {
  const Eigen::ArrayXd alpha = diagonal.array(), s = change.array(), y = gradient_change.array();
  const double a = (y.square() * alpha).sum(), b = (s * y).sum(), c = (s.square() / alpha).sum();
  return (a / (b * alpha) + y.square() / b - a * s.square() / (b * c * alpha.square())).inverse().matrix();
}

Pathfinder::Pathfinder(ModelDensity& density, GaussianPoint start, Key key)
    : density_(&density), start_(std::move(start)), key_(key), lbfgs_(kHistory), x_(start_.mean) {
  const Eigen::Index d = start_.dimension();
  curvature_ = {Eigen::VectorXd::Ones(d), Eigen::MatrixXd(d, 0), Eigen::MatrixXd(d, 0)};
  best_.mean = x_;
  best_.curvature = curvature_;
}

Lbfgs::Value Pathfinder::loss(const Eigen::VectorXd& x) const {
  Lbfgs::Value out{0, Eigen::VectorXd(x.size())};
  density_->evaluate(1, x.data(), &out.value, out.gradient.data());
  out.value = -out.value;
  out.gradient = -out.gradient;
  return out;
}

Eigen::MatrixXd Pathfinder::noise() const {
  RowMajorMatrix eps(kDraws, start_.dimension());
  for (Eigen::Index s = 0; s < kDraws; ++s)
    standard_normals(key_, static_cast<std::uint32_t>(steps_), static_cast<std::uint32_t>(s), 0,
                     std::span<double>(eps.row(s).data(), static_cast<std::size_t>(eps.cols())));
  return eps;
}

// Draws z = mean + noise, noise a factor of the covariance times eps: log q = -D/2 log 2 pi - log |H| / 2 - |eps|^2 / 2.
ElboEstimate Pathfinder::estimate(const Eigen::VectorXd& mean, const Eigen::MatrixXd& noise, const Eigen::MatrixXd& eps,
                                  double log_determinant) const {
  RowMajorMatrix z = noise;
  z.rowwise() += mean.transpose();
  Eigen::VectorXd value(z.rows());
  density_->evaluate(z.rows(), z.data(), value.data(), nullptr);
  if (!value.allFinite()) return {-std::numeric_limits<double>::infinity(), 0};
  const double constant = 0.5 * (static_cast<double>(mean.size()) * std::log(2 * std::numbers::pi) + log_determinant);
  const Eigen::ArrayXd terms = value.array() + 0.5 * eps.rowwise().squaredNorm().array() + constant;
  const auto n = static_cast<double>(terms.size());
  return {terms.mean(), std::sqrt((terms - terms.mean()).square().sum() / (n - 1) / n)};
}

void Pathfinder::first_step() {
  Lbfgs::Value at = loss(x_);
  const Eigen::MatrixXd eps = noise();
  const double log_determinant = 2 * start_.factor.diagonal().array().log().sum();
  best_.elbo = estimate(x_, eps * start_.factor.triangularView<Eigen::Lower>().transpose(), eps, log_determinant);
  at_ = std::move(at);
  over_ = !std::isfinite(at_.value) || !at_.gradient.allFinite();
}

bool Pathfinder::step() {
  if (over_) return false;
  if (steps_ == 0) {
    first_step();
    ++steps_;
    return !over_;
  }
  Lbfgs lbfgs = lbfgs_;
  Eigen::VectorXd x = x_;
  Lbfgs::Value at = at_;
  const bool lower = lbfgs.step([this](const Eigen::VectorXd& z) { return loss(z); }, x, at,
                                lbfgs_.n_pairs() == 0 ? kFirstLength : kLongest);
  Curvature curvature = curvature_;
  Candidate candidate;
  if (lower) {
    const Eigen::VectorXd s = x - x_, y = at.gradient - at_.gradient;
    if (s.dot(y) > kLeastCurvature * y.squaredNorm()) {
      const Eigen::VectorXd diagonal = updated_diagonal(curvature.diagonal, s, y);
      if (diagonal.allFinite() && diagonal.minCoeff() > 0)
        curvature = {diagonal, with_column(curvature.changes, s), with_column(curvature.gradients, y)};
    }
    const CompactInverseHessian inverse(curvature.diagonal, curvature.changes, curvature.gradients);
    if (inverse.is_positive_definite()) {
      const Eigen::MatrixXd eps = noise();
      candidate = {steps_, x - inverse.times(at.gradient), curvature, {}};
      candidate.elbo = estimate(candidate.mean, inverse.draws(eps), eps, inverse.log_determinant());
    }
  }
  // Nothing throws from here on.
  if (candidate.elbo.value > best_.elbo.value) best_ = std::move(candidate);
  ++steps_;
  over_ = !lower || steps_ > kMostSteps || at_.value - at.value <= kFlat * std::max(1.0, std::abs(at.value));
  std::swap(lbfgs_, lbfgs);
  x_.swap(x);
  std::swap(at_, at);
  curvature_ = std::move(curvature);
  return !over_;
}

GaussianPoint Pathfinder::best() const {
  if (best_.iterate == 0) return start_;
  const Eigen::MatrixXd factor =
      CompactInverseHessian(best_.curvature.diagonal, best_.curvature.changes, best_.curvature.gradients)
          .dense_factor();
  if (factor.size() == 0) return start_;
  return {FamilyKind::full_rank, best_.mean, factor};
}

void Pathfinder::save(EngineState& state) const {
  const auto set_curvature = [&](const std::string& name, const Curvature& curvature) {
    state.set(name + ".diagonal", Eigen::MatrixXd(curvature.diagonal));
    if (curvature.changes.cols() == 0) return;
    state.set(name + ".changes", curvature.changes);
    state.set(name + ".gradients", curvature.gradients);
  };
  state.set("path.steps", steps_);
  state.set("path.over", std::int64_t{over_ ? 1 : 0});
  if (steps_ == 0) return;
  state.set("path.x", Eigen::MatrixXd(x_));
  state.set("path.value", at_.value);
  state.set("path.gradient", Eigen::MatrixXd(at_.gradient));
  set_curvature("path.curvature", curvature_);
  state.set("path.best.iterate", best_.iterate);
  state.set("path.best.mean", Eigen::MatrixXd(best_.mean));
  state.set("path.best.elbo", best_.elbo.value);
  state.set("path.best.elbo_se", best_.elbo.standard_error);
  set_curvature("path.best.curvature", best_.curvature);
  if (const auto [changes, gradients] = lbfgs_.pairs(); changes.cols() > 0) {
    state.set("path.lbfgs.changes", changes);
    state.set("path.lbfgs.gradients", gradients);
  }
}

void Pathfinder::load(const EngineState& state) {
  const Eigen::Index d = start_.dimension();
  const auto of_size = [&](Eigen::MatrixXd matrix, Eigen::Index columns) {
    if (matrix.rows() != d || matrix.cols() != columns)
      throw Error(ErrorCode::file, "the checkpoint's path is not of this model");
    return matrix;
  };
  const auto pairs = [&](const std::string& name) {
    if (!state.has(name + ".changes")) return std::pair{Eigen::MatrixXd(d, 0), Eigen::MatrixXd(d, 0)};
    const Eigen::MatrixXd changes = state.matrix(name + ".changes");
    return std::pair{of_size(changes, changes.cols()), of_size(state.matrix(name + ".gradients"), changes.cols())};
  };
  const auto curvature = [&](const std::string& name) {
    auto [changes, gradients] = pairs(name);
    return Curvature{of_size(state.matrix(name + ".diagonal"), 1), std::move(changes), std::move(gradients)};
  };
  steps_ = state.whole("path.steps");
  over_ = state.whole("path.over") != 0;
  if (steps_ == 0) return;
  x_ = of_size(state.matrix("path.x"), 1);
  at_ = {state.number("path.value"), of_size(state.matrix("path.gradient"), 1)};
  curvature_ = curvature("path.curvature");
  best_ = {state.whole("path.best.iterate"),
           of_size(state.matrix("path.best.mean"), 1),
           curvature("path.best.curvature"),
           {state.number("path.best.elbo"), state.number("path.best.elbo_se")}};
  lbfgs_.forget();
  const auto [changes, gradients] = pairs("path.lbfgs");
  if (changes.cols() > 0) lbfgs_.set_pairs(changes, gradients);
}

}  // namespace velbo::internal
