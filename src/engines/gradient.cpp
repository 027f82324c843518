// engines/gradient.cpp
#include "engines/gradient.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/prefetch.h"
#include "engines/findings.h"
#include "engines/optimum_distance.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr double kSgdRate = 0.5;
constexpr double kAdamShare = 0.1, kAdamLeast = 0.02, kAdamMost = 2;
constexpr double kDecay = 0.6;
constexpr std::int64_t kExactSteps = 10;      // of a round without noise: each halves the distance
constexpr std::int64_t kLeastSteps = 20;      // of any other round
constexpr double kRoundGrowth = 1.5;          // where noise averages out slowly, checks become rare
constexpr std::int64_t kRejectedInARow = 20;  // steps or rounds, before the fit is called diverged
constexpr double kAgreementDouble = 1e-9, kAgreementFloat = 1e-3;

// The factor of the inverse of the model's curvature, by which means are whitened; sds where there is no dense one.
Eigen::MatrixXd mean_factor(const GaussianPoint& point, const ExpectedLogJoint& expected,
                            ExpectedLogJointOracle& oracle) {
  std::optional<Eigen::MatrixXd> curvature;
  if (point.family == FamilyKind::full_rank) {
    curvature = expected.curvature;
  } else {
    curvature = oracle.dense_curvature(point);
    if (!curvature) return expected.curvature.col(0).cwiseMax(1e-300).cwiseSqrt().cwiseInverse();
  }
  if (std::optional<Eigen::MatrixXd> factor = inverse_factor(*curvature)) return *factor;
  if (point.family == FamilyKind::full_rank) return point.factor;
  return point.sd();
}

double square(double x) { return x * x; }

}  // namespace

GradientEngine::GradientEngine(const GlmData& data, std::unique_ptr<ExpectedLogJointOracle> oracle,
                               std::unique_ptr<ElboEstimator> estimator, std::optional<BatchOrder> order,
                               const GradientSettings& settings, GaussianPoint point, const MakeStepRunner& make_runner)
    : data_(data),
      oracle_(std::move(oracle)),
      estimator_(std::move(estimator)),
      order_(std::move(order)),
      options_(settings.options),
      tolerance_(settings.tolerance),
      float_rows_(settings.float_rows),
      exact_(options_.estimator == Estimator::quadrature && !order_),
      anchored_(options_.variance_reduction == VarianceReduction::anchor && !exact_),
      point_(std::move(point)),
      ascent_(options_) {
  const auto d = static_cast<double>(point_.dimension()), s = static_cast<double>(options_.draws);
  const bool adam = options_.optimizer == OptimizerKind::adam;
  const double base = options_.learning_rate > 0 ? options_.learning_rate : adam ? 1 : kSgdRate;
  const double rows = order_ ? static_cast<double>(options_.batch_size) : INFINITY;
  mean_rate_ = adam || options_.learning_rate > 0 ? base : base / square(1 + std::sqrt(d / rows));
  factor_rate_ = mean_rate_;
  if (options_.estimator == Estimator::weights && !adam && options_.learning_rate == 0) {
    const double directions = point_.family == FamilyKind::full_rank ? d : 1 + static_cast<double>(point_.rank());
    factor_rate_ /= square(1 + std::sqrt(directions / s));
  }
  decay_ = options_.decay >= 0 ? options_.decay : exact_ || anchored_ ? 0 : kDecay;
  some_flat_ = std::any_of(data_.priors.begin(), data_.priors.end(),
                           [](const NamedPrior& p) { return p.prior.kind == Prior::Kind::flat; });
  report_.on_all_data = true;
  report_.stage = order_ ? fmt::format("batches of {} rows", options_.batch_size) : "all rows";
  if (make_runner)
    runner_ = make_runner(order_ ? &*order_ : nullptr, {.estimator = options_.estimator,
                                                        .n_draws = options_.draws,
                                                        .draw_kind = options_.draw_kind,
                                                        .entropy = options_.entropy,
                                                        .adam = adam,
                                                        .momentum = options_.momentum,
                                                        .clip = options_.clip,
                                                        .decay = decay_,
                                                        .warm_up_steps = options_.warm_up_steps,
                                                        .anchored = anchored_,
                                                        .longest_factor_step = kLongestFactorStep,
                                                        .most_rejected = kRejectedInARow});
}

void GradientEngine::count_rows() { report_.rows_read = oracle_->rows_read() + estimator_->rows_read(); }

void GradientEngine::diverge(const std::string& why) {
  report_.diverged = true;
  report_.message = why;
}

void GradientEngine::advance(std::int64_t n_steps) {
  for (std::int64_t i = 0; i < n_steps && !report_.diverged;) {
    if (!expected_) {
      if (some_flat_) start_sd_ = point_.sd();
      check(point_);
      if (report_.diverged || report_.error_sd <= tolerance_) return;
      if (options_.check_batches) require_batches_to_agree();
    }
    i += runner_ ? run_steps(n_steps - i) : step();
    if (steps_in_round_ >= round_length_ && !report_.diverged) check(reached());
  }
}

GaussianPoint GradientEngine::reached() const {
  return options_.averaging && !exact_ ? ascent_.averaged() : ascent_.at();
}

std::span<const std::int64_t> GradientEngine::next_batch() {
  if (!order_) return {};
  const std::vector<RowRange> ahead = order_->reads_ahead(report_.steps);
  if (!ahead.empty()) prefetch(data_.x.store(), ahead);
  return order_->batch(report_.steps);
}

Eigen::VectorXd GradientEngine::gradient_at(const Eigen::VectorXd& w, std::span<const std::int64_t> batch) const {
  const Whitening& whitening = ascent_.whitening;
  return whitening.pull_back(w,
                             estimator_->estimate(whitening.at(w), batch, static_cast<std::uint32_t>(report_.steps)));
}

Eigen::VectorXd GradientEngine::rates() const {
  const double now = damping_ * adam_rate_ * schedule(report_.steps, options_.warm_up_steps, decay_);
  const Eigen::Index d = point_.dimension();
  Eigen::VectorXd out(ascent_.whitening.size());
  out.head(d).setConstant(now * mean_rate_);
  out.tail(out.size() - d).setConstant(now * factor_rate_);
  return out;
}

std::int64_t GradientEngine::step() {
  const std::span<const std::int64_t> batch = next_batch();
  const GaussianPoint here = ascent_.at();
  Eigen::VectorXd gradient = ascent_.whitening.pull_back(
      ascent_.w, estimator_->estimate(here, batch, static_cast<std::uint32_t>(report_.steps)));
  ++report_.evaluations;
  if (anchored_) {
    // The same rows and draws at the anchor: the difference is small near it.
    if (ascent_.w.isZero(0)) {
      gradient = anchor_;
    } else {
      gradient += anchor_ - gradient_at(Eigen::VectorXd::Zero(ascent_.w.size()), batch);
      ++report_.evaluations;
    }
  }
  const Eigen::VectorXd rate = rates();
  ++report_.steps;
  ++steps_in_round_;
  count_rows();
  if (!gradient.allFinite()) {
    ++report_.rejected_steps;
    damping_ *= 0.5;
    if (++rejected_in_a_row_ >= kRejectedInARow) diverge(kGradientsNotFinite);
    return 1;
  }
  rejected_in_a_row_ = 0;
  ascent_.step(std::move(gradient), rate);
  if (!exact_ && !anchored_) history_.add(here);
  return 1;
}

void GradientEngine::check(const GaussianPoint& candidate) {
  ExpectedLogJoint expected = oracle_->evaluate(candidate, true);
  if (steps_in_round_ > 0) report_.iterate_rhat = history_.stationarity(candidate.sd()).rhat;
  ++report_.evaluations;
  count_rows();
  const double elbo = expected.value + candidate.entropy();
  const bool finite = expected.is_finite() && std::isfinite(elbo);
  const bool first = !expected_;
  if (first && !finite) return diverge("the log joint is not finite at the start");
  if (first && some_flat_) {
    const std::string why = flat_reason(data_, candidate, expected);
    if (!why.empty()) return diverge(why);
  }
  const bool better = finite && (first || elbo >= best_elbo_ - expected.slack);
  // Noise lowers the ELBO of plain stochastic rounds now and then, for which nothing is wrong with their steps.
  const bool undone = !finite || (!better && (exact_ || anchored_));
  if (undone) {
    ++report_.rejected_steps;
    damping_ *= 0.5;
    if (++rejected_in_a_row_ >= kRejectedInARow) {
      // Within rounding of the optimum nothing can be told apart.
      if (report_.error_sd < 0.1) {
        report_.stalled = true;
      } else {
        return diverge("no round of steps raises the ELBO, however short the steps");
      }
    }
    begin_round(*expected_, point_);
    return;
  }
  rejected_in_a_row_ = 0;
  if (better) {
    const Distance distance = distance_to_optimum(candidate, expected, *oracle_, 0.1);
    count_rows();
    report_.error_sd = distance.largest();
    // Loadings creep along flat directions: what still moves from check to check is not there yet.
    if (point_.rank() > 0)
      report_.error_sd = std::max(report_.error_sd, first ? INFINITY : distance_in_sds(point_, candidate).sds);
    point_ = candidate;
    best_elbo_ = report_.elbo = elbo;
    const std::string why = some_flat_ && !first ? runaway_reason(data_, point_, start_sd_) : std::string();
    if (!why.empty()) return diverge(why);
  }
  begin_round(expected, candidate);
  if (better) expected_ = std::move(expected);
}

void GradientEngine::begin_round(const ExpectedLogJoint& expected, const GaussianPoint& around) {
  ascent_.begin(Whitening(around, mean_factor(around, expected, *oracle_)));
  history_.restart();
  count_rows();
  Eigen::VectorXd full = ascent_.whitening.pull_back(ascent_.w, elbo_gradient(around, expected));
  if (options_.optimizer == OptimizerKind::adam && options_.learning_rate == 0)
    adam_rate_ = std::clamp(kAdamShare * full.cwiseAbs().maxCoeff(), kAdamLeast, kAdamMost);
  if (anchored_) anchor_ = std::move(full);
  tell_runner();
  steps_in_round_ = 0;
  ++round_;
  const std::int64_t epoch = std::max(kLeastSteps, order_ ? order_->batches_per_epoch() : 1);
  if (exact_) {
    round_length_ = kExactSteps;
  } else if (anchored_) {
    round_length_ = epoch;
  } else {
    const double longer = static_cast<double>(epoch) * std::pow(kRoundGrowth, static_cast<double>(round_ - 1));
    round_length_ = static_cast<std::int64_t>(std::min(longer, 1e9));
  }
}

double GradientEngine::evaluate() {
  if (report_.diverged || !expected_) return best_elbo_;
  // Where a limit ends the fit within a round: is what the steps so far have reached better?
  if (steps_in_round_ > 0 && !(report_.error_sd <= tolerance_)) check(reached());
  return best_elbo_;
}

void GradientEngine::require_batches_to_agree() {
  if (!order_) return;
  const Eigen::VectorXd whole = gradient_at(ascent_.w, {});
  Eigen::VectorXd mean = Eigen::VectorXd::Zero(whole.size());
  double scale = 1;
  for (std::int64_t b = 0; b < order_->batches_per_epoch(); ++b) {
    const std::span<const std::int64_t> batch = order_->batch(b);
    const double share = static_cast<double>(batch.size()) / static_cast<double>(data_.n_rows);
    const Eigen::VectorXd gradient = gradient_at(ascent_.w, batch);
    mean += share * gradient;
    scale += share * gradient.norm();
  }
  const double off = (mean - whole).norm() / scale;
  if (!(off < (float_rows_ ? kAgreementFloat : kAgreementDouble)))
    throw Error(ErrorCode::internal,
                fmt::format("the mean gradient of an epoch's {} batches is {:.3g} (relative) off that of all rows",
                            order_->batches_per_epoch(), off));
}

std::vector<std::string> GradientEngine::findings() {
  if (!expected_ || report_.diverged) return {};
  return findings_at(data_, point_, *expected_);
}

}  // namespace velbo::internal
