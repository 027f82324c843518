#include "posterior/row_prediction.h"

#include <cmath>

#include "models/link.h"
#include "posterior/count_mixture.h"
#include "posterior/logistic_moments.h"
#include "posterior/normal_quantile.h"
#include "velbo/math/elementary.h"

namespace velbo::internal {

RowPredictor::RowPredictor(Likelihood likelihood, const PredictOptions& options,
                           const std::vector<double>& auxiliary_mean, const std::vector<double>& auxiliary_covariance)
    : likelihood_(likelihood),
      kind_(options.kind),
      low_(0.5 * (1 - options.interval)),
      high_(0.5 * (1 + options.interval)),
      z_(-normal_quantile(low_)) {
  if (kind_ != PredictionKind::outcome) return;
  if (likelihood == Likelihood::gaussian) noise_.emplace(auxiliary_mean[0], std::sqrt(auxiliary_covariance[0]));
  if (outcome_law(likelihood) != nullptr) mixture_.emplace(likelihood, auxiliary_mean, auxiliary_covariance);
}

RowPrediction RowPredictor::predict(const LinearPredictor& eta, double trials) const noexcept {
  switch (kind_) {
    case PredictionKind::linear: return linear(eta);
    case PredictionKind::response: return response(eta);
    case PredictionKind::outcome: return outcome(eta, trials);
  }
  return {};
}

RowPrediction RowPredictor::linear(const LinearPredictor& eta) const noexcept {
  return {eta.mean, eta.sd, eta.mean - z_ * eta.sd, eta.mean + z_ * eta.sd};
}

// Inverse links are increasing, so quantiles go through them.
RowPrediction RowPredictor::response(const LinearPredictor& eta) const noexcept {
  const RowPrediction l = linear(eta);
  const Link link = link_of(likelihood_);
  if (link == Link::identity) return l;
  if (link == Link::log) {
    const double variance = eta.sd * eta.sd;
    const double mean = std::exp(eta.mean + 0.5 * variance);
    return {mean, mean * std::sqrt(std::expm1(variance)), std::exp(l.lower), std::exp(l.upper)};
  }
  const Moments moments = logistic_moments(eta.mean, eta.sd);
  return {moments.mean, moments.sd, logistic(l.lower).sigmoid, logistic(l.upper).sigmoid};
}

RowPrediction RowPredictor::outcome(const LinearPredictor& eta, double trials) const noexcept {
  if (mixture_) return mixture_outcome(eta);
  switch (likelihood_) {
    case Likelihood::bernoulli: return binomial_outcome(eta, 1);
    case Likelihood::binomial: return binomial_outcome(eta, trials);
    case Likelihood::poisson: return poisson_outcome(eta);
    default: break;
  }
  return gaussian_outcome(eta);
}

RowPrediction RowPredictor::gaussian_outcome(const LinearPredictor& eta) const noexcept {
  const double sd = std::sqrt(eta.sd * eta.sd + noise_->expected_variance());
  return {eta.mean, sd, noise_->quantile(low_, eta.mean, eta.sd, eta.covariance[0]),
          noise_->quantile(high_, eta.mean, eta.sd, eta.covariance[0])};
}

// By the law of total variance.
RowPrediction RowPredictor::mixture_outcome(const LinearPredictor& eta) const noexcept {
  const RowPrediction expectation = response(eta);
  return {expectation.mean, std::sqrt(mixture_->expected_variance(eta) + expectation.sd * expectation.sd),
          mixture_->quantile(low_, eta), mixture_->quantile(high_, eta)};
}

// By the law of total variance, with p = sigmoid(eta): n E[p (1 - p)] + n^2 Var p = n p (1 - p) + n (n - 1) Var p.
RowPrediction RowPredictor::binomial_outcome(const LinearPredictor& eta, double trials) const noexcept {
  const Moments p = logistic_moments(eta.mean, eta.sd);
  const double failure = logistic_moments(-eta.mean, eta.sd).mean;  // 1 - p, with its digits
  const double variance = trials * p.mean * failure + trials * (trials - 1) * p.sd * p.sd;
  if (trials == 1) return {p.mean, std::sqrt(variance), failure < low_ ? 1.0 : 0.0, failure < high_ ? 1.0 : 0.0};
  return {trials * p.mean, std::sqrt(variance), binomial_mixture_quantile(low_, trials, eta.mean, eta.sd),
          binomial_mixture_quantile(high_, trials, eta.mean, eta.sd)};
}

RowPrediction RowPredictor::poisson_outcome(const LinearPredictor& eta) const noexcept {
  const RowPrediction rate = response(eta);
  return {rate.mean, std::sqrt(rate.mean + rate.sd * rate.sd), poisson_mixture_quantile(low_, eta.mean, eta.sd),
          poisson_mixture_quantile(high_, eta.mean, eta.sd)};
}

}  // namespace velbo::internal
