// posterior/scale_mixture.h - new outcomes of a Gaussian regression: normal given (eta, log sigma), which are jointly
// Gaussian.
#pragma once
#include <vector>

namespace velbo::internal {

// y = eta + sigma eps.  Given log sigma, eta is normal and so is y: P(Y <= y) is a one-dimensional integral over
// log sigma.  The trapezoid rule over it converges geometrically.  Immutable.
class ScaleMixture {
 public:
  // log sigma ~ N(mean, sd^2), sd >= 0.
  ScaleMixture(double log_sigma_mean, double log_sigma_sd);

  // E sigma^2.
  [[nodiscard]] double expected_variance() const noexcept { return expected_variance_; }

  // P(Y <= y) for eta ~ N(m, s^2) with covariance(eta, log sigma) given.
  [[nodiscard]] double cdf(double y, double m, double s, double covariance) const noexcept;
  // Relative to the distribution's sd, the error is below 1e-9.
  [[nodiscard]] double quantile(double probability, double m, double s, double covariance) const noexcept;

 private:
  struct Value {
    double cdf, density;
  };
  [[nodiscard]] Value at(double y, double m, double slope, double rest) const noexcept;

  double log_sigma_sd_;
  double expected_variance_;
  std::vector<double> node_, weight_;  // of the standardised log sigma
  std::vector<double> variance_;       // sigma^2 there
};

}  // namespace velbo::internal
