// engines/gradient_state.cpp - what a checkpoint of the engine `gradient` holds.
#include "engines/gradient.h"
#include "velbo/error.h"

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
  state.set("reference", whitening_.reference());
  state.set("mean_factor", whitening_.mean_factor());
  state.set("w", Eigen::MatrixXd(w_));
  state.set("anchor", Eigen::MatrixXd(anchor_));
  state.set("optimizer.first", Eigen::MatrixXd(optimizer_.state().first));
  state.set("optimizer.second", Eigen::MatrixXd(optimizer_.state().second));
  state.set("optimizer.steps", optimizer_.state().steps);
  state.set("adam_rate", adam_rate_);
  state.set("clip", clip_.usual());
  state.set("average", Eigen::MatrixXd(average_.value()));
  state.set("average.count", average_.count());
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
  whitening_ = Whitening(state.point("reference", point_), state.matrix("mean_factor"));
  w_ = state.vector("w");
  if (w_.size() != whitening_.size())
    throw Error(ErrorCode::file, "the checkpoint's \"w\" is of another size than the model");
  anchor_ = state.vector("anchor");
  optimizer_.set_state(
      {state.vector("optimizer.first"), state.vector("optimizer.second"), state.whole("optimizer.steps")});
  adam_rate_ = state.number("adam_rate");
  clip_.set_usual(state.number("clip"));
  average_.set(state.vector("average"), state.whole("average.count"));
  round_ = state.whole("round");
  round_length_ = state.whole("round_length");
  steps_in_round_ = state.whole("steps_in_round");
  damping_ = state.number("damping");
  rejected_in_a_row_ = state.whole("rejected_in_a_row");
  tell_runner();
}

}  // namespace velbo::internal
