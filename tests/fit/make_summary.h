// tests/fit/make_summary.h - a summary to test with, made without a fit.
#pragma once
#include "velbo/fit.h"

namespace velbo::test {

inline Summary make_summary() {
  Summary s;
  s.velbo_version = "0.1.0";
  s.model = {
      .formula = "switch ~ distance + arsenic",
      .likelihood = "bernoulli",
      .likelihood_guessed = true,
      .n_rows = 3020,
      .n_rows_dropped = 12,
      .n_latents = 2,
      .priors = {{"Intercept", Prior::normal(0, 10), false}, {"distance", Prior::normal(0, 0.0649710527), true}}};
  s.fit = {.engine = "newton",
           .engine_reason = "one linear predictor",
           .family = "full_rank",
           .family_reason = "2 latents",
           .estimator = "quadrature",
           .device = "cpu",
           .device_reason = "the only one",
           .scalar = "float",
           .scalar_reason = "enough digits",
           .threads = 2,
           .seed = 18446744073709551615U,
           .tolerance = 0.02,
           .status = Status::converged,
           .message = "estimated remaining error 0.004",
           .steps = 9,
           .gradient_evaluations = 10,
           .rows_read = 9060,
           .rejected_steps = 1,
           .full_passes = 3,
           .seconds = {.read = 0.003, .fit = 0.002, .diagnose = 0.01, .total = 0.015}};
  s.quality = {.elbo = -1963.25,
               .elbo_se = 0,
               .k_hat = 0.11,
               .k_hat_se = 0.05,
               .n_draws = 1000,
               .ess = 900.5,
               .method = "all rows",
               .log_evidence = -1963.125,
               .error_sd = 0.004,
               .verdict = Verdict::good,
               .advice = ""};
  s.warnings = {"a warning"};
  s.parameters = {{.name = "Intercept",
                   .mean = 0.00211,
                   .sd = 0.0792,
                   .q05 = -0.1281,
                   .q25 = -0.05,
                   .q50 = 0.0021,
                   .q75 = 0.0555,
                   .q95 = 0.1323,
                   .corrected_mean = 0.002,
                   .corrected_sd = 0.0793},
                  {.name = "distance",
                   .mean = -9.0,
                   .sd = 0.00105,
                   .q05 = -9.1,
                   .q25 = -9.05,
                   .q50 = -9.0,
                   .q75 = -8.95,
                   .q95 = -8.9}};
  return s;
}

}  // namespace velbo::test
