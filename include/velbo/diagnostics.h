// velbo/diagnostics.h - how far a fitted posterior can be trusted: Pareto smoothed importance sampling, bounds on the errors of
// moments, and convergence of sequences.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "velbo/export.h"

namespace velbo {

// Pareto smoothed importance sampling (Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto smoothed importance
// sampling", JMLR 25(72)) of S draws from q with log weights log p(x, z_s) - log q(z_s).
struct PsisResult {
  // Shape of the generalised Pareto tail of the weights: below 0.5 the correction is reliable, above 0.7 it is not.
  // It judges the joint distribution: the means of a mean-field q are often better than its k_hat.
  double k_hat = 0;
  // Sampling error of k_hat over repeated draws, from the number of tail draws alone; infinite where k_hat is.
  double k_hat_se = 0;
  double ess = 0;                   // 1 / sum of squared normalised smoothed weights
  double log_mean_weight = 0;       // log of the mean raw weight: an estimate of the log evidence
  std::vector<double> log_weights;  // [S] smoothed, and normalised: exp() of them sums to 1
  std::int64_t n_tail = 0;          // draws above the cut, that the tail was fitted to
};

// The same numbers as ArviZ's psislw: the tail is the min(ceil(S/5), ceil(3 sqrt S)) largest weights, less those that
// tie with the cut.  The weights must come from independent draws: Sobol draws spoil the calibration of k_hat.
//
//   -inf           a weight of zero
//   k_hat = +inf   fewer than 5 tail draws (20 draws or fewer, or many ties), or a tail that cannot be fitted:
//                  nothing is smoothed, as in ArviZ
//   k_hat = -inf   all log weights equal within 1e-10: q is the posterior.  Here ArviZ gives +inf or a fit to rounding.
//
// Takes O(S) time.  Throws Error(data) naming the first NaN or +inf, or if every weight is zero or there is none.
VELBO_EXPORT PsisResult psis(std::span<const double> log_weights);

// Its k_hat, without the copy of the weights.
VELBO_EXPORT double psis_khat(std::span<const double> log_weights);

// Above this k_hat the importance-corrected moments of S draws cannot be trusted: min(1 - 1 / log10(S), 0.7)
// (Vehtari et al. 2024).  0 for S <= 10.
VELBO_EXPORT double khat_threshold(std::int64_t n_draws);

// Mean and standard deviation of each column under the weights.
struct WeightedMoments {
  std::vector<double> mean;  // [D]
  std::vector<double> sd;    // [D]
};

// draws: [S, D] row-major; log_weights: [S], normalised (PsisResult::log_weights).  Throws Error(shape) where the sizes
// do not fit together.
VELBO_EXPORT WeightedMoments weighted_moments(std::span<const double> draws, std::span<const double> log_weights);

// How far q's means and sds can be from the posterior's (Huggins, Kasprzak, Campbell and Broderick 2020, "Validated variational
// inference via practical posterior error bounds", AISTATS), from S independent draws of q.  With the estimates
//   ELBO = mean log w,  CUBO = log(mean w^2) / 2,  D = 2 (CUBO - ELBO),
// D bounds the Renyi divergence of order 2 (their section 4), and for p = 1, 2 and C = E_q |z - mean|^(2 p)
//   W_p <= 2 C^(1 / 2p) (e^D - 1)^(1 / 2p),   |difference of means| <= W_1,   |difference of sds| <= W_2.
// Of a column alone C is that column's, since no marginal's divergence exceeds the joint one.
struct MomentBounds {
  bool valid = false;  // k_hat < 0.5, without which mean w^2 estimates nothing; then all bounds below are +inf
  double k_hat = 0;
  double elbo = 0, cubo = 0;                    // nats; an unknown constant of the log density is in both
  double divergence = 0;                        // D
  double wasserstein_1 = 0, wasserstein_2 = 0;  // of the joint distribution, in the Euclidean norm of the draws' units
  std::vector<double> mean_error, sd_error;     // [D] in each column's own units
};

// draws: [S, D] row-major, constrained or not; log_ratios: [S] as they are (ImportanceDraws::log_ratios), -inf allowed: D is then
// infinite.  The bounds are rough: a D of 0.1 allows an error of 0.65 sd in the mean.  Throws Error(shape) where the sizes do not fit
// together, Error(data) as psis().
VELBO_EXPORT MomentBounds moment_error_bounds(std::span<const double> draws, std::span<const double> log_ratios);

// Of M sequences of T numbers that should be of one distribution, such as iterates of several runs: sequences [M, T] row-major.
struct SequenceDiagnostics {
  // Split R-hat without ranks (Gelman, Carlin, Stern, Dunson, Vehtari and Rubin 2013, "Bayesian data analysis", equation 11.4): each
  // sequence is cut in halves, of an odd T the middle left out, so that one sequence will do and a trend shows.  1 where they agree,
  // above 1.01 where they do not; +inf where each half is constant but they differ, NaN where all numbers are equal.
  double r_hat = 0;
  // Effective number of independent draws by Geyer's initial monotone sequence (Vehtari, Gelman, Simpson, Carpenter and Buerkner
  // 2021, section 3.2, without ranks), at most M T log10(M T); NaN where r_hat is.
  double ess = 0;
  double mcse = 0;  // of the mean: sd / sqrt(ess)
};

// The same numbers as ArviZ's rhat(method="split"), ess(method="mean") and mcse(method="mean").  Takes O(M T) time and as much again for
// every pair of lags that is still correlated.  Throws Error(shape) unless T is whole and at least 4; Error(data) naming the first
// number that is not finite.
VELBO_EXPORT SequenceDiagnostics sequence_diagnostics(std::span<const double> sequences, std::int64_t n_sequences);

}  // namespace velbo
