// A mixture in code: two normals whose share, means and sds are unknown, on data that the program makes.
//
// Which component a row is of is summed out: log(share p_1(y) + (1 - share) p_2(y)), so that all latents are continuous.  The means are
// ordered, or each answer would have a twin with the components' names exchanged, and a Gaussian would be one of them or neither.
#include <velbo/distributions.h>
#include <velbo/functions.h>
#include <velbo/random.h>
#include <velbo/velbo.h>

#include <cmath>
#include <cstddef>
#include <exception>
#include <iostream>
#include <span>
#include <vector>

namespace {

struct Mixture {
  std::vector<double> y;

  template <class T>
  T operator()(const T* parameters) const {
    const T &share = parameters[0], *mean = parameters + 1, *sd = parameters + 3;
    T sum = velbo::beta_lpdf(share, 2, 2);
    for (int k = 0; k < 2; ++k) sum += velbo::normal_lpdf(mean[k], 0, 10) + velbo::half_normal_lpdf(sd[k], 5);
    for (const double value : y)
      sum +=
          velbo::log_mix(share, velbo::normal_lpdf(value, mean[0], sd[0]), velbo::normal_lpdf(value, mean[1], sd[1]));
    return sum;
  }
};

}  // namespace

int main() try {
  constexpr std::size_t rows = 300;
  std::vector<double> noise(2 * rows), y;
  velbo::standard_normals(velbo::make_key(2, velbo::Purpose::test), 0, 0, 0, std::span<double>(noise));
  for (std::size_t i = 0; i < rows; ++i)  // 30 % of normal(-2, 0.7), the others of normal(1, 1)
    y.push_back(noise[2 * i] < -0.524 ? -2 + 0.7 * noise[2 * i + 1] : 1 + noise[2 * i + 1]);
  const velbo::Model model({velbo::interval("share", 0, 1), velbo::ordered("mean", 2), velbo::positive("sd", {2})},
                           Mixture{y}, "two normals");
  const velbo::Fit fit = velbo::fit(model);
  std::cout << fit.summary.full_report();

  // How likely is a value between the two to be of the first?  By draws [draws, 5] in the order of the parameters.
  const std::vector<double> draws = fit.posterior.sample(4000);
  double sum = 0;
  for (std::size_t s = 0; s < draws.size(); s += 5) {
    const double first = std::log(draws[s]) + velbo::normal_lpdf(-1.0, draws[s + 1], draws[s + 3]);
    const double second = std::log(1 - draws[s]) + velbo::normal_lpdf(-1.0, draws[s + 2], draws[s + 4]);
    sum += 1 / (1 + std::exp(second - first));
  }
  std::cout << "\na value of -1 is of the first with probability " << sum / 4000 << '\n';
  return fit.summary.converged() ? 0 : 3;
} catch (const std::exception& error) {
  std::cerr << "mixture: " << error.what() << '\n';
  return 1;
}
