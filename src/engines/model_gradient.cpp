// engines/model_gradient.cpp
#include "engines/model_gradient.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engines/model_findings.h"
#include "objectives/family_errors.h"

namespace velbo::internal {
namespace {

constexpr double kAdamRate = 0.1, kSgdRate = 0.5;
constexpr double kFirstLength = 40;
constexpr double kForgetting = 1.0 / 50;    // of the ELBO that is shown
constexpr std::int64_t kMostRejected = 40;  // steps in a row, each of which halves q's sds

double square(double x) { return x * x; }

}  // namespace

ModelGradientEngine::ModelGradientEngine(std::unique_ptr<ModelDensity> density, const Context& context,
                                         const ModelGradientSettings& settings, GaussianPoint start, bool warm)
    : density_(std::move(density)),
      context_(context),
      options_(settings.options),
      tolerance_(settings.tolerance),
      fixed_coordinates_(settings.fixed_coordinates),
      key_(settings.key),
      point_(std::move(start)),
      estimator_([this](std::int64_t n, const double* z, double* value,
                        double* gradient) { evaluate_step(n, z, value, gradient); },
                 context, point_,
                 {.estimator = options_.estimator,
                  .draws = options_.draws,
                  .draw_kind = options_.draw_kind,
                  .entropy = options_.entropy},
                 fold_in(key_, 1)),
      ascent_(options_),
      start_sd_(point_.sd()),
      warm_(warm),
      length_(kFirstLength) {
  if (const std::int64_t rows = density_->model().n_rows(); options_.batch_size > 0 && options_.batch_size < rows)
    batches_.emplace(rows, options_.batch_size, fold_in(key_, 5));
  const auto d = static_cast<double>(point_.dimension()), s = static_cast<double>(options_.draws);
  const double directions = point_.family == FamilyKind::full_rank ? d : 1 + static_cast<double>(point_.rank());
  const bool adam = options_.optimizer == OptimizerKind::adam;
  mean_rate_ = factor_rate_ = options_.learning_rate > 0 ? options_.learning_rate : adam ? kAdamRate : kSgdRate;
  if (options_.learning_rate == 0)
    factor_rate_ = adam ? std::min(kAdamRate, 2 * kAdamRate * std::sqrt(s) / directions)
                        : kSgdRate / square(1 + std::sqrt(directions / s));
}

void ModelGradientEngine::advance(std::int64_t n_steps) {
  for (std::int64_t i = 0; i < n_steps && !report_.diverged && phase_ != Phase::done; ++i) {
    try {
      step();
    } catch (const OutOfTime&) {
      report_.evaluations = density_->gradients();
      return;  // where the last whole step left it
    }
  }
}

// Each case either does all that it does or, out of time, nothing; only then does the step count.
void ModelGradientEngine::step() {
  if (phase_ == Phase::starting) start();
  if (!report_.diverged) {
    switch (phase_) {
      case Phase::whitening: whiten(); break;
      case Phase::checking: check(); break;
      default: climb();
    }
  }
  ++report_.steps;
  report_.evaluations = density_->gradients();
}

void ModelGradientEngine::start() {
  std::string why = why_not_finite(*density_, point_.mean);
  if (!why.empty()) return diverge(std::move(why));
  begin_round(point_);
  if (!warm_) return;
  rest_ = {1, 0};  // nothing moves yet
  phase_ = Phase::checking;
  report_.stage = "checking";
}

void ModelGradientEngine::diverge(std::string why) {
  report_.diverged = true;
  report_.message = std::move(why);
}

Eigen::VectorXd ModelGradientEngine::rates() const {
  const double now = damping_ * schedule(report_.steps, options_.warm_up_steps, std::max(options_.decay, 0.0));
  const Eigen::Index d = point_.dimension();
  Eigen::VectorXd out(ascent_.whitening.size());
  out.head(d).setConstant(now * mean_rate_);
  out.tail(out.size() - d).setConstant(now * factor_rate_);
  return out;
}

void ModelGradientEngine::evaluate_step(std::int64_t n_draws, const double* z, double* value, double* gradient) {
  if (!batches_) return density_->evaluate(n_draws, z, value, gradient);
  const std::span<const std::int64_t> rows = batches_->batch(report_.steps);
  const RowBatch batch{rows, static_cast<double>(density_->model().n_rows()) / static_cast<double>(rows.size())};
  density_->evaluate(n_draws, z, &batch, value, gradient);
  report_.rows_read += static_cast<std::int64_t>(rows.size());
}

void ModelGradientEngine::climb() {
  const GaussianPoint here = ascent_.at();
  const ElboGradient estimate = estimator_.estimate(here, {}, static_cast<std::uint32_t>(report_.steps));
  Eigen::VectorXd gradient = ascent_.whitening.pull_back(ascent_.w, estimate);
  if (!estimate.is_finite() || !gradient.allFinite()) return reject(here);
  rejected_in_a_row_ = 0;
  report_.elbo =
      std::isnan(report_.elbo) ? estimate.value : report_.elbo + kForgetting * (estimate.value - report_.elbo);
  history_.add(here);
  point_ = here;
  is_checked_ = false;
  ascent_.step(std::move(gradient), rates(), std::sqrt(static_cast<double>(point_.dimension())));
  std::string why = runaway_sd(density_->model(), point_, start_sd_);
  if (!why.empty()) return diverge(std::move(why));
  if (++steps_in_round_ >= round_length_ && !fixed_coordinates_) end_round();
}

// Nearly everything that q reaches is out of the model's: look closer to the mean.
void ModelGradientEngine::reject(const GaussianPoint& here) {
  ++report_.rejected_steps;
  if (++rejected_in_a_row_ >= kMostRejected)
    return diverge(
        fmt::format("{} steps in a row found hardly a draw at which the log joint is finite, the last around {}",
                    rejected_in_a_row_, place_of(density_->model(), here.mean)));
  if (fixed_coordinates_) return;
  GaussianPoint closer = here;
  closer.factor *= 0.5;
  begin_round(closer);
}

void ModelGradientEngine::begin_round(const GaussianPoint& around) {
  Eigen::MatrixXd factor = around.factor;
  if (fixed_coordinates_ || (around.family != FamilyKind::full_rank && mean_factor_.size() == 0)) {
    factor = around.sd();
  } else if (around.family != FamilyKind::full_rank) {
    factor = mean_factor_;
  }
  ascent_.begin(Whitening(around, std::move(factor)));
  history_.restart();
  point_ = around;
  steps_in_round_ = 0;
  round_length_ = static_cast<std::int64_t>(length_);
  phase_ = Phase::climbing;
  report_.stage = batches_ ? fmt::format("steps of {} draws and {} rows", options_.draws, options_.batch_size)
                           : fmt::format("steps of {} draws", options_.draws);
}

GaussianPoint ModelGradientEngine::reached() const {
  if (phase_ == Phase::starting) return point_;
  return options_.averaging ? ascent_.averaged() : ascent_.at();
}

void ModelGradientEngine::end_round() {
  rest_ = history_.stationarity(units());
  report_.iterate_rhat = rest_.rhat;
  if (!rest_.is_stationary()) {
    length_ *= kMovingGrowth;
    // Along directions that q does not follow its own sds are steps too short or too long; looking at the curvature costs as much as a
    // round at most.
    const bool worth = 2 * kWhiteningDraws * point_.dimension() <= round_length_ * options_.draws;
    if (point_.family == FamilyKind::full_rank || !worth) return begin_round(ascent_.at());
    phase_ = Phase::whitening;
    report_.stage = "whitening";
    return;
  }
  if (looked_ && options_.averaging && rest_.error_sd > tolerance_) {
    round_length_ = static_cast<std::int64_t>(kRestingGrowth * static_cast<double>(round_length_));
    return;
  }
  point_ = reached();
  phase_ = Phase::checking;
  report_.stage = "checking";
}

Eigen::VectorXd ModelGradientEngine::units() const {
  return mean_factor_.size() > 0 ? units_of(point_, mean_factor_) : point_.sd();
}

std::vector<std::string> ModelGradientEngine::findings() { return draws_left_out(masked_ + estimator_.n_masked()); }

}  // namespace velbo::internal
