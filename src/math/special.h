// special.h - special functions that the normalisers of likelihoods and priors need.  Host only, double.
#pragma once

namespace velbo::internal {

// log Gamma(x), x > 0.  Unlike std::lgamma it writes no global, so any number of threads may call it.
double log_gamma(double x);

// log C(n, k) for 0 <= k <= n, not necessarily whole.
double log_choose(double n, double k);

// log P(Z <= x), Z standard normal; accurate in the far lower tail.
double log_normal_cdf(double x);

// log P(T <= x), T Student's t with df > 0 degrees of freedom; accurate in both tails.
double log_student_t_cdf(double x, double df);

// The x with P(T <= x) = p, 0 < p < 1, of Student's t; df may be infinite (the normal).  Relative error about 1e-14.
double student_t_quantile(double p, double df);
// The sd of Student's t: infinite up to 2 degrees of freedom.
double student_t_sd(double df);

// The regularised incomplete gamma function P(a, x), a > 0, x >= 0; relative error below 1e-12 where a is moderate.
double incomplete_gamma(double a, double x);

// The regularised incomplete beta function I_x(a, b), a, b > 0, by log x and log (1 - x); relative error below 1e-12 where a and b
// are moderate, and absolute about 1e-15 max(a, b) else.
double incomplete_beta(double a, double b, double log_x, double log_rest);

}  // namespace velbo::internal
