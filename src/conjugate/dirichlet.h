// conjugate/dirichlet.h - Dirichlet factors, and with two elements Beta factors.
#pragma once
#include <span>

namespace velbo::internal {

// E log theta_k = digamma(alpha_k) - digamma(sum alpha), [K] into out.  alpha > 0.
void dirichlet_expected_log(std::span<const double> alpha, std::span<double> out);

// log of the normaliser: sum_k log Gamma(alpha_k) - log Gamma(sum alpha).
double dirichlet_log_beta(std::span<const double> alpha);

// KL(Dirichlet(q) || Dirichlet(p)), both [K]; `expected_log` [K] is dirichlet_expected_log(q).
double dirichlet_kl(std::span<const double> q, std::span<const double> p, std::span<const double> expected_log);
double dirichlet_kl(std::span<const double> q, std::span<const double> p);

// log of the Dirichlet-multinomial probability of one sequence with these counts: log_beta(alpha + counts) - log_beta(alpha).
double dirichlet_categorical_log_evidence(std::span<const double> alpha, std::span<const double> counts);

}  // namespace velbo::internal
