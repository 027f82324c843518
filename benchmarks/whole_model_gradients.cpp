// The gradient of whole-model functors by forward and by reverse mode, beside the value alone, for models of several shapes.  Both
// gradients are compared before anything is timed.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "velbo/distributions.h"
#include "velbo/model.h"

namespace velbo {
namespace {

constexpr std::int64_t kRows = 50;

// Eight schools with n - 2 of them: cheap terms of three parameters.
struct Hierarchy {
  std::int64_t n;
  template <class T>
  T operator()(const T* theta) const {
    const T &mu = theta[0], &tau = theta[1];
    T sum = normal_lpdf(mu, 0, 5) + half_cauchy_lpdf(tau, 5);
    for (std::int64_t j = 2; j < n; ++j)
      sum += normal_lpdf(theta[j], mu, tau) + normal_lpdf(0.1 * static_cast<double>(j), theta[j], 1.5);
    return sum;
  }
};

// Logistic regression of 50 rows on n columns: long sums of products.
struct Regression {
  std::int64_t n;
  template <class T>
  T operator()(const T* theta) const {
    T sum = 0;
    for (std::int64_t d = 0; d < n; ++d) sum += normal_lpdf(theta[d], 0, 1);
    for (std::int64_t r = 0; r < kRows; ++r) {
      T eta = 0;
      for (std::int64_t d = 0; d < n; ++d) eta += 0.01 * static_cast<double>((r * 7 + d * 3) % 11 - 5) * theta[d];
      sum += bernoulli_logit_lpmf(r % 2, eta);
    }
    return sum;
  }
};

// A random walk that counts depend on: elementary functions.
struct Walk {
  std::int64_t n;
  template <class T>
  T operator()(const T* theta) const {
    T sum = normal_lpdf(theta[0], 0, 1);
    for (std::int64_t i = 1; i < n; ++i)
      sum += normal_lpdf(theta[i], theta[i - 1], velbo::exp(theta[0])) + poisson_log_lpmf(i % 5, theta[i]);
    return sum;
  }
};

enum class Way { value, forward, reverse };

template <class Density>
double evaluate(const Density& density, Way way, const std::vector<double>& theta, std::vector<double>& gradient) {
  const auto n = static_cast<std::int64_t>(theta.size());
  switch (way) {
    case Way::value: return density(theta.data());
    case Way::forward:
      return n <= 4 ? internal::differentiate<4>(density, n, theta.data(), gradient.data())
                    : internal::differentiate<8>(density, n, theta.data(), gradient.data());
    case Way::reverse: return internal::gradient_by_reverse(density, n, theta.data(), gradient.data());
  }
  return 0;
}

template <class Density, Way kWay>
void gradients(benchmark::State& state) {
  const Density density{state.range(0)};
  std::vector<double> theta(static_cast<std::size_t>(state.range(0)), 0.3), gradient(theta.size()), other(theta.size());
  evaluate(density, Way::forward, theta, gradient);
  evaluate(density, Way::reverse, theta, other);
  for (std::size_t i = 0; i < theta.size(); ++i)
    if (!(std::abs(gradient[i] - other[i]) <= 1e-12 * (1 + std::abs(gradient[i])))) {
      state.SkipWithError("forward and reverse mode differ");
      return;
    }
  for (auto _ : state) benchmark::DoNotOptimize(evaluate(density, kWay, theta, gradient));
}

#define VELBO_EACH_WAY(DENSITY)                                                                                        \
  BENCHMARK(gradients<DENSITY, Way::value>)->Name(#DENSITY "/value")->ArgName("n")->RangeMultiplier(2)->Range(4, 512); \
  BENCHMARK(gradients<DENSITY, Way::forward>)                                                                          \
      ->Name(#DENSITY "/forward")                                                                                      \
      ->ArgName("n")                                                                                                   \
      ->RangeMultiplier(2)                                                                                             \
      ->Range(4, 512);                                                                                                 \
  BENCHMARK(gradients<DENSITY, Way::reverse>)                                                                          \
      ->Name(#DENSITY "/reverse")                                                                                      \
      ->ArgName("n")                                                                                                   \
      ->RangeMultiplier(2)                                                                                             \
      ->Range(4, 512)
VELBO_EACH_WAY(Hierarchy);
VELBO_EACH_WAY(Regression);
VELBO_EACH_WAY(Walk);

}  // namespace
}  // namespace velbo
