// A mixture as a model in code with a plate, on values that the program makes.
#include "two_components_model.h"

#include <velbo/random.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <iostream>
#include <span>
#include <vector>

int main() try {
  constexpr std::size_t n = 300;
  // 30 % of normal(-2, 0.7), the others of normal(1.5, 1.2).
  std::vector<double> normal(2 * n), values;
  velbo::standard_normals(velbo::make_key(2, velbo::Purpose::test), 0, 0, 0, std::span<double>(normal));
  for (std::size_t i = 0; i < n; ++i)
    values.push_back(normal[2 * i] < -0.5244 ? -2 + 0.7 * normal[2 * i + 1] : 1.5 + 1.2 * normal[2 * i + 1]);

  const velbo::Fit fit = velbo::fit(two_components::model(values));
  std::cout << fit.summary.full_report();

  // How likely a value is of the first component, beside the truth: over draws [draws, 5].
  const auto of_first = [](double value, const double* theta) {
    const double first = std::log(theta[0]) + velbo::normal_lpdf(value, theta[1], theta[3]);
    const double second = std::log(1 - theta[0]) + velbo::normal_lpdf(value, theta[2], theta[4]);
    return 1 / (1 + std::exp(second - first));
  };
  constexpr std::size_t n_draws = 4000;
  constexpr double truth[] = {0.3, -2, 1.5, 0.7, 1.2};
  const std::vector<double> draws = fit.posterior.sample(n_draws);
  std::vector<double> of_draw(n_draws);
  std::cout << "\nvalue  of the first     5 %    95 %   truth\n";
  for (const double value : {-2.0, -1.0, -0.5, 0.0, 1.0}) {
    double sum = 0;
    for (std::size_t s = 0; s < n_draws; ++s) sum += of_draw[s] = of_first(value, draws.data() + 5 * s);
    std::sort(of_draw.begin(), of_draw.end());
    std::printf("%5.1f  %12.3f  %6.3f  %6.3f  %6.3f\n", value, sum / n_draws, of_draw[n_draws / 20],
                of_draw[n_draws - n_draws / 20], of_first(value, truth));
  }
  return fit.summary.converged() ? 0 : 3;
} catch (const std::exception& error) {
  std::cerr << "two_components: " << error.what() << '\n';
  return 1;
}
