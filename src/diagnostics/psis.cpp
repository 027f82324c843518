#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "velbo/diagnostics.h"
#include "velbo/error.h"

namespace velbo {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Generalised Pareto distribution of excesses: P(X > x) = (1 + k x / sigma)^(-1/k).
struct ParetoFit {
  double k = infinity;
  double sigma = 0;
  double k_unpenalised = infinity;
};

// Empirical-Bayes estimate of Zhang and Stephens (2009, Technometrics 51, 316-325), in theta = -k / sigma, with a
// weakly informative prior on k as in Vehtari et al. (2024): ten draws' worth of k = 1/2.
//   x  excesses over the cut, ascending, at least 5
ParetoFit fit_generalised_pareto(const std::vector<double>& x) {
  const auto n = static_cast<double>(x.size());
  const std::size_t n_grid = 30 + static_cast<std::size_t>(std::sqrt(n));
  const double quartile = x[static_cast<std::size_t>(n / 4 + 0.5) - 1], largest = x.back();
  if (!(quartile > 0)) return {};

  const auto mean_log = [&](double theta) {
    double sum = 0;
    for (double v : x) sum += std::log1p(-theta * v);
    return sum / n;
  };
  std::vector<double> theta(n_grid), log_likelihood(n_grid);
  for (std::size_t j = 0; j < n_grid; ++j) {
    const double spread = 1 - std::sqrt(static_cast<double>(n_grid) / (static_cast<double>(j) + 0.5));
    theta[j] = 1 / largest + spread / (3 * quartile);
    const double k = mean_log(theta[j]);
    log_likelihood[j] = n * (std::log(-theta[j] / k) - k - 1);
  }
  // Posterior mean of theta over the grid.
  const double best = *std::max_element(log_likelihood.begin(), log_likelihood.end());
  double total = 0;
  for (double v : log_likelihood) total += std::exp(v - best);
  double weight = 0, sum = 0;
  for (std::size_t j = 0; j < n_grid; ++j) {
    const double w = std::exp(log_likelihood[j] - best) / total;
    if (!(w >= 10 * std::numeric_limits<double>::epsilon())) continue;
    weight += w;
    sum += w * theta[j];
  }
  const double mean = sum / weight, k = mean_log(mean);
  if (!std::isfinite(k)) return {};
  return {(n * k + 10 * 0.5) / (n + 10), -k / mean, k};
}

double quantile(double p, const ParetoFit& fit) {
  const double minus_log = -std::log1p(-p);
  if (std::fabs(fit.k) < std::numeric_limits<double>::epsilon()) return fit.sigma * minus_log;
  return fit.sigma * std::expm1(fit.k * minus_log) / fit.k;
}

// log sum exp(v), the largest of which is `largest`, finite.
double log_sum_exp(std::span<const double> v, double largest) {
  double sum = 0;
  for (double x : v) sum += std::exp(x - largest);
  return largest + std::log(sum);
}

struct Tail {
  double largest = 0;              // of the log weights
  double cut = 0;                  // relative to it
  std::vector<std::size_t> index;  // draws above the cut, by ascending weight, ties by draw
  ParetoFit fit;
};

// The largest log weight; refuses what is not a weight.
double checked_largest(std::span<const double> log_weights) {
  double largest = -infinity;
  for (std::size_t s = 0; s < log_weights.size(); ++s) {
    const double v = log_weights[s];
    if (std::isnan(v) || v == infinity)
      throw Error(ErrorCode::data, "log weight " + std::to_string(s) + " is " + (std::isnan(v) ? "NaN" : "+inf") +
                                       ", expected a number or -inf");
    largest = std::max(largest, v);
  }
  if (largest == -infinity)
    throw Error(ErrorCode::data,
                log_weights.empty() ? "there are no log weights" : "every log weight is -inf: no draw has any weight");
  return largest;
}

Tail fit_tail(std::span<const double> log_weights) {
  Tail tail;
  tail.largest = checked_largest(log_weights);
  const auto n = static_cast<double>(log_weights.size());
  const auto n_tail = static_cast<std::size_t>(std::ceil(std::min(n / 5, 3 * std::sqrt(n))));
  const double smallest = *std::min_element(log_weights.begin(), log_weights.end());
  if (tail.largest - smallest <= 1e-10) {
    tail.fit.k = -infinity;
    return tail;
  }
  if (n_tail >= log_weights.size()) return tail;

  // The cut is the largest weight outside the tail, and not part of it.
  std::vector<double> order(log_weights.begin(), log_weights.end());
  const auto at = order.begin() + static_cast<std::ptrdiff_t>(order.size() - n_tail - 1);
  std::nth_element(order.begin(), at, order.end());
  tail.cut = std::max(*at - tail.largest, std::log(std::numeric_limits<double>::min()));
  for (std::size_t s = 0; s < log_weights.size(); ++s)
    if (log_weights[s] - tail.largest > tail.cut) tail.index.push_back(s);
  std::stable_sort(tail.index.begin(), tail.index.end(),
                   [&](std::size_t a, std::size_t b) { return log_weights[a] < log_weights[b]; });
  if (tail.index.size() < 5) return tail;

  std::vector<double> excess(tail.index.size());
  for (std::size_t j = 0; j < excess.size(); ++j)
    excess[j] = std::exp(log_weights[tail.index[j]] - tail.largest) - std::exp(tail.cut);
  tail.fit = fit_generalised_pareto(excess);
  return tail;
}

// Maximum likelihood has variance (1 + k)^2 / n for k > -1/2 (Smith 1987, Annals of Statistics 15, 1174-1207), which
// the prior shrinks by n / (n + 10).  Zhang and Stephens' estimate is about as efficient.  Below -1/2 no such law
// holds and the value at -1/2 is given.  Leaves out that the cut is random and that the tail is Pareto only in the
// limit, which is a bias, not a spread.
double standard_error(const ParetoFit& fit, std::size_t n_tail) {
  if (!std::isfinite(fit.k)) return fit.k < 0 ? 0 : infinity;
  const auto n = static_cast<double>(n_tail);
  return std::max(1 + fit.k_unpenalised, 0.5) * std::sqrt(n) / (n + 10);
}

}  // namespace

PsisResult psis(std::span<const double> log_weights) {
  const Tail tail = fit_tail(log_weights);
  PsisResult result;
  result.k_hat = tail.fit.k;
  result.k_hat_se = standard_error(tail.fit, tail.index.size());
  result.n_tail = static_cast<std::int64_t>(tail.index.size());
  result.log_mean_weight = log_sum_exp(log_weights, tail.largest) - std::log(static_cast<double>(log_weights.size()));

  result.log_weights.resize(log_weights.size());
  for (std::size_t s = 0; s < log_weights.size(); ++s) result.log_weights[s] = log_weights[s] - tail.largest;
  if (std::isfinite(tail.fit.k) && tail.fit.sigma > 0) {
    // Expected order statistics of the fitted tail in place of the weights, none above the largest of them.
    const double cut = std::exp(tail.cut), n = static_cast<double>(tail.index.size());
    for (std::size_t j = 0; j < tail.index.size(); ++j) {
      const double p = (static_cast<double>(j) + 0.5) / n;
      result.log_weights[tail.index[j]] = std::min(0.0, std::log(cut + quantile(p, tail.fit)));
    }
  }
  const double largest = *std::max_element(result.log_weights.begin(), result.log_weights.end());
  const double total = log_sum_exp(result.log_weights, largest);
  double squares = 0;
  for (double& v : result.log_weights) {
    v -= total;
    squares += std::exp(2 * v);
  }
  result.ess = 1 / squares;
  return result;
}

double psis_khat(std::span<const double> log_weights) { return fit_tail(log_weights).fit.k; }

double khat_threshold(std::int64_t n_draws) {
  if (n_draws <= 10) return 0;
  return std::min(1 - 1 / std::log10(static_cast<double>(n_draws)), 0.7);
}

WeightedMoments weighted_moments(std::span<const double> draws, std::span<const double> log_weights) {
  const std::size_t n = log_weights.size();
  if (n == 0 || draws.size() % n != 0)
    throw Error(ErrorCode::shape, std::to_string(draws.size()) + " numbers are not a whole number of columns of " +
                                      std::to_string(n) + " draws");
  const std::size_t n_columns = draws.size() / n;
  WeightedMoments moments{std::vector<double>(n_columns, 0.0), std::vector<double>(n_columns, 0.0)};
  std::vector<double> weight(n);
  for (std::size_t s = 0; s < n; ++s) weight[s] = std::exp(log_weights[s]);
  // The mean first: the variance of a column far from zero would cancel.  A draw of weight zero may be infinite.
  for (std::size_t s = 0; s < n; ++s)
    for (std::size_t d = 0; weight[s] > 0 && d < n_columns; ++d)
      moments.mean[d] += weight[s] * draws[s * n_columns + d];
  for (std::size_t s = 0; s < n; ++s)
    for (std::size_t d = 0; weight[s] > 0 && d < n_columns; ++d) {
      const double deviation = draws[s * n_columns + d] - moments.mean[d];
      moments.sd[d] += weight[s] * deviation * deviation;
    }
  for (double& v : moments.sd) v = std::sqrt(v);
  return moments;
}

}  // namespace velbo
