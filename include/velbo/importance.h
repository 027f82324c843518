// velbo/importance.h - draws of a fitted q weighted so that they are of the posterior itself: corrected moments, also of derived
// quantities, and resampling.
//
//   const velbo::ImportanceDraws draws = velbo::importance_draws(model, fit.posterior, {.draws = 200000});
//   const velbo::CorrectedMoments effects = velbo::corrected_moments(draws, 8, [](auto theta, auto out) {
//     for (std::size_t j = 0; j < 8; ++j) out[j] = theta[8] + theta[9] * theta[j];  // mu + tau * eta_j
//   });
//
// The weights w_s = p(y, z_s) / q(z_s) are Pareto smoothed (velbo/diagnostics.h), and k_hat says whether they can be trusted.  Where
// they cannot, moments are NaN and resampling is refused, unless the caller asks for them all the same: nothing is corrected silently.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "velbo/diagnostics.h"
#include "velbo/export.h"
#include "velbo/model.h"
#include "velbo/posterior.h"

namespace velbo {

struct ImportanceOptions {
  std::int64_t draws = 100000;  // S, at least 1; where k_hat is about 0.6, means want 1e4 and sds 2e5
  std::uint64_t seed = 1;
  int threads = 0;  // 0: all; the results have the same bits whatever the number
};

struct ImportanceDraws {
  std::int64_t n_draws = 0;        // S
  std::int64_t n_parameters = 0;   // n
  std::vector<double> draws;       // [S, n] row-major, constrained: what Posterior::sample(S, seed) gives
  std::vector<double> log_ratios;  // [S] log p(y, z_s) - log q(z_s) as they are; -inf where p is not finite
  PsisResult psis;                 // of log_ratios; psis.log_weights [S] are smoothed and normalised
  std::int64_t n_not_finite = 0;   // draws of weight zero, because the model's log density there is NaN or infinite
  bool reliable = false;  // k_hat < khat_threshold(S), or weights so even that they hardly matter (ess > 0.995 S)
};

// Throws Error(argument) where draws < 1, threads < 0, or the posterior's parameters or constraints are not the model's;
// Error(data) where no draw has a finite log density; Error(memory) where the draws do not fit.
// Takes S values of the log density, and 8 S (n + 2) bytes.
VELBO_EXPORT ImportanceDraws importance_draws(const Model& model, const Posterior& posterior,
                                              const ImportanceOptions& options = {});

// What to do where ImportanceDraws::reliable is false.
enum class Unreliable { refuse, allow };

struct CorrectedMoments {
  std::vector<double> mean, sd;  // NaN where refused
  // Of the mean over repeated draws: sqrt(sum_s w_s^2 (x_s - mean)^2), the delta method for a ratio of means (Owen 2013, "Monte Carlo
  // theory, methods and examples", equation 9.9).  Says nothing of draws that were never made: that is what k_hat is for.
  std::vector<double> mean_se;
};

// Of the parameters: [n].
VELBO_EXPORT CorrectedMoments corrected_moments(const ImportanceDraws& draws,
                                                Unreliable unreliable = Unreliable::refuse);

// Writes quantities out [n_quantities] of theta [n].  A value that is not finite at a draw of positive weight makes its moments so.
using DerivedQuantities = std::function<void(std::span<const double> theta, std::span<double> out)>;

// Of derived quantities: [n_quantities].  Called once a draw, in order, by the calling thread.  Throws Error(argument) for
// n_quantities < 1 and an empty function.
VELBO_EXPORT CorrectedMoments corrected_moments(const ImportanceDraws& draws, std::int64_t n_quantities,
                                                const DerivedQuantities& quantities,
                                                Unreliable unreliable = Unreliable::refuse);

enum class Resampling {
  // One after the other, each with probability proportional to its weight among those that are left (by Gumbel noise: Kool, van Hoof
  // and Welling 2019, section 2.3).  No draw twice, so a heavy one cannot dominate; close to the posterior while n is well below
  // psis.ess, and q itself at n = S.  In the order of the draw: the first m of n are such a sample of m.
  without_replacement,
  // One uniform in each of n equal strata of the cumulated weights (Kitagawa 1996): unbiased for every n, with repetitions, which
  // stand together.
  stratified,
};

// n draws [n, n_parameters] row-major of equal weight: a function of draws and seed.  Throws Error(argument) where n < 0 or, without
// replacement, n exceeds the draws of positive weight; where draws are not reliable, unless that is allowed.
VELBO_EXPORT std::vector<double> resample(const ImportanceDraws& draws, std::int64_t n, std::uint64_t seed = 1,
                                          Resampling method = Resampling::without_replacement,
                                          Unreliable unreliable = Unreliable::refuse);

}  // namespace velbo
