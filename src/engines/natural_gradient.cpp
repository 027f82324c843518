// engines/natural_gradient.cpp
#include "engines/natural_gradient.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engines/gaussian_update.h"
#include "engines/model_findings.h"
#include "objectives/draws.h"

namespace velbo::internal {
namespace {

constexpr double kLongestStep = 0.2;      // r
constexpr std::size_t kWindow = 16;       // steps whose gradients are averaged
constexpr double kForgetting = 1.0 / 20;  // of the ELBO that is shown
constexpr std::int64_t kMostClimbing = 2000;
constexpr std::int64_t kMostRejected = 40;  // steps in a row, each of which halves q's sds
// Streams of the fit's key; engines/polish_and_check.cpp has 2 and 3.
constexpr std::uint64_t kClimbing = 1, kComparing = 4, kScattering = 5, kFinding = 6;

RowMajorMatrix mirrored(RowMajorMatrix eps) {
  const Eigen::Index half = eps.rows();
  eps.conservativeResize(2 * half, Eigen::NoChange);
  eps.bottomRows(half) = -eps.topRows(half);
  return eps;
}

}  // namespace

NaturalGradientEngine::NaturalGradientEngine(std::unique_ptr<ModelDensity> density, const Context& context,
                                             const Settings& settings, std::optional<GaussianPoint> init)
    : density_(std::move(density)),
      context_(context),
      tolerance_(settings.tolerance),
      draws_(settings.draws > 0 ? settings.draws : std::max<std::int64_t>(32, (density_->n_latents() + 1) / 2)),
      pathfinder_(settings.pathfinder && !init),
      key_(settings.key),
      point_(init ? std::move(*init) : standard_start(density_->model().parameters())),
      starts_(point_, settings.restarts, fold_in(key_, kScattering)),
      finish_(*density_, context_,
              {.tolerance = settings.tolerance, .family = settings.family, .rank = settings.rank, .key = key_}) {
  draws_ += draws_ % 2;  // pairs
  start_sd_ = point_.sd();
  tell_stage();
}

void NaturalGradientEngine::tell_stage() {
  const std::string which =
      starts_.count() > 1 ? fmt::format("start {} of {}, ", starts_.made() + 1, starts_.count()) : std::string();
  report_.stage = phase_ == Phase::finding ? which + "pathfinder" : fmt::format("{}climbing, {} draws", which, draws_);
}

void NaturalGradientEngine::advance(std::int64_t n_steps) {
  for (std::int64_t i = 0; i < n_steps && !report_.diverged && !(phase_ == Phase::finishing && finish_.is_over());
       ++i) {
    try {
      step();
    } catch (const OutOfTime&) {
      // Where the last whole step left it: what is resumed from here has the same bits, this count among them.
      density_->set_gradients(report_.evaluations);
      return;
    }
  }
}

// Each case either does all that it does or, out of time, nothing; only then does the step count.
void NaturalGradientEngine::step() {
  switch (phase_) {
    case Phase::setting_off: set_off(); break;
    case Phase::finding: look_around(); break;
    case Phase::climbing: climb(); break;
    case Phase::comparing: compare(); break;
    case Phase::finishing: finish_.step(report_); break;
  }
  ++report_.steps;
  report_.evaluations = density_->gradients();
}

Key NaturalGradientEngine::key_of_start(std::uint64_t stream) const {
  const Key key = fold_in(key_, stream);
  return starts_.made() == 0 ? key : fold_in(key, static_cast<std::uint64_t>(starts_.made()));
}

Pathfinder NaturalGradientEngine::path_from(const GaussianPoint& start) const {
  return {*density_, start, key_of_start(kFinding)};
}

void NaturalGradientEngine::set_off() {
  GaussianPoint start = starts_.made() == 0 ? point_ : starts_.at(starts_.made(), *density_);
  std::string wrong = why_not_finite(*density_, start.mean);
  if (!wrong.empty()) return fail(std::move(wrong));
  if (pathfinder_) path_.emplace(path_from(start));
  point_ = std::move(start);
  climbed_ = rejected_in_a_row_ = 0;
  window_.clear();
  phase_ = pathfinder_ ? Phase::finding : Phase::climbing;
  tell_stage();
}

void NaturalGradientEngine::look_around() {
  if (path_->step()) return;
  point_ = path_->best();
  report_.elbo = path_->best_elbo().value;
  path_.reset();
  phase_ = Phase::climbing;
  tell_stage();
}

std::optional<EvaluatedDraws> NaturalGradientEngine::climbing_draws() {
  const RowMajorMatrix eps = mirrored(DrawNoise(context_, point_, draws_ / 2, DrawKind::iid, key_of_start(kClimbing))
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
      fail(fmt::format("{} steps in a row found hardly a draw at which the log joint is finite, the last around {}",
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
  if (std::optional<GaussianPoint> next = natural_step(point_, gradient, r, Expectations::estimated)) {
    point_ = std::move(*next);
  } else {
    ++report_.rejected_steps;
    point_.factor *= 0.5;
  }
  check_growth();
  if (report_.diverged || !(only_noise_is_left() || climbed_ >= kMostClimbing)) return;
  if (starts_.count() > 1) {
    phase_ = Phase::comparing;
  } else {
    finish(std::move(point_));
  }
}

void NaturalGradientEngine::compare() {
  const FreshDraws fresh(*density_, context_, tolerance_, fold_in(key_, kComparing));
  const FreshLook look = fresh.elbo(point_, static_cast<std::uint32_t>(starts_.made()), true);
  masked_ += look.n_masked;
  if (!look.enough) return fail("hardly a draw of q has a finite log joint");
  starts_.keep(point_, look.elbo, look.elbo_se);
  after_a_start();
}

void NaturalGradientEngine::after_a_start() {
  if (!starts_.are_over()) {
    phase_ = Phase::setting_off;
    tell_stage();
  } else if (starts_.best()) {
    finish(*starts_.best());
  } else {
    diverge(starts_.first_failure());
  }
}

void NaturalGradientEngine::finish(GaussianPoint climbed) {
  phase_ = Phase::finishing;
  finish_.take(std::move(climbed));
  finish_.begin(report_);
}

void NaturalGradientEngine::fail(std::string why) {
  if (starts_.count() == 1) return diverge(std::move(why));
  starts_.keep_failure(std::move(why));
  after_a_start();
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

void NaturalGradientEngine::check_growth() {
  std::string why = runaway_sd(density_->model(), point_, start_sd_);
  if (!why.empty()) diverge(std::move(why));
}

void NaturalGradientEngine::diverge(std::string why) {
  report_.diverged = true;
  report_.message = std::move(why);
}

const GaussianPoint& NaturalGradientEngine::point() const {
  return phase_ == Phase::finishing ? finish_.point() : point_;
}

double NaturalGradientEngine::evaluate() {
  // What was asked for, wherever the climb is: of several starts the best of those that are over.
  if (phase_ != Phase::finishing) {
    if (phase_ == Phase::finding) point_ = path_->best();
    finish(starts_.best() ? *starts_.best() : point_);
  }
  starts_.tell(report_);
  if (report_.diverged) return report_.elbo;
  try {
    finish_.check(true, report_);
  } catch (const OutOfTime&) {
    // The ELBO of the last steps will have to do, and nothing is known of the distance.
    report_.error_sd = std::numeric_limits<double>::infinity();
    report_.elbo_se = std::numeric_limits<double>::quiet_NaN();
  }
  report_.evaluations = density_->gradients();
  return report_.elbo;
}

std::vector<std::string> NaturalGradientEngine::findings() {
  std::vector<std::string> out = starts_.findings();
  const std::vector<std::string> left_out = draws_left_out(masked_ + finish_.n_masked());
  out.insert(out.end(), left_out.begin(), left_out.end());
  return out;
}

}  // namespace velbo::internal
