// A Gaussian mixture: how many groups there are, who belongs to which, and new rows as they come.
#include <cstdio>
#include <vector>

#include "velbo/velbo.h"

int main() {
  // 300 rows in five groups: at the origin, and at 8 and 16 along each axis.
  std::vector<double> x(600);
  velbo::standard_normals(velbo::make_key(1, velbo::Purpose::test), 0, 0, 0, std::span<double>(x));
  for (int n = 0; n < 300; ++n) x[2 * n + n % 2] += 8 * (n % 3);
  const velbo::FeatureMatrix rows = velbo::MatrixView<const double>{x.data(), 300, 2, 2};

  velbo::GaussianMixtureOptions options;
  options.n_components = 10;  // at most
  options.weights_prior = velbo::WeightsPrior::dirichlet_process;
  options.fit.engine = velbo::ConjugateEngine::memoized;
  options.prune_below = 1;
  const velbo::GaussianMixtureFit fit = velbo::fit_gaussian_mixture(rows, options);
  std::printf("%s", fit.report().c_str());

  const std::vector<double> point = {8, 0};
  const velbo::FeatureMatrix one = velbo::MatrixView<const double>{point.data(), 1, 2, 2};
  std::printf("(8, 0) is of component %d, log density %.3f\n", fit.posterior.labels(one)[0] + 1,
              fit.posterior.log_density(one)[0]);

  const velbo::GaussianMixtureFit more = velbo::partial_fit(fit.posterior, rows);  // as if they were new
  std::printf("%.0f rows so far in the largest component\n", more.posterior.counts()[0]);
  return fit.run.converged() && fit.posterior.n_components() == 5 ? 0 : 1;
}
