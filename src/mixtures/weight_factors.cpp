#include "mixtures/weight_factors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "conjugate/dirichlet.h"
#include "math/special.h"
#include "velbo/gamma_functions.h"

namespace velbo::internal {
namespace {

double log_beta(double a, double b) { return log_gamma(a) + log_gamma(b) - log_gamma(a + b); }

// sum_i log Beta(1 + N_i, concentration + N_(later)), up to a constant.
double stick_evidence(std::span<const double> counts, const std::vector<std::size_t>& order, double concentration) {
  double later = 0, sum = 0;
  for (std::size_t i = order.size(); i-- > 0;) {
    if (i + 1 < order.size()) sum += log_beta(1 + counts[order[i]], concentration + later);
    later += counts[order[i]];
  }
  return sum;
}

}  // namespace

std::vector<double> WeightFactors::expected_log() const {
  std::vector<double> out(size());
  if (!is_sticks()) {
    dirichlet_expected_log(a, out);
    return out;
  }
  double rest = 0;  // E log of what the sticks so far left
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i + 1 == order.size()) {
      out[order[i]] = rest;
      break;
    }
    const double of_sum = digamma_of(a[i] + b[i]);
    out[order[i]] = rest + digamma_of(a[i]) - of_sum;
    rest += digamma_of(b[i]) - of_sum;
  }
  return out;
}

WeightFactors::Moments WeightFactors::moments() const {
  Moments out{std::vector<double>(size()), std::vector<double>(size())};
  if (!is_sticks()) {
    const double total = std::accumulate(a.begin(), a.end(), 0.0);
    for (std::size_t k = 0; k < a.size(); ++k) {
      const double mean = a[k] / total;
      out.mean[k] = mean;
      out.sd[k] = std::sqrt(mean * (1 - mean) / (total + 1));
    }
    return out;
  }
  double rest = 1, rest_squared = 1;
  for (std::size_t i = 0; i < order.size(); ++i) {
    double v = 1, v_squared = 1;
    if (i + 1 < order.size()) {
      const double total = a[i] + b[i];
      v = a[i] / total;
      v_squared = v * (a[i] + 1) / (total + 1);
      out.mean[order[i]] = rest * v;
      out.sd[order[i]] = rest_squared * v_squared;
      rest *= b[i] / total;
      rest_squared *= b[i] * (b[i] + 1) / (total * (total + 1));
    } else {
      out.mean[order[i]] = rest;
      out.sd[order[i]] = rest_squared;
    }
  }
  for (std::size_t k = 0; k < out.sd.size(); ++k)
    out.sd[k] = std::sqrt(std::max(0.0, out.sd[k] - out.mean[k] * out.mean[k]));
  return out;
}

WeightFactors prior_of_weights(WeightsPrior kind, double concentration, std::int64_t n_components) {
  const auto k = static_cast<std::size_t>(n_components);
  if (kind == WeightsPrior::dirichlet) return {std::vector<double>(k, concentration), {}, {}};
  WeightFactors out{std::vector<double>(k - 1, 1.0), std::vector<double>(k - 1, concentration), {}};
  out.order.resize(k);
  std::iota(out.order.begin(), out.order.end(), std::size_t{0});
  return out;
}

WeightFactors posterior_of_weights(const WeightFactors& prior, std::span<const double> counts, bool reorder) {
  WeightFactors out = prior;
  if (!prior.is_sticks()) {
    for (std::size_t k = 0; k < counts.size(); ++k) out.a[k] += counts[k];
    return out;
  }
  if (reorder && prior.b.size() > 0) out.order = best_stick_order(counts, prior.b[0]);
  double later = 0;
  for (std::size_t i = out.order.size(); i-- > 0;) {
    const double mine = counts[out.order[i]];
    if (i + 1 < out.order.size()) {
      out.a[i] += mine;
      out.b[i] += later;
    }
    later += mine;
  }
  return out;
}

double weights_kl(const WeightFactors& q, const WeightFactors& prior) {
  if (!q.is_sticks()) return dirichlet_kl(q.a, prior.a);
  double sum = 0;
  for (std::size_t i = 0; i < q.a.size(); ++i) {
    const double of_q[2] = {q.a[i], q.b[i]}, of_prior[2] = {prior.a[i], prior.b[i]};
    sum += dirichlet_kl(of_q, of_prior);
  }
  return sum;
}

std::vector<std::size_t> best_stick_order(std::span<const double> counts, double concentration) {
  std::vector<std::size_t> falling(counts.size());
  std::iota(falling.begin(), falling.end(), std::size_t{0});
  std::stable_sort(falling.begin(), falling.end(), [&](std::size_t i, std::size_t j) { return counts[i] > counts[j]; });
  if (concentration <= 1) return falling;
  std::vector<std::size_t> best;
  double most = -std::numeric_limits<double>::infinity();
  for (std::size_t last = falling.size(); last-- > 0;) {
    std::vector<std::size_t> order = falling;
    std::rotate(order.begin() + static_cast<std::ptrdiff_t>(last),
                order.begin() + static_cast<std::ptrdiff_t>(last) + 1, order.end());
    const double evidence = stick_evidence(counts, order, concentration);
    if (evidence > most) {
      most = evidence;
      best = std::move(order);
    }
  }
  return best;
}

}  // namespace velbo::internal
