// objectives/glm_estimator.h - stochastic gradients of a generalised linear model's ELBO.
//
// `weights`: z_s = mean + factor eps_s, g_s = grad log p(y | z_s):  d/dmean = mean_s g_s,  d/dfactor = mean_s g_s eps_s'
// (Kingma and Welling 2014); with sticking_the_landing g_s also holds grad log p(z_s) - grad log q(z_s), and the entropy's own
// gradient is left out (Roeder, Wu and Duvenaud 2017).
// `local` and `quadrature`: each row sees its predictor's mean and variance only; with rho and c of backend/ops.h
//   d/dmean = X' rho,  d/dfactor = -X' diag(c) X factor.
// The Gaussian likelihood's unknown log scale u is integrated out first: weighting q by e^{-2u} shifts its mean by -2 Cov(., u)
// and multiplies by a = e^{-2 mu_u + 2 S_uu} (models/gaussian_oracle.h), after which rows see a Gaussian of unit scale.
#pragma once
#include "models/centring.h"
#include "models/kept_rows.h"
#include "objectives/draws.h"
#include "objectives/elbo_gradient.h"

namespace velbo::internal {

template <class T>
class GlmEstimator final : public ElboEstimator {
 public:
  GlmEstimator(const GlmData& data, const Context& context, const GaussianPoint& like,
               const EstimatorSettings& settings, Key key);
  [[nodiscard]] ElboGradient estimate(const GaussianPoint& point, std::span<const std::int64_t> batch,
                                      std::uint32_t step) override;

 private:
  // Both add the log likelihood of `rows`; weights() takes priors and log q into account where the landing is stuck to.
  void add_weights(const GaussianPoint& point, const Rows<T>& rows, std::span<const std::int64_t> batch,
                   std::uint32_t step, ElboGradient& sum);
  void add_predictor(const GaussianPoint& point, const Rows<T>& rows, std::span<const std::int64_t> batch,
                     std::uint32_t step, ElboGradient& sum);
  // Observations that the batch's rows stand for: frequency weights, or rows of any precision weight.
  [[nodiscard]] double count(std::span<const std::int64_t> batch) const;

  const GlmData& data_;
  Context context_;
  Centring centring_;
  KeptRows<T> kept_;
  EstimatorSettings settings_;
  Key key_;
  DrawNoise noise_;
};

}  // namespace velbo::internal
