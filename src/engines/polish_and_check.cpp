// engines/polish_and_check.cpp
#include "engines/polish_and_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "engines/gaussian_update.h"
#include "engines/model_findings.h"
#include "engines/nearest_family.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kFirstDraws = 1024, kMostDraws = 16384;
constexpr double kPolishedTo = 0.05;  // of the tolerance
constexpr std::int64_t kMostChecks = 6;
// Streams of the fit's key: 1 is the climb's.
constexpr std::uint64_t kPolishing = 2, kChecking = 3;

// A full-rank factor has D numbers a latent to find; the moments of the others' noise take more draws than there are of it.
std::int64_t first_polishing_draws(FamilyKind family, std::int64_t dimension, std::int64_t rank) {
  const std::int64_t least = family == FamilyKind::full_rank ? 8 * dimension : 3 * (dimension + rank) / 2;
  return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(std::max(kFirstDraws, least))));
}

}  // namespace

PolishAndCheck::PolishAndCheck(ModelDensity& density, const Context& context, const Settings& settings)
    : density_(&density),
      fresh_(density, context, settings.tolerance, fold_in(settings.key, kChecking)),
      settings_(settings) {}

void PolishAndCheck::take(GaussianPoint climbed) {
  point_ = std::move(climbed);
  climbed_factor_ = point_.factor;
  if (settings_.family == FamilyKind::mean_field) point_ = nearest_mean_field(point_);
  if (settings_.family == FamilyKind::low_rank) point_ = near_low_rank(point_, settings_.rank);
  is_checked_ = false;
}

void PolishAndCheck::begin(EngineReport& report) { next_round(report); }

void PolishAndCheck::step(EngineReport& report) {
  switch (phase_) {
    case Phase::starting: start(); break;
    case Phase::polishing: polish(report); break;
    case Phase::checking: check(false, report); break;
    case Phase::done: break;
  }
}

void PolishAndCheck::next_round(EngineReport& report) {
  phase_ = Phase::starting;
  polishing_draws_ = polishing_draws_ > 0 ? 2 * polishing_draws_
                                          : first_polishing_draws(settings_.family, point_.dimension(), settings_.rank);
  report.stage = fmt::format("polishing, {} draws", polishing_draws_);
}

void PolishAndCheck::start() {
  const auto scramble = static_cast<std::uint32_t>(std::countr_zero(static_cast<std::uint64_t>(polishing_draws_)));
  const Eigen::MatrixXd& mean_factor = settings_.family == FamilyKind::full_rank ? point_.factor : climbed_factor_;
  SaaPolish polishing(*density_, point_, mean_factor, polishing_draws_, fold_in(settings_.key, kPolishing), scramble);
  polishing_ = std::move(polishing);
  masked_ += polishing_->n_masked();
  phase_ = Phase::polishing;
}

void PolishAndCheck::polish(EngineReport& report) {
  const bool more = polishing_->step(kPolishedTo * settings_.tolerance);
  point_ = polishing_->point();
  report.elbo = polishing_->elbo();
  report.error_sd = polishing_->remaining();
  is_checked_ = false;
  if (more) return;
  // Two rounds that both stopped short agree as well: what they left counts too.
  if (before_doubling_) disagreement_ = std::max(distance_in_sds(*before_doubling_, point_).largest(), report.error_sd);
  const bool last = disagreement_ <= settings_.tolerance || (before_doubling_ && !may_double());
  before_doubling_ = point_;
  if (last) {
    phase_ = Phase::checking;
    report.stage = "checking";
  } else {
    next_round(report);
  }
}

void PolishAndCheck::check(bool within_limits, EngineReport& report) {
  if (is_checked_) return;
  const bool full_rank = settings_.family == FamilyKind::full_rank;
  const auto number = static_cast<std::uint32_t>(checks_);
  const FreshLook look =
      full_rank ? fresh_.distance(point_, number, within_limits) : fresh_.elbo(point_, number, within_limits);
  if (!look.enough) {
    report.diverged = true;
    report.message = "hardly a draw of q has a finite log joint";
    return;
  }
  ++checks_;
  masked_ += look.n_masked;
  report.elbo = look.elbo;
  report.elbo_se = look.elbo_se;
  const double distance = full_rank ? look.distance : disagreement_;
  report.error_sd = look.cut_off() ? std::numeric_limits<double>::infinity() : distance;
  report.on_all_data = true;
  is_checked_ = true;
  if (within_limits) return;
  if (report.error_sd <= settings_.tolerance) {
    phase_ = Phase::done;
  } else if (!look.cut_off() && full_rank && checks_ < kMostChecks && may_double()) {
    report.on_all_data = false;
    next_round(report);
  } else {
    stall(look, report);
  }
}

void PolishAndCheck::stall(const FreshLook& look, EngineReport& report) {
  phase_ = Phase::done;
  report.stalled = true;
  report.message =
      look.cut_off()
          ? model_ends_within(look.masked_share)
          : fmt::format(
                "about {:.2g} posterior sds from the optimum, and more draws than are allowed would be needed to come "
                "nearer (tolerance {:.2g})",
                report.error_sd, settings_.tolerance);
}

bool PolishAndCheck::may_double() const {
  return 2 * polishing_draws_ <=
         std::max(kMostDraws, first_polishing_draws(settings_.family, point_.dimension(), settings_.rank));
}

void PolishAndCheck::save(EngineState& state) const {
  state.set("finish.point", point_);
  state.set("finish.phase", static_cast<std::int64_t>(phase_));
  state.set("finish.climbed_factor", climbed_factor_);
  state.set("finish.masked", masked_);
  state.set("finish.checks", checks_);
  state.set("finish.disagreement", disagreement_);
  state.set("finish.draws", polishing_draws_);
  state.set("finish.is_checked", std::int64_t{is_checked_ ? 1 : 0});
  if (before_doubling_) state.set("finish.before_doubling", *before_doubling_);
  if (phase_ == Phase::polishing) polishing_->save(state);
}

void PolishAndCheck::load(const EngineState& state, const GaussianPoint& like) {
  const std::int64_t phase = state.whole("finish.phase");
  if (phase < 0 || phase > static_cast<std::int64_t>(Phase::done))
    throw Error(ErrorCode::file, fmt::format("the checkpoint is in phase {} of polishing, expected 0 to 3", phase));
  phase_ = static_cast<Phase>(phase);
  take(like);  // the shapes to expect
  climbed_factor_ = state.matrix("finish.climbed_factor");
  if (climbed_factor_.rows() != like.dimension() || climbed_factor_.cols() != like.dimension())
    throw Error(ErrorCode::file,
                fmt::format("the checkpoint's factor has the shape [{}, {}], expected [{}, {}]", climbed_factor_.rows(),
                            climbed_factor_.cols(), like.dimension(), like.dimension()));
  point_ = state.point("finish.point", point_);
  masked_ = state.whole("finish.masked");
  checks_ = state.whole("finish.checks");
  disagreement_ = state.number("finish.disagreement");
  polishing_draws_ = state.whole("finish.draws");
  is_checked_ = state.whole("finish.is_checked") != 0;
  before_doubling_.reset();
  if (state.has("finish.before_doubling.mean")) before_doubling_ = state.point("finish.before_doubling", point_);
  polishing_.reset();
  if (phase_ == Phase::polishing) polishing_.emplace(*density_, point_, fold_in(settings_.key, kPolishing), state);
}

}  // namespace velbo::internal
