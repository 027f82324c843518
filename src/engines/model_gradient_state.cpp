// engines/model_gradient_state.cpp - what a checkpoint of the engine `gradient` of a model in code holds.
#include <fmt/format.h>

#include "engines/model_gradient.h"
#include "velbo/error.h"

namespace velbo::internal {

void ModelGradientEngine::save(EngineState& state) const {
  save_report(report_, state);
  state.set("point", point_);
  state.set("phase", static_cast<std::int64_t>(phase_));
  state.set("gradients", density_->gradients());
  state.set("estimator_masked", estimator_.n_masked());
  if (phase_ == Phase::starting) return;
  ascent_.save(state);
  history_.save(state);
  state.set("rest.rhat", rest_.rhat);
  state.set("rest.error_sd", rest_.error_sd);
  state.set("looked", std::int64_t{looked_ ? 1 : 0});
  state.set("is_checked", std::int64_t{is_checked_ ? 1 : 0});
  state.set("damping", damping_);
  state.set("length", length_);
  state.set("round_length", round_length_);
  state.set("steps_in_round", steps_in_round_);
  state.set("rejected_in_a_row", rejected_in_a_row_);
  state.set("checks", checks_);
  state.set("masked", masked_);
  state.set("masked_share", masked_share_);
  if (mean_factor_.size() > 0) state.set("curvature_factor", mean_factor_);
  if (checked_) state.set("checked", *checked_);
  state.set("checked_error_sd", checked_error_sd_);
}

void ModelGradientEngine::load(const EngineState& state) {
  report_ = load_report(state);
  point_ = state.point("point", point_);
  const std::int64_t phase = state.whole("phase");
  if (phase < 0 || phase > static_cast<std::int64_t>(Phase::done))
    throw Error(ErrorCode::file, fmt::format("the checkpoint is in phase {}, expected 0 to 4", phase));
  phase_ = static_cast<Phase>(phase);
  density_->set_gradients(state.whole("gradients"));
  estimator_.set_n_masked(state.whole("estimator_masked"));
  if (phase_ == Phase::starting) return;
  ascent_.load(state, point_);
  history_.load(state, point_.dimension());
  rest_ = {state.number("rest.rhat"), state.number("rest.error_sd")};
  looked_ = state.whole("looked") != 0;
  is_checked_ = state.whole("is_checked") != 0;
  damping_ = state.number("damping");
  length_ = state.number("length");
  round_length_ = state.whole("round_length");
  steps_in_round_ = state.whole("steps_in_round");
  rejected_in_a_row_ = state.whole("rejected_in_a_row");
  checks_ = state.whole("checks");
  masked_ = state.whole("masked");
  masked_share_ = state.number("masked_share");
  if (state.has("curvature_factor")) mean_factor_ = state.matrix("curvature_factor");
  if (mean_factor_.size() > 0 &&
      (mean_factor_.rows() != point_.dimension() || mean_factor_.cols() != point_.dimension()))
    throw Error(ErrorCode::file, "the checkpoint's \"curvature_factor\" is of another size than the model");
  checked_error_sd_ = state.number("checked_error_sd");
  checked_.reset();
  if (state.has("checked.mean")) checked_ = state.point("checked", point_);
}

}  // namespace velbo::internal
