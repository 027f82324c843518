// engines/natural_gradient_state.cpp - what a fit that goes on from a checkpoint needs of natural_gradient.cpp.
#include <fmt/format.h>

#include "engines/natural_gradient.h"
#include "velbo/error.h"

namespace velbo::internal {

void NaturalGradientEngine::save(EngineState& state) const {
  save_report(report_, state);
  state.set("point", point_);
  state.set("phase", static_cast<std::int64_t>(phase_));
  state.set("climbed", climbed_);
  state.set("rejected_in_a_row", rejected_in_a_row_);
  state.set("masked", masked_);
  Eigen::MatrixXd window(point_.dimension(), 4 * static_cast<Eigen::Index>(window_.size()));
  for (std::size_t i = 0; i < window_.size(); ++i) window.middleCols(4 * static_cast<Eigen::Index>(i), 4) = window_[i];
  if (!window_.empty()) state.set("window", window);
  state.set("average_elbo", average_elbo_);
  if (climbed_factor_.size() > 0) state.set("climbed_factor", climbed_factor_);
  state.set("checks", checks_);
  state.set("disagreement", disagreement_);
  state.set("polishing_draws", polishing_draws_);
  state.set("is_checked", std::int64_t{is_checked_ ? 1 : 0});
  state.set("gradients", density_->gradients());
  if (before_doubling_) state.set("before_doubling", *before_doubling_);
  if (phase_ == Phase::polishing) polishing_->save(state);
}

void NaturalGradientEngine::load(const EngineState& state) {
  report_ = load_report(state);
  const std::int64_t phase = state.whole("phase");
  if (phase < 0 || phase > static_cast<std::int64_t>(Phase::done))
    throw Error(ErrorCode::file, fmt::format("the checkpoint is in phase {}, expected 0 to 4", phase));
  phase_ = static_cast<Phase>(phase);
  if (phase_ != Phase::climbing) {
    take_family();  // the shapes to expect
    climbed_factor_ = state.matrix("climbed_factor");
    if (climbed_factor_.rows() != point_.dimension() || climbed_factor_.cols() != point_.dimension())
      throw Error(ErrorCode::file,
                  fmt::format("the checkpoint's factor has the shape [{}, {}], expected [{}, {}]",
                              climbed_factor_.rows(), climbed_factor_.cols(), point_.dimension(), point_.dimension()));
  }
  point_ = state.point("point", point_);
  climbed_ = state.whole("climbed");
  rejected_in_a_row_ = state.whole("rejected_in_a_row");
  masked_ = state.whole("masked");
  window_.clear();
  if (state.has("window")) {
    const Eigen::MatrixXd window = state.matrix("window");
    if (window.rows() != point_.dimension() || window.cols() % 4 != 0)
      throw Error(ErrorCode::file, fmt::format("the checkpoint's window has the shape [{}, {}], expected [{}, 4 n]",
                                               window.rows(), window.cols(), point_.dimension()));
    for (Eigen::Index i = 0; i < window.cols(); i += 4) window_.emplace_back(window.middleCols(i, 4).array());
  }
  average_elbo_ = state.number("average_elbo");
  checks_ = state.whole("checks");
  disagreement_ = state.number("disagreement");
  polishing_draws_ = state.whole("polishing_draws");
  is_checked_ = state.whole("is_checked") != 0;
  density_->set_gradients(state.whole("gradients"));
  before_doubling_.reset();
  if (state.has("before_doubling.mean")) before_doubling_ = state.point("before_doubling", point_);
  polishing_.reset();
  if (phase_ == Phase::polishing) polishing_.emplace(*density_, point_, fold_in(key_, 2), state);
}

}  // namespace velbo::internal
