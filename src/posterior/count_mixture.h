// posterior/count_mixture.h - distribution functions and quantiles of counts whose linear predictor is Gaussian.
//
// Both use P(Y <= k | eta) = P(T > eta) for a T whose density is known: Poisson with log link, T = log Gamma(k + 1);
// binomial with logit link, T = logit Beta(k + 1, n - k).  So P(Y <= k) = E Phi((T - m) / s), one integral of a smooth
// log-concave density against a smooth step, taken by Gauss-Legendre panels that follow both widths.
#pragma once

namespace velbo::internal {

// P(Y <= k), eta ~ N(m, s^2), s >= 0, for a whole k >= 0 (binomial: k < n).  Absolute error below 1e-8.
[[nodiscard]] double poisson_mixture_cdf(double k, double m, double s) noexcept;
[[nodiscard]] double binomial_mixture_cdf(double k, double n, double m, double s) noexcept;

// The smallest whole k with P(Y <= k) >= probability, which is in (0, 1).  Poisson: above 1e9 rounded from a normal
// approximation of log Y, which errs by about one in 1e9 there.
[[nodiscard]] double poisson_mixture_quantile(double probability, double m, double s) noexcept;
[[nodiscard]] double binomial_mixture_quantile(double probability, double n, double m, double s) noexcept;

}  // namespace velbo::internal
