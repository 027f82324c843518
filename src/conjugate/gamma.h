// conjugate/gamma.h - Gamma factors, of precisions.
#pragma once

namespace velbo::internal {

struct GammaFactor {
  double shape = 1, rate = 1;  // both > 0

  [[nodiscard]] double mean() const { return shape / rate; }
  [[nodiscard]] double expected_log() const;  // digamma(shape) - log rate
};

// KL(q || p).
double gamma_kl(const GammaFactor& q, const GammaFactor& p);

}  // namespace velbo::internal
