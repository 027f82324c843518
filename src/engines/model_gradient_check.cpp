// engines/model_gradient_check.cpp - what fresh draws say of the steps' answer.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engines/gaussian_update.h"
#include "engines/model_findings.h"
#include "engines/model_gradient.h"
#include "objectives/family_errors.h"

namespace velbo::internal {
namespace {

// A check begins with few draws, which tell what is far off, and takes more while the answer is open.
constexpr std::int64_t kFirstDraws = 512, kLastDraws = 4096, kMostDraws = 65536;
constexpr double kMostElements = 2e7;            // of draws in memory: 160 MB
constexpr std::uint32_t kStages = 16;            // of a check, at most
constexpr std::int64_t kCurvatureDraws = 32;     // 16 of which mirror the others
constexpr Eigen::Index kMostDifferenced = 1000;  // latents
constexpr std::int64_t kChecksCutOff = 3;        // before a model that ends within q is given up
// Shorter steps than that come to rest later than their average comes near.
constexpr double kLeastDamping = 1.0 / 32;
constexpr double kUnknown = std::numeric_limits<double>::infinity();

}  // namespace

EvaluatedDraws ModelGradientEngine::fresh_draws(const GaussianPoint& point, std::int64_t count, std::uint32_t stage) {
  const RowMajorMatrix eps = DrawNoise(context_, point, count, DrawKind::iid, fold_in(key_, 2))
                                 .at(kStages * static_cast<std::uint32_t>(checks_) + stage);
  const RowMajorMatrix z = draws_of(point, eps);
  Eigen::VectorXd value(count);
  RowMajorMatrix gradient(count, point.dimension());
  density_->evaluate(count, z.data(), value.data(), gradient.data());
  return finite_draws(eps, gradient, std::move(value));
}

std::optional<MarginalErrors> ModelGradientEngine::errors_of(const GaussianPoint& point, const EvaluatedDraws& draws,
                                                             const std::optional<Eigen::MatrixXd>& curvature) const {
  if (draws.n_draws() < 2) return std::nullopt;
  if (point.family == FamilyKind::full_rank)
    return marginal_errors(point, draws.eps, whitened_residuals(point, draws, kLongestResidual));
  return family_errors(point, draws, *curvature);
}

// From draws of which half mirror the others; nothing where it would take too many gradients.
std::optional<Eigen::MatrixXd> ModelGradientEngine::curvature_of(const GaussianPoint& point, std::int64_t draws,
                                                                 std::uint32_t stage) {
  if (point.dimension() > kMostDifferenced) return std::nullopt;
  RowMajorMatrix eps = DrawNoise(context_, point, draws, DrawKind::iid, fold_in(key_, 3)).at(stage);
  eps.bottomRows(draws / 2) = -eps.topRows(draws / 2);
  return curvature_at(*density_, point, draws_of(point, eps));
}

void ModelGradientEngine::whiten() {
  const GaussianPoint around = ascent_.at();
  // Checks and whitenings take noise of their own.
  const auto stage = (1U << 31U) + static_cast<std::uint32_t>(report_.steps);
  const std::optional<Eigen::MatrixXd> curvature = curvature_of(around, kWhiteningDraws, stage);
  if (curvature) {
    if (std::optional<Eigen::MatrixXd> factor = inverse_factor(*curvature)) mean_factor_ = std::move(*factor);
  }
  begin_round(around);
}

// Changes nothing but the density's count of gradients, so that a check may run out of time.
ModelGradientEngine::Look ModelGradientEngine::look_at(const GaussianPoint& point, bool within_limits) {
  const Eigen::Index d = point.dimension();
  Look out;
  if (point.family != FamilyKind::full_rank) {
    out.curvature = curvature_of(point, kCurvatureDraws, static_cast<std::uint32_t>(checks_));
    // q's own, which knows nothing of correlations.
    if (!out.curvature) out.curvature = Eigen::MatrixXd(point.sd().cwiseAbs2().cwiseInverse().asDiagonal());
  }
  const auto affordable = static_cast<std::int64_t>(kMostElements / static_cast<double>(d + point.rank()));
  const std::int64_t most = std::clamp<std::int64_t>(affordable, 256, kMostDraws);
  std::int64_t count = std::min(within_limits ? kLastDraws : kFirstDraws, most);
  // Of 2 D numbers that are noise alone the largest is about this many standard errors.
  const double largest_of_noise = std::max(2.0, std::sqrt(2 * std::log(4 * static_cast<double>(d))));
  for (std::uint32_t stage = 0;; ++stage) {
    const EvaluatedDraws draws = fresh_draws(point, count, stage);
    out.draws += draws.n_draws();
    out.masked += draws.n_masked;
    const std::optional<MarginalErrors> errors = errors_of(point, draws, out.curvature);
    if (!errors) {
      out.elbo = {-kUnknown, kUnknown};
      out.distance = kUnknown;
      return out;
    }
    out.elbo = elbo_of_draws(point, draws);
    const double noise = errors->largest_se();
    out.distance = std::max(errors->largest(), noise);  // no answer is known better than it was looked at
    const bool far_off = !(errors->largest(largest_of_noise) <= tolerance_);
    if (within_limits || far_off || noise <= 0.5 * tolerance_ || count >= most || stage + 1 == kStages) return out;
    const double wanted = 1.2 * static_cast<double>(count) * std::pow(2 * noise / tolerance_, 2);
    count = static_cast<std::int64_t>(
        std::min(std::max(wanted, 2.0 * static_cast<double>(count)), static_cast<double>(most)));
  }
}

void ModelGradientEngine::keep(const Look& look) {
  ++checks_;
  masked_ += look.masked;
  masked_share_ =
      static_cast<double>(look.masked) / static_cast<double>(std::max<std::int64_t>(1, look.masked + look.draws));
  report_.elbo = look.elbo.value;
  report_.elbo_se = look.elbo.standard_error;
  double distance = look.distance;
  // Of averaged iterates the standard error of their mean is part of the answer's error; the last one is looked at as it is.
  if (options_.averaging && !std::isnan(rest_.rhat)) distance = std::max(distance, rest_.error_sd);
  // A gradient within its noise is no distance along a direction in which the ELBO is flat (a funnel's neck, loadings): what still moves from
  // check to check, beyond the noise of the two averages, is not there yet.
  double moved = kUnknown;
  if (checked_)
    moved = std::max((point_.mean - checked_->mean).cwiseQuotient(units()).cwiseAbs().maxCoeff(),
                     (point_.sd().array() / checked_->sd().array()).log().abs().maxCoeff()) -
            2 * std::hypot(checked_error_sd_, rest_.error_sd);
  distance = std::max(distance, moved);
  checked_ = point_;
  checked_error_sd_ = rest_.error_sd;
  report_.error_sd = masked_share_ > kMostMasked ? kUnknown : distance;
  report_.on_all_data = rest_.is_stationary();
  is_checked_ = true;
}

void ModelGradientEngine::check() {
  const Look look = look_at(point_, false);
  if (look.curvature) {
    if (std::optional<Eigen::MatrixXd> factor = inverse_factor(*look.curvature)) mean_factor_ = std::move(*factor);
  }
  keep(look);
  looked_ = true;
  if (report_.error_sd <= tolerance_) {
    phase_ = Phase::done;
    return;
  }
  if (masked_share_ > kMostMasked && checks_ >= kChecksCutOff) {
    phase_ = Phase::done;
    report_.stalled = true;
    report_.message = model_ends_within(masked_share_);
    return;
  }
  // The first look at a warm start says nothing about the steps.
  if (options_.decay < 0 && report_.steps > 0) damping_ = std::max(0.5 * damping_, kLeastDamping);
  length_ = kRestingGrowth * static_cast<double>(round_length_);
  const GaussianPoint around = point_;
  begin_round(around);
}

double ModelGradientEngine::evaluate() {
  if (is_checked_ || report_.diverged) return report_.elbo;
  if (phase_ == Phase::climbing) {
    rest_ = history_.stationarity(units());
    report_.iterate_rhat = rest_.rhat;
  }
  point_ = reached();
  try {
    keep(look_at(point_, true));
  } catch (const OutOfTime&) {
    // The ELBO of the last steps will have to do, and nothing is known of the distance.
    report_.error_sd = kUnknown;
    report_.elbo_se = std::numeric_limits<double>::quiet_NaN();
  }
  report_.evaluations = density_->gradients();
  return report_.elbo;
}

}  // namespace velbo::internal
