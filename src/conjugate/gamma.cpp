#include "conjugate/gamma.h"

#include <cmath>

#include "math/special.h"
#include "velbo/gamma_functions.h"

namespace velbo::internal {

double GammaFactor::expected_log() const { return digamma_of(shape) - std::log(rate); }

double gamma_kl(const GammaFactor& q, const GammaFactor& p) {
  return (q.shape - p.shape) * digamma_of(q.shape) - log_gamma(q.shape) + log_gamma(p.shape) +
         p.shape * (std::log(q.rate) - std::log(p.rate)) + q.shape * (p.rate - q.rate) / q.rate;
}

}  // namespace velbo::internal
