// posterior/logistic_moments.h - mean and standard deviation of sigmoid(eta), eta Gaussian.
#pragma once

namespace velbo::internal {

struct Moments {
  double mean = 0;
  double sd = 0;
};

// Of sigmoid(eta), eta ~ N(m, s^2), s >= 0.  Absolute error below 1e-14, relative error of both below 1e-9 where the
// mean is above 1e-15: also the sd of a nearly certain or a nearly deterministic probability has its digits.
[[nodiscard]] Moments logistic_moments(double m, double s) noexcept;

}  // namespace velbo::internal
