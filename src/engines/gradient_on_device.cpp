// engines/gradient_on_device.cpp - runs of steps that a device makes on its own.
#include <algorithm>
#include <chrono>
#include <utility>

#include "engines/gradient.h"

namespace velbo::internal {

std::int64_t GradientEngine::steps_at_once() const {
  // Limits, progress and checkpoints are looked at between runs.  How a run is cut changes no bits.
  constexpr double seconds_a_run = 0.02;
  constexpr std::int64_t most = 1024, at_first = 4;
  if (!runner_ || !expected_) return 1;
  const auto fit =
      seconds_a_step_ > 0 ? static_cast<std::int64_t>(std::min(seconds_a_run / seconds_a_step_, 1e6)) : at_first;
  return std::min(std::clamp<std::int64_t>(fit, 1, most), round_length_ - steps_in_round_);
}

std::int64_t GradientEngine::run_steps(std::int64_t n) {
  Optimizer::State moments = ascent_.optimizer.state();
  Eigen::VectorXd average = ascent_.average.value();
  for (Eigen::VectorXd* const v : {&moments.first, &moments.second, &average})
    if (v->size() != ascent_.w.size()) v->setZero(ascent_.w.size());
  StepVariables v{.w = ascent_.w.data(),
                  .first = moments.first.data(),
                  .second = moments.second.data(),
                  .average = average.data(),
                  .at = {.step = report_.steps,
                         .optimizer_steps = moments.steps,
                         .averaged = ascent_.average.count(),
                         .rejected = report_.rejected_steps,
                         .rejected_in_a_row = rejected_in_a_row_,
                         .damping = damping_,
                         .usual_length = ascent_.clip.usual()}};
  const auto start = std::chrono::steady_clock::now();
  runner_->run(std::min(n, round_length_ - steps_in_round_), v);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  seconds_a_step_ = seconds / static_cast<double>(std::max<std::int64_t>(1, v.at.step - report_.steps));
  const std::int64_t made = v.at.step - report_.steps, passes = anchored_ ? 2 : 1;
  std::int64_t rows = 0;
  for (std::int64_t i = 0; i < made; ++i) rows += order_ ? order_->rows_of_batch(report_.steps + i) : data_.n_rows;
  estimator_->set_rows_read(estimator_->rows_read() + passes * rows);
  report_.evaluations += passes * made;
  report_.steps = v.at.step;
  steps_in_round_ += made;
  count_rows();
  moments.steps = v.at.optimizer_steps;
  ascent_.optimizer.set_state(std::move(moments));
  ascent_.average.set(std::move(average), v.at.averaged);
  report_.rejected_steps = v.at.rejected;
  rejected_in_a_row_ = v.at.rejected_in_a_row;
  damping_ = v.at.damping;
  ascent_.clip.set_usual(v.at.usual_length);
  if (v.diverged) diverge(kGradientsNotFinite);
  return made;
}

void GradientEngine::tell_runner() {
  if (runner_) runner_->begin_round(ascent_.whitening, anchor_, adam_rate_ * mean_rate_, adam_rate_ * factor_rate_);
}

}  // namespace velbo::internal
