// engines/natural_gradient_state.cpp - what a fit that goes on from a checkpoint needs of natural_gradient.cpp.
#include <fmt/format.h>

#include "engines/natural_gradient.h"
#include "velbo/error.h"

namespace velbo::internal {

void NaturalGradientEngine::save(EngineState& state) const {
  save_report(report_, state);
  state.set("phase", static_cast<std::int64_t>(phase_));
  state.set("masked", masked_);
  state.set("gradients", density_->gradients());
  if (starts_.count() > 1) starts_.save(state);
  if (phase_ == Phase::finishing) return finish_.save(state);
  state.set("point", point_);
  state.set("climbed", climbed_);
  state.set("rejected_in_a_row", rejected_in_a_row_);
  Eigen::MatrixXd window(point_.dimension(), 4 * static_cast<Eigen::Index>(window_.size()));
  for (std::size_t i = 0; i < window_.size(); ++i) window.middleCols(4 * static_cast<Eigen::Index>(i), 4) = window_[i];
  if (!window_.empty()) state.set("window", window);
  state.set("average_elbo", average_elbo_);
  if (path_) path_->save(state);
}

void NaturalGradientEngine::load(const EngineState& state) {
  report_ = load_report(state);
  const std::int64_t phase = state.whole("phase");
  if (phase < 0 || phase > static_cast<std::int64_t>(Phase::finishing))
    throw Error(ErrorCode::file, fmt::format("the checkpoint is in phase {}, expected 0 to 4", phase));
  phase_ = static_cast<Phase>(phase);
  masked_ = state.whole("masked");
  density_->set_gradients(state.whole("gradients"));
  if (starts_.count() > 1) starts_.load(state);
  if (phase_ == Phase::finishing) return finish_.load(state, std::exchange(point_, {}));
  point_ = state.point("point", point_);
  climbed_ = state.whole("climbed");
  rejected_in_a_row_ = state.whole("rejected_in_a_row");
  window_.clear();
  if (state.has("window")) {
    const Eigen::MatrixXd window = state.matrix("window");
    if (window.rows() != point_.dimension() || window.cols() % 4 != 0)
      throw Error(ErrorCode::file, fmt::format("the checkpoint's window has the shape [{}, {}], expected [{}, 4 n]",
                                               window.rows(), window.cols(), point_.dimension()));
    for (Eigen::Index i = 0; i < window.cols(); i += 4) window_.emplace_back(window.middleCols(i, 4).array());
  }
  average_elbo_ = state.number("average_elbo");
  path_.reset();
  if (phase_ == Phase::finding) {
    path_.emplace(path_from(point_));
    path_->load(state);
  }
}

}  // namespace velbo::internal
