// conjugate/dirichlet.h - Dirichlet factors, and with two elements Beta factors.
#pragma once
#include <span>
#include <vector>

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

// The alpha [K] in [least, most] that maximises E log Dirichlet(theta | alpha) given the means of log theta_k: some fixed-point steps, then Newton's method with a
// Hessian that is diagonal plus constant (Minka 2000, "Estimating a Dirichlet distribution", equations 9 and 15 to 18), halved where the
// objective, which is concave, would fall.  From `start` [K] > 0; a function of its arguments alone.
std::vector<double> dirichlet_maximiser(std::span<const double> mean_log, std::span<const double> start, double least,
                                        double most);

}  // namespace velbo::internal
