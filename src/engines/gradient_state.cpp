// engines/gradient_state.cpp - what a checkpoint of the engine `gradient` holds.
#include "engines/gradient.h"

namespace velbo::internal {

void GradientEngine::save(EngineState& state) const {
  save_report(report_, state);
  state.set("oracle_rows", oracle_->rows_read());
  state.set("estimator_rows", estimator_->rows_read());
  state.set("point", point_);
  state.set("started", std::int64_t{expected_ ? 1 : 0});
  if (!expected_) return;
  save_expected("expected", *expected_, state);
  state.set("best_elbo", best_elbo_);
  state.set("start_sd", Eigen::MatrixXd(start_sd_));
  ascent_.save(state);
  history_.save(state);
  state.set("anchor", Eigen::MatrixXd(anchor_));
  state.set("adam_rate", adam_rate_);
  state.set("round", round_);
  state.set("round_length", round_length_);
  state.set("steps_in_round", steps_in_round_);
  state.set("damping", damping_);
  state.set("rejected_in_a_row", rejected_in_a_row_);
}

void GradientEngine::load(const EngineState& state) {
  report_ = load_report(state);
  oracle_->set_rows_read(state.whole("oracle_rows"));
  estimator_->set_rows_read(state.whole("estimator_rows"));
  point_ = state.point("point", point_);
  if (state.whole("started") == 0) return;
  expected_ = load_expected("expected", state);
  best_elbo_ = state.number("best_elbo");
  start_sd_ = state.vector("start_sd");
  ascent_.load(state, point_);
  history_.load(state, point_.dimension());
  anchor_ = state.vector("anchor");
  adam_rate_ = state.number("adam_rate");
  round_ = state.whole("round");
  round_length_ = state.whole("round_length");
  steps_in_round_ = state.whole("steps_in_round");
  damping_ = state.number("damping");
  rejected_in_a_row_ = state.whole("rejected_in_a_row");
  tell_runner();
}

}  // namespace velbo::internal
