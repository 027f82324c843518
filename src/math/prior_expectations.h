// prior_expectations.h - expected log prior densities of one latent with a Gaussian q, and their derivatives.
#pragma once
#include "math/expectations.h"
#include "velbo/prior.h"

namespace velbo::internal {

// E[log p(b)], b ~ N(mean, sd^2), with d_mean = d/dmean and curvature = -E[d^2 log p / db^2] = -2 d/d(sd^2).  All
// constants are included; flat is 0.  The curvature may be negative for student_t and cauchy, whose log density is not
// concave.  sd = 0 gives the density at the mean (curvature of laplace: 0).
//
// normal, laplace: closed form.  student_t, cauchy: absolute error below 1e-9 (1 + |value|) for any sd / scale.
// Throws Error(argument) for the priors of a positive quantity.
Expectation<double> expected_log_prior(const Prior& prior, double mean, double sd);

// The same for a positive parameter sigma = e^u, u ~ N(mean, sd^2): E[log p(e^u)], its derivative in mean, and
// -E[d^2 log p(e^u) / du^2].  p is the density of sigma; the log Jacobian (u) is not included.
// Priors of the whole line are cut off at 0 and normalised: normal(0, s) is half_normal(s).
Expectation<double> expected_log_positive_prior(const Prior& prior, double mean, double sd);

// log p(x) = log_prior_constant + log_prior_kernel, split so that a loop over draws pays for the constant once.
// positive: the prior is of a positive parameter, as above.
double log_prior_constant(const Prior& prior, bool positive);
double log_prior_kernel(const Prior& prior, double x);
// d log p / d x; of laplace 0 at its kink.
double log_prior_slope(const Prior& prior, double x);

}  // namespace velbo::internal
