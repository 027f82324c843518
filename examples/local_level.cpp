// A state-space model as a model in code with two plates: of the steps of the level, and of the readings.
//
// The levels themselves are the latents, because eight readings a day say more about a day's level than the day before does, and
// then their posterior is nearly Gaussian (k-hat 0.3).  With one reading a day it would not be: k-hat is then 0.8, and the verdict
// unreliable (docs/gaussian_limits.md).
#include "local_level_model.h"

#include <velbo/random.h>

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <iostream>
#include <span>
#include <vector>

int main() try {
  constexpr std::size_t days = 40, readings_a_day = 8;
  constexpr double drift = 1, noise = 1.5;
  // A series of which the truth is known.  Every fifth day there were no readings.
  std::vector<double> normal(days * (1 + readings_a_day));
  velbo::standard_normals(velbo::make_key(1, velbo::Purpose::test), 0, 0, 0, std::span<double>(normal));
  local_level::Series series;
  std::vector<double> truth, date;
  double level = 10;
  for (std::size_t t = 0; t < days; ++t) {
    const double* const of_day = normal.data() + t * (1 + readings_a_day);
    level += drift * of_day[0];
    if (t % 5 == 4) continue;
    if (!date.empty()) series.gap.push_back(static_cast<double>(t) - date.back());
    for (std::size_t i = 1; i <= readings_a_day; ++i) {
      series.reading.push_back(level + noise * of_day[i]);
      series.day.push_back(static_cast<std::int64_t>(truth.size()));
    }
    truth.push_back(level);
    date.push_back(static_cast<double>(t));
  }

  const velbo::Fit fit = velbo::fit(local_level::model(series));
  std::cout << fit.summary.full_report();

  const std::vector<double> mean = fit.posterior.mean(), sd = fit.posterior.sd();  // drift, noise, levels
  std::cout << "\n day   level      sd   truth\n";
  int within = 0;
  for (std::size_t t = 0; t < truth.size(); ++t) {
    if (t % 4 == 0) std::printf("%4.0f  %6.2f  %6.2f  %6.2f\n", date[t] + 1, mean[2 + t], sd[2 + t], truth[t]);
    within += std::abs(mean[2 + t] - truth[t]) < 2 * sd[2 + t] ? 1 : 0;
  }
  std::printf("%d of %zu levels are within two sds of the truth\n", within, truth.size());
  return fit.summary.converged() ? 0 : 3;
} catch (const std::exception& error) {
  std::cerr << "local_level: " << error.what() << '\n';
  return 1;
}
