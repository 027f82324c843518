// optimizers/optimizer.cpp
#include "optimizers/optimizer.h"

#include <algorithm>
#include <cmath>

namespace velbo::internal {

Eigen::VectorXd Optimizer::step(const Eigen::VectorXd& gradient, const Eigen::VectorXd& rate) {
  ++state_.steps;
  if (kind_ != OptimizerKind::adam) {
    if (momentum_ == 0) return rate.cwiseProduct(gradient);
    if (state_.first.size() == 0) state_.first = Eigen::VectorXd::Zero(gradient.size());
    state_.first = momentum_ * state_.first + gradient;
    return rate.cwiseProduct(state_.first);
  }
  constexpr double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  if (state_.first.size() == 0) state_.first = state_.second = Eigen::VectorXd::Zero(gradient.size());
  state_.first = beta1 * state_.first + (1 - beta1) * gradient;
  state_.second = beta2 * state_.second + (1 - beta2) * gradient.cwiseAbs2();
  const auto t = static_cast<double>(state_.steps);
  const double correct1 = 1 - std::pow(beta1, t), correct2 = 1 - std::pow(beta2, t);
  return rate.array() * (state_.first.array() / correct1) / ((state_.second.array() / correct2).sqrt() + epsilon);
}

double schedule(std::int64_t t, std::int64_t warm_up_steps, double decay) {
  const double warm =
      warm_up_steps > 0 ? std::min(1.0, static_cast<double>(t + 1) / static_cast<double>(warm_up_steps)) : 1;
  return warm * std::pow(1 + static_cast<double>(t) / 10, -decay);
}

void Clip::apply(Eigen::VectorXd& gradient) {
  if (factor_ == 0) return;
  const double length = gradient.norm();
  const double longest = usual_ > 0 ? factor_ * usual_ : length;
  if (length > longest) gradient *= longest / length;
  const double seen = std::min(length, longest);
  usual_ = usual_ > 0 ? usual_ + (seen - usual_) / 20 : seen;
}

void Average::add(const Eigen::VectorXd& x) {
  ++count_;
  if (count_ == 1) {
    value_ = x;
  } else {
    value_ += (3 / static_cast<double>(count_ + 2)) * (x - value_);
  }
}

}  // namespace velbo::internal
