// velbo/distributions/discrete.h - probabilities of counts and categories, by their linear predictor eta.
//
// Outcomes are plain numbers, integers or floating-point, and counted from 0; one that is not whole has probability 0.
// Conventions and errors: velbo/distributions.h.
#pragma once
#include <cmath>
#include <cstdint>

#include "velbo/distributions/kernels.h"
#include "velbo/functions.h"
#include "velbo/host_device.h"
#include "velbo/scalar.h"

namespace velbo {
namespace internal {

template <class T>
VELBO_HOST_DEVICE bool is_count(T y) {
  return y >= 0 && y < kInfinity<T> && y == std::floor(y);
}

}  // namespace internal

// sigmoid(eta) for y = 1, sigmoid(-eta) for y = 0
template <internal::PlainNumber Y, internal::AnyLanes Eta>
VELBO_HOST_DEVICE promoted_t<Eta> bernoulli_logit_lpmf(Y y, const Eta& eta) {
  using R = promoted_t<Eta>;
  using T = real_t<R>;
  // y is the same for all draws: branches on it cost nothing.  A NaN goes through.
  const T at = internal::number_of<T>(eta);
  if (y != y) return R(internal::kNaN<T>);
  if (y != 0 && y != 1) return R(internal::choose(at == at, T(-internal::kInfinity<T>), at));
  const internal::Softplus<T> surprise = internal::softplus_at(y == 1 ? -at : at);
  return internal::with_partials<R>(-surprise.value, eta, y == 1 ? surprise.derivative : -surprise.derivative);
}

// C(trials, y) sigmoid(eta)^y sigmoid(-eta)^(trials - y)
template <internal::PlainNumber Y, internal::PlainNumber Trials, internal::AnyScalar Eta>
VELBO_HOST_DEVICE promoted_t<Eta> binomial_logit_lpmf(Y y, Trials trials, const Eta& eta) {
  using R = promoted_t<Eta>;
  using T = real_t<R>;
  const T k = static_cast<T>(y), n = static_cast<T>(trials), at = internal::number_of<T>(eta), rest = n - k;
  if (!internal::is_finite(at) || !internal::is_count(n) || k != k) return R(internal::kNaN<T>);
  if (!internal::is_count(k) || rest < 0) return R(-internal::kInfinity<T>);
  const T p = internal::sigmoid_of(at), q = internal::sigmoid_of(-at);
  const T excess = p < q ? n * p - k : rest - n * q;
  T value;
  if (internal::is_near(k, rest, excess)) {
    value = internal::log_binomial_near(k, rest, excess);
  } else {
    value = internal::log_choose_of(n, k) - k * internal::softplus_of(-at) - rest * internal::softplus_of(at);
  }
  return internal::with_partials<R>(value, eta, -excess);
}

// mu^y exp(-mu) / y! with mu = exp(eta)
template <internal::PlainNumber Y, internal::AnyScalar Eta>
VELBO_HOST_DEVICE promoted_t<Eta> poisson_log_lpmf(Y y, const Eta& eta) {
  using R = promoted_t<Eta>;
  using T = real_t<R>;
  const T k = static_cast<T>(y), at = internal::number_of<T>(eta), mean = internal::number_exp(at);
  if (!internal::is_finite(at) || k != k) return R(internal::kNaN<T>);
  if (!internal::is_count(k)) return R(-internal::kInfinity<T>);
  return internal::with_partials<R>(internal::log_poisson_of(k + 1, mean, at), eta, k - mean);
}

// C(y + phi - 1, y) (mu / (mu + phi))^y (phi / (mu + phi))^phi with mu = exp(eta): variance mu + mu^2 / phi
template <internal::PlainNumber Y, internal::AnyScalar Eta, internal::AnyScalar Phi>
VELBO_HOST_DEVICE promoted_t<Eta, Phi> neg_binomial_2_log_lpmf(Y y, const Eta& eta, const Phi& phi) {
  using R = promoted_t<Eta, Phi>;
  using T = real_t<R>;
  const T k = static_cast<T>(y), at = internal::number_of<T>(eta), precision = internal::number_of<T>(phi);
  if (!internal::is_finite(at) || !internal::is_positive(precision) || k != k) return R(internal::kNaN<T>);
  if (!internal::is_count(k)) return R(-internal::kInfinity<T>);
  const T mean = internal::number_exp(at), ratio = mean / precision;
  const bool moderate = ratio < T(1e30);
  const T log_ratio =
      moderate ? internal::number_log1p(ratio) : at - internal::number_log(precision);  // log(1 + ratio)
  // (y - mu) / (phi + mu), and as phi times that the derivative by eta.
  const T distance = moderate ? (k - mean) / precision / (1 + ratio) : T(-1);
  const T residual = precision * distance;
  T value;
  if (internal::is_near(precision, k, residual)) {
    value = internal::log_binomial_near(precision, k, residual) - internal::number_log1p(k / precision);
  } else {
    // Of mu / (1 + mu / phi) the logarithm: no difference of large ones.
    const T log_mean = ratio > 1 ? internal::number_log(precision) - internal::number_log1p(1 / ratio) : at - log_ratio;
    value =
        internal::log_gamma_step(precision, k) - internal::log_gamma_of(k + 1) + k * log_mean - precision * log_ratio;
  }
  T by_phi = 0;
  if constexpr (Differentiable<Phi>) {
    const T rest = distance > T(-0.5) ? internal::log1p_minus(distance)  // log((phi + y) / (phi + mu)) - distance
                                      : internal::number_log1p(k / precision) - log_ratio - distance;
    by_phi = internal::digamma_step(precision, k) + rest;
  }
  return internal::with_partials<R>(value, eta, residual, phi, by_phi);
}

// exp(eta[y]) / sum_k exp(eta[k]), eta [n_categories]; an eta of -infinity is a category that cannot be.
template <internal::AnyScalar Eta>
VELBO_HOST_DEVICE promoted_t<Eta> categorical_logit_lpmf(std::int64_t y, const Eta* eta, std::int64_t n_categories) {
  using R = promoted_t<Eta>;
  using T = real_t<R>;
  constexpr T infinity = internal::kInfinity<T>;
  T largest = -infinity, sum = 0;
  for (std::int64_t k = 0; k < n_categories; ++k) {
    const T value = internal::number_of<T>(eta[k]);
    if (!(value < infinity)) return R(internal::kNaN<T>);
    if (value > largest) largest = value;
  }
  if (largest == -infinity) return R(internal::kNaN<T>);
  if (y < 0 || y >= n_categories || internal::number_of<T>(eta[y]) == -infinity) return R(-infinity);
  for (std::int64_t k = 0; k < n_categories; ++k) sum += internal::number_exp(internal::number_of<T>(eta[k]) - largest);
  const T value = internal::number_of<T>(eta[y]) - largest - internal::number_log(sum);
  R out(value);
  if constexpr (Differentiable<Eta>) {
    for (std::int64_t k = 0; k < n_categories; ++k) {
      const T at = value_of(eta[k]);
      // 1 - p from its logarithm: it has digits where p is near 1.
      const T partial = k == y ? -std::expm1(value) : -internal::number_exp(at - largest) / sum;
      if (at > -infinity) out += chain(eta[k], partial, T(0));
    }
  }
  return out;
}

// sigmoid(eta - cutpoints[y - 1]) - sigmoid(eta - cutpoints[y]), cutpoints [n_categories - 1] increasing, with -infinity
// before them and infinity behind.  Only those beside y are looked at, also for their order.
template <internal::AnyScalar Eta, internal::AnyScalar Cut>
VELBO_HOST_DEVICE promoted_t<Eta, Cut> ordered_logistic_lpmf(std::int64_t y, const Eta& eta, const Cut* cutpoints,
                                                             std::int64_t n_categories) {
  using R = promoted_t<Eta, Cut>;
  using T = real_t<R>;
  const T at = internal::number_of<T>(eta);
  if (!internal::is_finite(at) || n_categories < 1) return R(internal::kNaN<T>);
  if (y < 0 || y >= n_categories) return R(-internal::kInfinity<T>);
  const bool first = y == 0, last = y == n_categories - 1;
  if (first && last) return R(0);
  // P = sigmoid(above) sigmoid(-below) (1 - exp(-width)), every factor without cancellation.
  const T above = first ? T(0) : at - internal::number_of<T>(cutpoints[y - 1]);
  const T below = last ? T(0) : at - internal::number_of<T>(cutpoints[y]);
  if (!internal::is_finite(above) || !internal::is_finite(below)) return R(internal::kNaN<T>);
  const T by_above = first ? T(0) : internal::sigmoid_of(-above), by_below = last ? T(0) : internal::sigmoid_of(below);
  T value = (first ? T(0) : -internal::softplus_of(-above)) - (last ? T(0) : internal::softplus_of(below));
  T by_width = 0;
  if (!first && !last) {
    const T width = internal::number_of<T>(cutpoints[y]) - internal::number_of<T>(cutpoints[y - 1]);
    if (!(width > 0)) return R(internal::kNaN<T>);
    value += internal::log1m_exp_of(-width);
    by_width = 1 / std::expm1(width);
  }
  R out = internal::with_partials<R>(value, eta, by_above - by_below);
  if (!first) internal::add_partials(out, cutpoints[y - 1], -by_above - by_width);
  if (!last) internal::add_partials(out, cutpoints[y], by_below + by_width);
  return out;
}

VELBO_BY_LANE(binomial_logit_lpmf)
VELBO_BY_LANE(poisson_log_lpmf)
VELBO_BY_LANE(neg_binomial_2_log_lpmf)

}  // namespace velbo
