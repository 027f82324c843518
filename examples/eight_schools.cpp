// A model in code: eight schools (Rubin 1981), whose treatment effects are alike to a degree that the data have to tell.
//
// The effects are written as mu + tau * theta: with few data on each school that posterior is nearer to a Gaussian than the
// effects' own, and a Gaussian is what velbo fits.
#include <velbo/distributions.h>
#include <velbo/velbo.h>

#include <array>
#include <cstddef>
#include <exception>
#include <iostream>

namespace {

struct EightSchools {
  std::array<double, 8> effect{28, 8, -3, 7, -1, 1, 18, 12};
  std::array<double, 8> standard_error{15, 10, 16, 11, 9, 11, 10, 18};

  template <class T>
  T operator()(const T* parameters) const {
    const T &mu = parameters[0], &tau = parameters[1];
    const T* theta = parameters + 2;
    T sum = velbo::normal_lpdf(mu, 0, 5) + velbo::half_cauchy_lpdf(tau, 5);
    for (std::size_t j = 0; j < effect.size(); ++j) {
      sum += velbo::std_normal_lpdf(theta[j]);
      sum += velbo::normal_lpdf(effect[j], mu + tau * theta[j], standard_error[j]);
    }
    return sum;
  }
};

}  // namespace

int main() try {
  const velbo::Model model({velbo::real("mu"), velbo::positive("tau"), velbo::real("theta", {8})}, EightSchools{},
                           "eight schools");
  const velbo::Fit fit = velbo::fit(model);
  std::cout << fit.summary.full_report();

  // The effect in the first school, from draws of the posterior: [draws, 10], in the order of the parameters.
  const std::vector<double> draws = fit.posterior.sample(4000);
  double sum = 0;
  for (std::size_t s = 0; s < draws.size(); s += 10) sum += draws[s] + draws[s + 1] * draws[s + 2];
  std::cout << "\nexpected effect in school 1: " << sum / 4000 << '\n';
  return fit.summary.converged() ? 0 : 3;
} catch (const std::exception& error) {
  std::cerr << "eight_schools: " << error.what() << '\n';
  return 1;
}
