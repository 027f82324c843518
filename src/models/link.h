// models/link.h - how a likelihood's expectation follows from the linear predictor.
#pragma once
#include "velbo/glm.h"

namespace velbo::internal {

enum class Link { identity, log, logit };

constexpr Link link_of(Likelihood likelihood) noexcept {
  switch (likelihood) {
    case Likelihood::poisson:
    case Likelihood::negative_binomial:
    case Likelihood::gamma: return Link::log;
    case Likelihood::bernoulli:
    case Likelihood::binomial:
    case Likelihood::beta:
    case Likelihood::categorical:  // log ratios of probabilities, and of cumulative ones
    case Likelihood::ordinal: return Link::logit;
    case Likelihood::automatic:
    case Likelihood::gaussian:
    case Likelihood::student_t: break;
  }
  return Link::identity;
}

}  // namespace velbo::internal
