// velbo/linear_response.h - the covariance that a mean-field fit leaves out, from how its means respond to the model.
//
// A mean-field q has no correlations, and sds that are too small where the posterior has some.  Its means are mostly right, and what
// they would do if the log density were tilted by t' z tells the covariance: d mean / dt (Giordano, Broderick and Jordan 2018,
// "Covariances, robustness, and variational Bayes", JMLR 19(51), equation 12).  Of the ELBO over fixed draws, with Hessian -H in the
// means and the logarithms of the sds (Giordano, Ingram and Broderick 2024, section 3.3),
//   covariance = [H^-1]_mm = (H_mm - H_ms H_ss^-1 H_sm)^-1,
// which is exact where the posterior is Gaussian, because the draws are moment-matched (sample mean 0, sample covariance I).
//
// Far from Gaussian posteriors it may overshoot (twice the sd of tau on the non-centred eight schools), so each sd is checked by
// importance sampling from the Gaussian that it makes: see LinearResponse::sd.
#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "velbo/export.h"
#include "velbo/model.h"
#include "velbo/posterior.h"

namespace velbo {

struct LinearResponseOptions {
  std::int64_t draws = 0;            // fixed ones, S; 0: the power of 2 at or above max(64, 2 D)
  std::int64_t check_draws = 20000;  // independent ones for the check, at least 100
  std::uint64_t seed = 1;
  int threads = 0;  // 0: all; the results have the same bits whatever the number
};

struct LinearResponse {
  // Of the unconstrained latents, [D, D] row-major; empty where there is none (see message).
  std::vector<double> covariance;
  // The full-rank Gaussian with q's mean and this covariance, which importance_draws() corrects where k_hat allows.  Its sd() are
  // those of the constrained parameters, checked or not.
  std::optional<Posterior> posterior;
  double k_hat = std::numeric_limits<double>::quiet_NaN();  // of that Gaussian, not of q
  double ess = std::numeric_limits<double>::quiet_NaN();    // effective draws of check_draws
  bool reliable = false;                                    // k_hat < khat_threshold(check_draws)
  // Of the constrained parameters, [n]: NaN unless k_hat is below the threshold and importance sampling finds the same sd within 10 %.
  // The second is needed because a Gaussian that overshoots covers the posterior, and has a good k_hat.
  std::vector<double> sd;
  std::string message;  // why there are none, or which are NaN; empty where all is well
};

// For a posterior that a fit of `model` left at its optimum.  Takes 2 D S gradients of the log density, by central differences of which
// the Hessians at the draws are made, check_draws values, and O(D^3) operations.  Throws Error(argument) unless the posterior is a
// mean-field one of the model's parameters, draws > D or 0, and check_draws >= 100; Error(memory).
VELBO_EXPORT LinearResponse linear_response(const Model& model, const Posterior& posterior,
                                            const LinearResponseOptions& options = {});

}  // namespace velbo
