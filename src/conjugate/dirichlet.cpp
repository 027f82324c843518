#include "conjugate/dirichlet.h"

#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "math/special.h"
#include "velbo/gamma_functions.h"

namespace velbo::internal {
namespace {

double sum_of(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

}  // namespace

void dirichlet_expected_log(std::span<const double> alpha, std::span<double> out) {
  const double of_sum = digamma_of(sum_of(alpha));
  for (std::size_t k = 0; k < alpha.size(); ++k) out[k] = digamma_of(alpha[k]) - of_sum;
}

double dirichlet_log_beta(std::span<const double> alpha) {
  double sum = 0;
  for (const double a : alpha) sum += log_gamma(a);
  return sum - log_gamma(sum_of(alpha));
}

double dirichlet_kl(std::span<const double> q, std::span<const double> p, std::span<const double> expected_log) {
  double sum = dirichlet_log_beta(p) - dirichlet_log_beta(q);
  for (std::size_t k = 0; k < q.size(); ++k) sum += (q[k] - p[k]) * expected_log[k];
  return sum;
}

double dirichlet_kl(std::span<const double> q, std::span<const double> p) {
  std::vector<double> expected_log(q.size());
  dirichlet_expected_log(q, expected_log);
  return dirichlet_kl(q, p, expected_log);
}

double dirichlet_categorical_log_evidence(std::span<const double> alpha, std::span<const double> counts) {
  std::vector<double> posterior(alpha.begin(), alpha.end());
  for (std::size_t k = 0; k < counts.size(); ++k) posterior[k] += counts[k];
  return dirichlet_log_beta(posterior) - dirichlet_log_beta(alpha);
}

}  // namespace velbo::internal
