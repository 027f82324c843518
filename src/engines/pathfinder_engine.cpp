// engines/pathfinder_engine.cpp
#include "engines/pathfinder_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "engines/model_findings.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kLeastPaths = 4;
constexpr double kNear = 5;  // tolerances
// Streams of the fit's key.
constexpr std::uint64_t kComparing = 1, kChecking = 2, kScattering = 3, kFinding = 4;

}  // namespace

PathfinderEngine::PathfinderEngine(std::unique_ptr<ModelDensity> density, const Context& context,
                                   const Settings& settings, std::optional<GaussianPoint> init)
    : density_(std::move(density)),
      tolerance_(settings.tolerance),
      key_(settings.key),
      comparing_(*density_, context, tolerance_, fold_in(key_, kComparing)),
      checking_(*density_, context, tolerance_, fold_in(key_, kChecking)),
      point_(init ? std::move(*init) : standard_start(density_->model().parameters())),
      starts_(point_, std::max(settings.restarts, kLeastPaths - 1), fold_in(key_, kScattering)) {
  tell_stage();
}

void PathfinderEngine::tell_stage() {
  report_.stage = fmt::format("path {} of {}", starts_.made() + 1, starts_.count());
}

Pathfinder PathfinderEngine::path_from(const GaussianPoint& start) const {
  return {*density_, start, fold_in(fold_in(key_, kFinding), static_cast<std::uint64_t>(starts_.made()))};
}

void PathfinderEngine::advance(std::int64_t n_steps) {
  for (std::int64_t i = 0; i < n_steps && !report_.diverged && phase_ != Phase::done; ++i) {
    try {
      step();
    } catch (const OutOfTime&) {
      density_->set_gradients(report_.evaluations);  // of whole steps
      return;
    }
  }
}

// Each case either does all that it does or, out of time, nothing; only then does the step count.
void PathfinderEngine::step() {
  switch (phase_) {
    case Phase::setting_off: set_off(); break;
    case Phase::finding: look_around(); break;
    case Phase::comparing: compare(); break;
    case Phase::checking: check(false); break;
    case Phase::done: break;
  }
  ++report_.steps;
  report_.evaluations = density_->gradients();
}

void PathfinderEngine::set_off() {
  GaussianPoint start = starts_.at(starts_.made(), *density_);
  std::string wrong = why_not_finite(*density_, start.mean);
  if (!wrong.empty()) return fail(std::move(wrong));
  path_.emplace(path_from(start));
  point_ = std::move(start);
  phase_ = Phase::finding;
}

void PathfinderEngine::look_around() {
  const bool more = path_->step();
  report_.elbo = path_->best_elbo().value;
  report_.elbo_se = path_->best_elbo().standard_error;
  if (more) return;
  point_ = path_->best();
  path_.reset();
  phase_ = Phase::comparing;
}

void PathfinderEngine::compare() {
  const FreshLook look = comparing_.elbo(point_, static_cast<std::uint32_t>(starts_.made()), true);
  if (!look.enough) return fail("hardly a draw of the path's best Gaussian has a finite log joint");
  starts_.keep(point_, look.elbo, look.elbo_se);
  after_a_path();
}

void PathfinderEngine::fail(std::string why) {
  starts_.keep_failure(std::move(why));
  after_a_path();
}

void PathfinderEngine::after_a_path() {
  if (!starts_.are_over()) {
    phase_ = Phase::setting_off;
    tell_stage();
  } else if (starts_.best()) {
    point_ = *starts_.best();
    phase_ = Phase::checking;
    report_.stage = "checking";
  } else {
    report_.diverged = true;
    report_.message = starts_.first_failure();
  }
}

void PathfinderEngine::check(bool within_limits) {
  FreshLook look = checking_.distance(point_, 0, true);
  // More draws only where they may decide.
  if (!within_limits && look.distance <= kNear * tolerance_) look = checking_.distance(point_, 1, false);
  phase_ = Phase::done;
  is_checked_ = true;
  report_.on_all_data = true;
  if (!look.enough) {
    report_.diverged = true;
    report_.message = "hardly a draw of q has a finite log joint";
    return;
  }
  report_.elbo = look.elbo;
  report_.elbo_se = look.elbo_se;
  report_.error_sd = look.cut_off() ? std::numeric_limits<double>::infinity() : look.distance;
  if (report_.error_sd <= tolerance_) return;
  report_.stalled = true;
  report_.message = fmt::format(
      "the best Gaussian on {} paths is at least about {:.2g} posterior sds from the best there is (tolerance {:.2g}), "
      "and pathfinder comes no nearer; natural_gradient does, with this fit as init",
      starts_.made(), report_.error_sd, tolerance_);
}

double PathfinderEngine::evaluate() {
  starts_.tell(report_);
  if (is_checked_ || report_.diverged) return report_.elbo;
  if (starts_.best()) {
    point_ = *starts_.best();
  } else if (path_) {
    point_ = path_->best();
  }
  try {
    check(true);
    report_.stalled = false;  // a limit ended the fit
  } catch (const OutOfTime&) {
    report_.error_sd = std::numeric_limits<double>::infinity();
    report_.elbo_se = std::numeric_limits<double>::quiet_NaN();
  }
  report_.evaluations = density_->gradients();
  return report_.elbo;
}

// Other paths' Gaussians are too rough to tell another mode from a worse answer, so the summary lists them and nothing warns.
std::vector<std::string> PathfinderEngine::findings() { return {}; }

void PathfinderEngine::save(EngineState& state) const {
  save_report(report_, state);
  state.set("phase", static_cast<std::int64_t>(phase_));
  state.set("point", point_);
  state.set("gradients", density_->gradients());
  state.set("is_checked", std::int64_t{is_checked_ ? 1 : 0});
  starts_.save(state);
  if (path_) path_->save(state);
}

void PathfinderEngine::load(const EngineState& state) {
  report_ = load_report(state);
  const std::int64_t phase = state.whole("phase");
  if (phase < 0 || phase > static_cast<std::int64_t>(Phase::done))
    throw Error(ErrorCode::file, fmt::format("the checkpoint is in phase {}, expected 0 to 4", phase));
  phase_ = static_cast<Phase>(phase);
  point_ = state.point("point", point_);
  density_->set_gradients(state.whole("gradients"));
  is_checked_ = state.whole("is_checked") != 0;
  starts_.load(state);
  path_.reset();
  if (phase_ == Phase::finding) {
    path_.emplace(path_from(point_));
    path_->load(state);
  }
}

}  // namespace velbo::internal
