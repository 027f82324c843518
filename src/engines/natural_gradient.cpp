// engines/natural_gradient.cpp
#include "engines/natural_gradient.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "engines/gaussian_update.h"
#include "engines/model_findings.h"
#include "engines/nearest_family.h"

namespace velbo::internal {
namespace {

// Climbing.
constexpr double kLongestStep = 0.2;      // r
constexpr double kLongestResidual = 1e6;  // of one draw, whitened
constexpr std::size_t kWindow = 16;       // steps whose gradients are averaged
constexpr double kForgetting = 1.0 / 20;  // of the ELBO that is shown
constexpr std::int64_t kMostClimbing = 2000;
constexpr std::int64_t kMostRejected = 40;  // steps in a row, each of which halves q's sds
// Polishing.
constexpr std::int64_t kFirstDraws = 1024, kMostDraws = 16384;
constexpr double kPolishedTo = 0.05;  // of the tolerance
// Checking.
constexpr std::int64_t kCheckDraws = 4096, kMostCheckDraws = 65536;
constexpr double kMostElements = 2e7;  // of draws in memory: 160 MB
constexpr std::int64_t kMostChecks = 6;
constexpr double kElboError =
    0.01;  // nats, a standard error; of mean-field and low-rank fits, whose q is far from the posterior
constexpr const char* kNoDraws = "hardly a draw of q has a finite log joint";

RowMajorMatrix mirrored(RowMajorMatrix eps) {
  const Eigen::Index half = eps.rows();
  eps.conservativeResize(2 * half, Eigen::NoChange);
  eps.bottomRows(half) = -eps.topRows(half);
  return eps;
}

// A full-rank factor has D numbers a latent to find; the moments of the others' noise take more draws than there are of it.
std::int64_t first_polishing_draws(FamilyKind family, std::int64_t dimension, std::int64_t rank) {
  const std::int64_t least = family == FamilyKind::full_rank ? 8 * dimension : 3 * (dimension + rank) / 2;
  return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(std::max(kFirstDraws, least))));
}

}  // namespace

NaturalGradientEngine::NaturalGradientEngine(std::unique_ptr<ModelDensity> density, const Context& context,
                                             const Settings& settings, std::optional<GaussianPoint> init)
    : density_(std::move(density)),
      context_(context),
      tolerance_(settings.tolerance),
      draws_(settings.draws > 0 ? settings.draws : std::max<std::int64_t>(32, (density_->n_latents() + 1) / 2)),
      family_(settings.family),
      rank_(settings.rank),
      key_(settings.key),
      point_(init ? std::move(*init) : standard_start(density_->model().parameters())) {
  draws_ += draws_ % 2;  // pairs
  start_sd_ = point_.sd();
  report_.stage = fmt::format("climbing, {} draws", draws_);
}

void NaturalGradientEngine::advance(std::int64_t n_steps) {
  for (std::int64_t i = 0; i < n_steps && !report_.diverged && phase_ != Phase::done; ++i) {
    try {
      step();
    } catch (const OutOfTime&) {
      count_gradients();
      return;  // where the last whole step left it
    }
  }
}

// Each case either does all that it does or, out of time, nothing; only then does the step count.
void NaturalGradientEngine::step() {
  if (report_.steps == 0) {
    std::string why = why_not_finite(*density_, point_.mean);
    if (!why.empty()) diverge(std::move(why));
  }
  if (!report_.diverged) {
    switch (phase_) {
      case Phase::climbing: climb(); break;
      case Phase::starting: start_polishing(); break;
      case Phase::polishing: polish(); break;
      case Phase::checking: check(false); break;
      case Phase::done: break;
    }
  }
  ++report_.steps;
  count_gradients();
}

void NaturalGradientEngine::count_gradients() { report_.evaluations = density_->gradients(); }

std::optional<EvaluatedDraws> NaturalGradientEngine::climbing_draws() {
  const RowMajorMatrix eps = mirrored(DrawNoise(context_, point_, draws_ / 2, DrawKind::iid, fold_in(key_, 1))
                                          .at(static_cast<std::uint32_t>(climbed_)));
  const RowMajorMatrix z = draws_of(point_, eps);
  Eigen::VectorXd value(draws_);
  RowMajorMatrix gradient(draws_, point_.dimension());
  density_->evaluate(draws_, z.data(), value.data(), gradient.data());
  ++climbed_;
  EvaluatedDraws draws = finite_draws(eps, gradient, std::move(value));
  masked_ += draws.n_masked;
  if (draws.n_draws() >= std::max<std::int64_t>(2, draws_ / 4)) return draws;
  return std::nullopt;
}

void NaturalGradientEngine::climb() {
  const std::optional<EvaluatedDraws> draws = climbing_draws();
  if (!draws) {
    // Nearly everything that q reaches is out of the model's: look closer to the mean.
    ++report_.rejected_steps;
    point_.factor *= 0.5;
    if (++rejected_in_a_row_ >= kMostRejected)
      diverge(fmt::format("{} steps in a row found hardly a draw at which the log joint is finite, the last around {}",
                          rejected_in_a_row_, place_of(density_->model(), point_.mean)));
    return;
  }
  rejected_in_a_row_ = 0;
  const Eigen::MatrixXd residuals = whitened_residuals(point_, *draws, kLongestResidual);
  follow(marginal_errors(point_, draws->eps, residuals, draws->n_masked == 0 ? draws_ / 2 : 0));
  const double elbo = elbo_of_draws(point_, *draws).value;
  average_elbo_ = window_.size() == 1 ? elbo : average_elbo_ + kForgetting * (elbo - average_elbo_);
  report_.elbo = average_elbo_;
  const WhitenedGradient gradient = stein_gradient(draws->eps, residuals);
  const double r = trust_radius(gradient, kLongestStep);
  if (std::optional<GaussianPoint> next = trust_region_step(point_, gradient, r)) {
    point_ = std::move(*next);
  } else {
    ++report_.rejected_steps;
    point_.factor *= 0.5;
  }
  std::string why = runaway_sd(density_->model(), point_, start_sd_);
  if (!why.empty()) diverge(std::move(why));
  if (report_.diverged || !(only_noise_is_left() || climbed_ >= kMostClimbing)) return;
  take_family();
  next_round();
}

void NaturalGradientEngine::follow(const MarginalErrors& errors) {
  Eigen::ArrayXXd now(point_.dimension(), 4);
  now << errors.mean, errors.log_sd, errors.mean_se.square(), errors.log_sd_se.square();
  window_.push_back(std::move(now));
  if (window_.size() > kWindow) window_.pop_front();
  report_.error_sd = window_mean().leftCols(2).abs().maxCoeff();
}

Eigen::ArrayXXd NaturalGradientEngine::window_mean() const {
  Eigen::ArrayXXd sum = window_.front();
  for (std::size_t i = 1; i < window_.size(); ++i) sum += window_[i];
  return sum / static_cast<double>(window_.size());
}

// Of n numbers that are noise alone the largest is about sqrt(2 log n) standard errors, sometimes less.
bool NaturalGradientEngine::only_noise_is_left() const {
  if (window_.size() < kWindow) return false;
  const Eigen::ArrayXXd mean = window_mean();
  const double largest =
      std::sqrt(2 * std::log(2 * static_cast<double>(std::max<Eigen::Index>(2, point_.dimension()))));
  const Eigen::ArrayXXd noise = largest * (mean.rightCols(2) / static_cast<double>(kWindow)).sqrt();
  return (mean.leftCols(2).abs() <= noise.max(tolerance_)).all();
}

void NaturalGradientEngine::diverge(std::string why) {
  report_.diverged = true;
  report_.message = std::move(why);
}

// The Gaussian of the family that is nearest to a full-rank one.
void NaturalGradientEngine::take_family() {
  climbed_factor_ = point_.factor;
  if (family_ == FamilyKind::mean_field) point_ = nearest_mean_field(point_);
  if (family_ == FamilyKind::low_rank) point_ = near_low_rank(point_, rank_);
}

void NaturalGradientEngine::next_round() {
  phase_ = Phase::starting;
  polishing_draws_ =
      polishing_draws_ > 0 ? 2 * polishing_draws_ : first_polishing_draws(family_, point_.dimension(), rank_);
  report_.stage = fmt::format("polishing, {} draws", polishing_draws_);
}

void NaturalGradientEngine::start_polishing() {
  const auto scramble = static_cast<std::uint32_t>(std::countr_zero(static_cast<std::uint64_t>(polishing_draws_)));
  const Eigen::MatrixXd& mean_factor = family_ == FamilyKind::full_rank ? point_.factor : climbed_factor_;
  SaaPolish polishing(*density_, point_, mean_factor, polishing_draws_, fold_in(key_, 2), scramble);
  polishing_ = std::move(polishing);
  masked_ += polishing_->n_masked();
  phase_ = Phase::polishing;
}

void NaturalGradientEngine::polish() {
  const bool more = polishing_->step(kPolishedTo * tolerance_);
  point_ = polishing_->point();
  report_.elbo = polishing_->elbo();
  report_.error_sd = polishing_->remaining();
  is_checked_ = false;
  if (more) return;
  // Two rounds that both stopped short agree as well: what they left counts too.
  if (before_doubling_)
    disagreement_ = std::max(distance_in_sds(*before_doubling_, point_).largest(), report_.error_sd);
  const bool last = disagreement_ <= tolerance_ || (before_doubling_ && !may_double());
  before_doubling_ = point_;
  if (last) {
    phase_ = Phase::checking;
    report_.stage = "checking";
  } else {
    next_round();
  }
}

EvaluatedDraws NaturalGradientEngine::independent_draws(std::int64_t count, std::uint32_t stage, bool gradients) {
  const RowMajorMatrix eps = DrawNoise(context_, point_, count, DrawKind::iid, fold_in(key_, 3)).at(stage);
  const RowMajorMatrix z = draws_of(point_, eps);
  Eigen::VectorXd value(count);
  RowMajorMatrix gradient = RowMajorMatrix::Zero(count, gradients ? point_.dimension() : 0);
  density_->evaluate(count, z.data(), value.data(), gradients ? gradient.data() : nullptr);
  return finite_draws(eps, gradient, std::move(value));
}

void NaturalGradientEngine::check(bool within_limits) {
  double distance = disagreement_;
  if (family_ == FamilyKind::full_rank) {
    distance = distance_by_fresh_draws(within_limits);
  } else {
    std::int64_t count = check_draws();
    for (std::uint32_t round = 0; round < 2; ++round) {
      const EvaluatedDraws draws = independent_draws(count, 2 * static_cast<std::uint32_t>(checks_) + round, false);
      if (draws.n_draws() < 2) return diverge(kNoDraws);
      keep_elbo(draws);
      if (within_limits || report_.elbo_se <= kElboError) break;
      count = std::min(kMostCheckDraws, affordable_draws());
    }
  }
  if (report_.diverged) return;
  ++checks_;
  // Stein's identity does not hold where q goes on and the model ends: the optimum that was found is another one.
  const bool cut_off = masked_share_ > kMostMasked;
  report_.error_sd = cut_off ? std::numeric_limits<double>::infinity() : distance;
  report_.on_all_data = true;
  is_checked_ = true;
  if (within_limits) return;
  if (report_.error_sd <= tolerance_) {
    phase_ = Phase::done;
  } else if (!cut_off && family_ == FamilyKind::full_rank && checks_ < kMostChecks && may_double()) {
    report_.on_all_data = false;
    next_round();
  } else {
    stall();
  }
}

void NaturalGradientEngine::stall() {
  phase_ = Phase::done;
  report_.stalled = true;
  report_.message =
      masked_share_ > kMostMasked
          ? model_ends_within(masked_share_)
          : fmt::format(
                "about {:.2g} posterior sds from the optimum, and more draws than are allowed would be needed to come "
                "nearer (tolerance {:.2g})",
                report_.error_sd, tolerance_);
}

std::int64_t NaturalGradientEngine::check_draws() const {
  return std::clamp<std::int64_t>(affordable_draws(), 256, kCheckDraws);
}

std::int64_t NaturalGradientEngine::affordable_draws() const {
  return static_cast<std::int64_t>(kMostElements / static_cast<double>(point_.dimension() + point_.rank()));
}

bool NaturalGradientEngine::may_double() const {
  return 2 * polishing_draws_ <= std::max(kMostDraws, first_polishing_draws(family_, point_.dimension(), rank_));
}

void NaturalGradientEngine::keep_elbo(const EvaluatedDraws& draws) {
  masked_ += draws.n_masked;
  masked_share_ = static_cast<double>(draws.n_masked) / static_cast<double>(draws.n_masked + draws.n_draws());
  const ElboEstimate elbo = elbo_of_draws(point_, draws);
  report_.elbo = elbo.value;
  report_.elbo_se = elbo.standard_error;
}

// With a second, larger set of draws where the first leaves the answer open.
double NaturalGradientEngine::distance_by_fresh_draws(bool within_limits) {
  std::int64_t count = check_draws();
  MarginalErrors errors;
  for (std::uint32_t round = 0; round < 2; ++round) {
    const EvaluatedDraws draws = independent_draws(count, 2 * static_cast<std::uint32_t>(checks_) + round, true);
    if (draws.n_draws() < 2) break;
    errors = marginal_errors(point_, draws.eps, whitened_residuals(point_, draws, kLongestResidual));
    keep_elbo(draws);
    const double wanted = std::ceil(static_cast<double>(count) * std::pow(2 * errors.largest_se() / tolerance_, 2));
    const auto most = std::min(kMostCheckDraws, affordable_draws());
    if (within_limits || !(wanted > static_cast<double>(count)) || count >= most) break;
    count = static_cast<std::int64_t>(std::min(wanted, static_cast<double>(most)));
  }
  if (errors.mean.size() == 0) {
    diverge(kNoDraws);
    return report_.error_sd;
  }
  return std::max(errors.largest(), errors.largest_se());  // no answer is known better than it was looked at
}

double NaturalGradientEngine::evaluate() {
  // What was asked for, wherever the climb is.
  if (phase_ == Phase::climbing && family_ != point_.family) take_family();
  if (is_checked_ || report_.diverged) return report_.elbo;
  try {
    check(true);
  } catch (const OutOfTime&) {
    // The ELBO of the last steps will have to do, and nothing is known of the distance.
    report_.error_sd = std::numeric_limits<double>::infinity();
    report_.elbo_se = std::numeric_limits<double>::quiet_NaN();
  }
  count_gradients();
  return report_.elbo;
}

std::vector<std::string> NaturalGradientEngine::findings() { return draws_left_out(masked_); }

}  // namespace velbo::internal
