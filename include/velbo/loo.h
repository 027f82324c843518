// velbo/loo.h - how well a model predicts data that it has not seen: leave-one-out cross-validation and WAIC, from the pointwise
// log likelihood at draws, without another fit.
//
//   const velbo::ImportanceDraws draws = velbo::importance_draws(model, fit.posterior);
//   std::vector<double> log_likelihood;  // [S, N]: log p(y_n | theta_s)
//   const velbo::Elpd loo = velbo::loo(log_likelihood, draws.n_draws, draws.log_ratios);
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "velbo/export.h"

namespace velbo {

struct Elpd {
  double elpd = 0;  // expected log predictive density of the N data, nats; larger is better
  // sqrt(N var(pointwise)) with divisor N, as ArviZ; R's loo divides by N - 1.
  double se = 0;
  double p = 0;  // effective number of parameters: log predictive density of the data as seen, less elpd
  std::vector<double> pointwise;  // [N]
  std::vector<double> k_hat;      // [N] of loo, above khat_threshold(S) not to be trusted; empty of waic
  std::int64_t n_high_k = 0;      // how many are above it
};

// Both take log_likelihood [S, N] row-major and log_ratios [S], log p(y, theta_s) - log q(theta_s) as they are, for draws of an
// approximation q; empty for draws of the posterior itself.  A draw of weight zero (-inf) is not looked at.  Throw Error(shape) where
// sizes do not fit together; Error(data) naming draw and datum where a log likelihood is NaN or infinite; Error(argument) for
// n_draws < 1, threads < 0.  Deterministic: the same bits for any number of threads (0: all).

// Pareto-smoothed importance sampling leave-one-out (Vehtari, Gelman and Gabry 2017, equations 3 to 10).  The ratios of datum n's
// posterior without it are those of q times 1 / p(y_n | theta_s), smoothed together once, so that k_hat judges both at once (Magnusson,
// Andersen, Jonasson and Vehtari 2019, "Bayesian leave-one-out cross-validation for large data", equation 9).
VELBO_EXPORT Elpd loo(std::span<const double> log_likelihood, std::int64_t n_draws,
                      std::span<const double> log_ratios = {}, int threads = 0);

// The widely applicable information criterion (Watanabe 2010), with the posterior variance of the log likelihood as penalty, under the
// smoothed weights.  loo is the more robust of the two, and says where it fails.
VELBO_EXPORT Elpd waic(std::span<const double> log_likelihood, std::int64_t n_draws,
                       std::span<const double> log_ratios = {}, int threads = 0);

}  // namespace velbo
