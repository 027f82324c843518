// A state-space model in code: a level that drifts as a random walk and is seen through noise (the local-level model: Durbin and Koopman
// 2012, chapter 2), on data that the program makes.
//
// The innovations are the latents, not the levels: level_t = level_{t-1} + drift * innovation_t with standard normal innovations.  Where the
// drift is small the levels' own posterior is a funnel, which no Gaussian follows.
// Even so the product of drift and innovations bends the posterior: k-hat is about 0.9 here, and the report says that the answer is not to
// be relied on.  It is an example of that too.
#include <velbo/distributions.h>
#include <velbo/random.h>
#include <velbo/velbo.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <span>
#include <vector>

namespace {

constexpr std::int64_t kTimes = 60;
constexpr double kDrift = 0.4, kNoise = 1, kStart = 10;

struct LocalLevel {
  std::vector<double> y;

  template <class T>
  T operator()(const T* parameters) const {
    const T &start = parameters[0], &drift = parameters[1], &noise = parameters[2];
    const T* innovation = parameters + 3;
    T sum = velbo::normal_lpdf(start, 0, 20) + velbo::half_normal_lpdf(drift, 1) + velbo::half_normal_lpdf(noise, 2);
    T level = start;
    for (std::size_t t = 0; t < y.size(); ++t) {
      sum += velbo::std_normal_lpdf(innovation[t]);
      level += drift * innovation[t];
      sum += velbo::normal_lpdf(y[t], level, noise);
    }
    return sum;
  }
};

}  // namespace

int main() try {
  std::vector<double> noise(2 * kTimes), y;
  velbo::standard_normals(velbo::make_key(1, velbo::Purpose::test), 0, 0, 0, std::span<double>(noise));
  double level = kStart;
  for (std::size_t t = 0; t < kTimes; ++t) {
    level += kDrift * noise[2 * t];
    y.push_back(level + kNoise * noise[2 * t + 1]);
  }
  const velbo::Model model(
      {velbo::real("start"), velbo::positive("drift"), velbo::positive("noise"), velbo::real("innovation", {kTimes})},
      LocalLevel{y}, "local level");
  const velbo::Fit fit = velbo::fit(model);
  std::cout << fit.summary.full_report();

  // The last level and its spread, from draws [draws, 3 + times] in the order of the parameters.
  const std::vector<double> draws = fit.posterior.sample(4000);
  const std::size_t width = 3 + kTimes;
  double sum = 0, squares = 0;
  for (std::size_t s = 0; s < draws.size(); s += width) {
    double last = draws[s];
    for (std::size_t t = 0; t < kTimes; ++t) last += draws[s + 1] * draws[s + 3 + t];
    sum += last;
    squares += last * last;
  }
  const double n = static_cast<double>(draws.size() / width), mean = sum / n;
  std::cout << "\nlast level: " << mean << " +- " << std::sqrt(squares / n - mean * mean) << ", truly " << level
            << '\n';
  return fit.summary.converged() ? 0 : 3;
} catch (const std::exception& error) {
  std::cerr << "state_space: " << error.what() << '\n';
  return 1;
}
