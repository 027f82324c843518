#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "velbo/diagnostics.h"
#include "velbo/error.h"

namespace velbo {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kFiniteSecondMoment = 0.5;  // the k of the weights' tail below which E_q w^2 exists

// log mean exp(factor * x).
double log_mean_exp(std::span<const double> x, double factor) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (const double v : x) sum += std::exp(factor * (v - largest));
  return factor * largest + std::log(sum / static_cast<double>(x.size()));
}

double wasserstein(double moment, double divergence, double p) {
  return 2 * std::pow(moment * std::expm1(divergence), 0.5 / p);
}

}  // namespace

MomentBounds moment_error_bounds(std::span<const double> draws, std::span<const double> log_ratios) {
  const std::size_t n = log_ratios.size();
  if (n == 0 || draws.size() % n != 0)
    throw Error(ErrorCode::shape, std::to_string(draws.size()) + " numbers are not a whole number of columns of " +
                                      std::to_string(n) + " draws");
  const std::size_t d = draws.size() / n;
  const auto s = static_cast<double>(n);
  MomentBounds out;
  out.k_hat = psis_khat(log_ratios);
  for (const double v : log_ratios) out.elbo += v / s;
  out.cubo = 0.5 * log_mean_exp(log_ratios, 2);
  out.valid = out.k_hat < kFiniteSecondMoment;
  // Not below zero but for rounding, by Jensen's inequality.
  out.divergence = out.valid ? std::max(0.0, 2 * (out.cubo - out.elbo)) : kInfinity;
  out.wasserstein_1 = out.wasserstein_2 = kInfinity;
  out.mean_error.assign(d, kInfinity);
  out.sd_error.assign(d, kInfinity);
  if (!std::isfinite(out.divergence)) return out;

  std::vector<double> mean(d, 0.0), second(d, 0.0), fourth(d, 0.0);
  double joint_second = 0, joint_fourth = 0;
  for (std::size_t i = 0; i < draws.size(); ++i) mean[i % d] += draws[i] / s;
  for (std::size_t row = 0; row < n; ++row) {
    double length = 0;  // squared, of the whole row
    for (std::size_t i = 0; i < d; ++i) {
      const double square = std::pow(draws[row * d + i] - mean[i], 2);
      second[i] += square / s;
      fourth[i] += square * square / s;
      length += square;
    }
    joint_second += length / s;
    joint_fourth += length * length / s;
  }
  out.wasserstein_1 = wasserstein(joint_second, out.divergence, 1);
  out.wasserstein_2 = wasserstein(joint_fourth, out.divergence, 2);
  for (std::size_t i = 0; i < d; ++i) {
    out.mean_error[i] = wasserstein(second[i], out.divergence, 1);
    out.sd_error[i] = wasserstein(fourth[i], out.divergence, 2);
  }
  return out;
}

}  // namespace velbo
