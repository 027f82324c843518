// engines/newton.cpp
#include "engines/newton.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engines/findings.h"
#include "engines/gaussian_update.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

// Below this many rows a pass costs less than the bookkeeping of a subsample.
constexpr std::int64_t kRowsWorthSampling = 20000;
// Rows a column that a subsample needs to determine the coefficients about as the whole does.
constexpr std::int64_t kRowsPerColumn = 20;
// A subsample of 1 % (10 %) is itself some 10 (3) posterior sds off: more accuracy there is wasted.
constexpr double kEnoughInSample = 0.3;
constexpr int kHalvings = 40;
// Within this many posterior sds of the optimum a line search may fail for rounding alone.
constexpr double kRoundingFloor = 0.1;
constexpr double kFarFromReference = 3;  // posterior sds, or e-folds of an sd
constexpr int kMixingWindow = 6;

// What will be left after moving to the estimated optimum, from the distances to it of this and earlier points.
//
// Steps that shrink at a constant rate have rate / (1 - rate) of the last one still to come.  A single ratio flatters,
// since mean and covariance take turns at being off, so the worse of one- and two-step ratios counts, twofold.
//
// `least` distances are asked for.  With many rows a pass is worth saving, and that constant rate, about D/N, is small:
// there two are enough.
// Means then converge quadratically, at a constant that the distances give; and moving them changes the sds' targets (by
// `coupling` per sd moved), which move the means in turn, each of D sds a little.
double remaining_after(const std::vector<Distance>& distances, std::int64_t dimension, std::size_t least) {
  const std::size_t n = distances.size();
  if (n < least) return std::numeric_limits<double>::infinity();
  const Distance& last = distances.back();
  if (last.largest() == 0) return 0;
  const Distance& before = distances[n - 2];
  if (n == 2) {
    const double coupling = last.sds / before.means;
    const double quadratic = last.means * (last.means / before.means) * (last.means / before.means);
    return quadratic + coupling * (last.means + static_cast<double>(dimension) * last.sds);
  }
  const double ratio = last.largest() / before.largest(), two = last.largest() / distances[n - 3].largest();
  const double rate = 2 * std::max(ratio, std::sqrt(two));
  return last.largest() * (rate < 1 ? std::min(1.0, rate / (1 - rate)) : 10);
}

}  // namespace

NewtonEngine::NewtonEngine(const GlmData& data, std::unique_ptr<ExpectedLogJointOracle> oracle, FamilyKind family,
                           double tolerance, Key key, std::optional<GaussianPoint> init)
    : data_(data), oracle_(std::move(oracle)), tolerance_(tolerance), mixing_(kMixingWindow) {
  const std::int64_t n = oracle_->n_rows();
  if (!init && n >= kRowsWorthSampling) {
    const std::int64_t least = kRowsPerColumn * oracle_->n_latents();
    for (const std::int64_t divisor : {100, 10}) {
      const std::int64_t rows = std::max<std::int64_t>(n / divisor, 1000);
      if (rows < least || rows > n / 2) continue;
      auto sample = oracle_->subsample(rows, fold_in(key, static_cast<std::uint64_t>(divisor)));
      if (!sample) break;
      stages_.push_back({std::move(sample), fmt::format("{} of {} rows", rows, n), kEnoughInSample,
                         divisor == 10 && !stages_.empty() ? 2 : 0});
    }
  }
  stages_.push_back({nullptr, "all rows", tolerance, 0});
  report_.stage = stages_.front().name;
  report_.on_all_data = stages_.size() == 1;
  point_ = init ? *init : current_oracle().start(family);
  reference_ = point_;
  const auto has = [&](auto&& what) { return std::any_of(data_.priors.begin(), data_.priors.end(), what); };
  some_flat_ = has([](const NamedPrior& p) { return p.prior.kind == Prior::Kind::flat; });
  const bool heavy_tails = has([](const NamedPrior& p) {
    return p.prior.kind != Prior::Kind::flat && p.prior.kind != Prior::Kind::normal &&
           p.prior.kind != Prior::Kind::exponential && p.prior.kind != Prior::Kind::gamma &&
           p.prior.kind != Prior::Kind::half_normal;
  });
  least_distances_ = (n >= kRowsWorthSampling ? 2U : 3U) + (heavy_tails ? 1U : 0U);
  // What the data could say at best, to compare with: an earlier fit or a part of the rows says something else.
  if (some_flat_) start_sd_ = oracle_->start(family).sd();
}

ExpectedLogJointOracle& NewtonEngine::current_oracle() {
  return stages_[stage_].sample ? *stages_[stage_].sample : *oracle_;
}

ExpectedLogJoint NewtonEngine::evaluate_at(const GaussianPoint& point) {
  ExpectedLogJoint out = current_oracle().evaluate(point, true);
  ++report_.evaluations;
  report_.rows_read =
      oracle_->rows_read() + rows_read_in_samples_ + (stages_[stage_].sample ? stages_[stage_].sample->rows_read() : 0);
  return out;
}

void NewtonEngine::advance(std::int64_t n_steps) {
  for (std::int64_t i = 0; i < n_steps && !report_.diverged; ++i) step();
}

void NewtonEngine::step() {
  ++report_.steps;
  if (!expected_) {
    expected_ = evaluate_at(point_);
    if (!expected_->is_finite()) return diverge("the log joint is not finite at the start");
    if (steps_in_stage_ == 0 && some_flat_) {
      const std::string why = flat_reason(data_, point_, *expected_);
      if (!why.empty()) return diverge(why);
    }
  }
  report_.elbo = expected_->value + point_.entropy();
  std::unique_ptr<GaussianUpdate> update;
  if (point_.family == FamilyKind::full_rank) {
    update = full_rank_update(point_, *expected_);
  } else {
    update = mean_field_update(point_, *expected_,
                               current_oracle().solve_curvature(point_, expected_->gradient, 0.1 * tolerance_));
  }
  ++steps_in_stage_;
  const bool last_stage = stage_ + 1 == stages_.size();
  std::optional<GaussianPoint> candidate = update->at(1);
  if (candidate) {
    // Coordinates whiten by a point of long ago: move on when q has moved far, and forget steps in the old ones.
    if (distance_in_sds(reference_, point_).largest() > kFarFromReference) {
      reference_ = point_;
      mixing_.restart();
    }
    const Distance plain = distance_in_sds(point_, *candidate);
    const Eigen::VectorXd proposal =
        mixing_.propose(coordinates(reference_, point_), coordinates(reference_, *candidate));
    const GaussianPoint mixed = point_at(reference_, proposal);
    if (mixed.mean.allFinite() && mixed.factor.allFinite()) candidate = mixed;
    // The mixed proposal may lie next to this point by accident, the plain one because steps are slow: the farther counts.
    const Distance to_mixed = distance_in_sds(point_, *candidate);
    distances_.push_back({std::max(plain.means, to_mixed.means), std::max(plain.sds, to_mixed.sds)});
    const double remaining = remaining_after(distances_, point_.dimension(), least_distances_);
    if (remaining <= stages_[stage_].enough) {
      // Near enough for a last step without a pass over the rows.
      verified_point_ = std::exchange(point_, *candidate);
      verified_expected_ = std::exchange(expected_, std::nullopt);
      verified_distance_ = distances_.back().largest();
      report_.error_sd = last_stage ? remaining : std::numeric_limits<double>::infinity();
      if (!last_stage) {
        next_stage();
      } else {
        check_drift();
      }
      return;
    }
    // Not known to be within the tolerance, however short the step.
    if (last_stage)
      report_.error_sd = std::isfinite(remaining) ? remaining : std::max(distances_.back().largest(), 2 * tolerance_);
  }
  if (!candidate || !accept(*candidate)) line_search(*update);
  if (report_.diverged) return;
  check_drift();
  if (!last_stage && stages_[stage_].max_steps > 0 && steps_in_stage_ >= stages_[stage_].max_steps) next_stage();
}

bool NewtonEngine::accept(const GaussianPoint& candidate) {
  ExpectedLogJoint expected = evaluate_at(candidate);
  const double elbo = expected.value + candidate.entropy();
  if (!expected.is_finite() || !(elbo >= report_.elbo - expected_->slack)) {
    ++report_.rejected_steps;
    return false;
  }
  point_ = candidate;
  expected_ = std::move(expected);
  report_.elbo = elbo;
  return true;
}

// The longest of the plain steps 1, 1/2, 1/4 ... that does not lower the ELBO by more than rounding.
void NewtonEngine::line_search(const GaussianUpdate& update) {
  double r = 1;
  for (int halving = 0; halving <= kHalvings; ++halving, r *= 0.5) {
    const std::optional<GaussianPoint> candidate = update.at(r);
    if (candidate && accept(*candidate)) {
      distances_.clear();  // the distances so far led to a step that failed
      return;
    }
  }
  if (!distances_.empty() && distances_.back().largest() < kRoundingFloor) {
    // Rounding of the ELBO decides here: this point is as good as can be told.
    report_.error_sd = distances_.back().largest();
    report_.stalled = true;
    return;
  }
  diverge("no step along the natural gradient raises the ELBO");
}

void NewtonEngine::next_stage() {
  if (stages_[stage_].sample) rows_read_in_samples_ += stages_[stage_].sample->rows_read();
  stages_[stage_].sample.reset();
  ++stage_;
  steps_in_stage_ = 0;
  distances_.clear();
  mixing_.restart();
  reference_ = point_;
  expected_.reset();
  verified_point_.reset();
  verified_expected_.reset();
  report_.stage = stages_[stage_].name;
  report_.on_all_data = stage_ + 1 == stages_.size();
}

void NewtonEngine::check_drift() {
  const std::string why = some_flat_ ? runaway_reason(data_, point_, start_sd_) : std::string();
  if (!why.empty()) diverge(why);
}

void NewtonEngine::diverge(const std::string& why) {
  if (stage_ + 1 < stages_.size()) {
    // Some rows may say nothing about a coefficient that all of them determine.
    while (stage_ + 1 < stages_.size()) next_stage();
    reference_ = point_ = oracle_->start(point_.family);
    return;
  }
  report_.diverged = true;
  report_.message = why;
}

double NewtonEngine::evaluate() {
  if (expected_ && report_.on_all_data) return expected_->value + point_.entropy();
  const ExpectedLogJoint now = oracle_->evaluate(point_, false);
  const double elbo = now.value + point_.entropy();
  if (verified_point_ && verified_expected_ && !report_.diverged &&
      !(elbo >= verified_expected_->value + verified_point_->entropy() - now.slack)) {
    // The last step overshot: back to where it came from, and on with a line search.
    point_ = std::move(*verified_point_);
    expected_ = std::move(verified_expected_);
    distances_.clear();
    mixing_.restart();
    report_.error_sd = std::max(verified_distance_, 2 * tolerance_);
    report_.elbo = expected_->value + point_.entropy();
    stages_[stage_].enough = 0.1 * stages_[stage_].enough;
  } else {
    report_.elbo = elbo;
  }
  verified_point_.reset();
  return report_.elbo;
}

std::vector<std::string> NewtonEngine::findings() {
  const auto& expected = expected_ ? expected_ : verified_expected_;
  if (!expected || !report_.on_all_data || report_.diverged) return {};
  return findings_at(data_, point_, *expected);
}

void NewtonEngine::save(EngineState& state) const {
  save_report(report_, state);
  state.set("oracle_rows", oracle_->rows_read());
  state.set("sample_rows", stages_[stage_].sample ? stages_[stage_].sample->rows_read() : std::int64_t{0});
  state.set("rows_in_samples", rows_read_in_samples_);
  state.set("stage", static_cast<std::int64_t>(stage_));
  state.set("steps_in_stage", steps_in_stage_);
  state.set("enough", stages_[stage_].enough);
  state.set("point", point_);
  if (expected_) save_expected("expected", *expected_, state);
  state.set("mixing", mixing_.memory());
  state.set("reference", reference_);
  Eigen::MatrixXd distances(2, static_cast<Eigen::Index>(distances_.size()));
  for (Eigen::Index k = 0; k < distances.cols(); ++k)
    distances.col(k) << distances_[static_cast<std::size_t>(k)].means, distances_[static_cast<std::size_t>(k)].sds;
  state.set("distances", distances);
  if (verified_point_) state.set("verified_point", *verified_point_);
  if (verified_expected_) save_expected("verified_expected", *verified_expected_, state);
  state.set("verified_distance", verified_distance_);
}

void NewtonEngine::load(const EngineState& state) {
  const std::int64_t stage = state.whole("stage");
  if (stage < 0 || stage >= static_cast<std::int64_t>(stages_.size()))
    throw Error(ErrorCode::file, fmt::format("the checkpoint is at stage {} of {}", stage, stages_.size()));
  while (static_cast<std::int64_t>(stage_) < stage) next_stage();
  report_ = load_report(state);
  oracle_->set_rows_read(state.whole("oracle_rows"));
  if (stages_[stage_].sample) stages_[stage_].sample->set_rows_read(state.whole("sample_rows"));
  rows_read_in_samples_ = state.whole("rows_in_samples");
  steps_in_stage_ = state.whole("steps_in_stage");
  stages_[stage_].enough = state.number("enough");
  point_ = state.point("point", point_);
  expected_.reset();
  if (state.has("expected.value")) expected_ = load_expected("expected", state);
  mixing_.set_memory(state.matrix("mixing"));
  reference_ = state.point("reference", point_);
  distances_.clear();
  const Eigen::MatrixXd distances = state.matrix("distances");
  for (Eigen::Index k = 0; k < distances.cols() && distances.rows() == 2; ++k)
    distances_.push_back({distances(0, k), distances(1, k)});
  verified_point_.reset();
  if (state.has("verified_point.mean")) verified_point_ = state.point("verified_point", point_);
  verified_expected_.reset();
  if (state.has("verified_expected.value")) verified_expected_ = load_expected("verified_expected", state);
  verified_distance_ = state.number("verified_distance");
}

}  // namespace velbo::internal
