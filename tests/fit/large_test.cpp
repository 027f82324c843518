// Fits of large data: too slow under the sanitizers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "support/simulate.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

TEST(FitLarge, MeanFieldBeyondAThousandLatents) {
  const std::int64_t n = 3000, d = 1500;
  const std::vector<double> x = test::normals(n * d, 11), noise = test::normals(n, 12);
  std::vector<double> y(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = x[i * d] - 0.5 * x[i * d + 1] + 1.5 * noise[i] > 0 ? 1 : 0;
  GlmOptions options;
  options.prior = Prior::normal(0, 0.1);
  const Glm model(Likelihood::bernoulli, {.x = {x.data(), n, d, d}, .y = y}, options);
  const Fit fit = velbo::fit(model, {.diagnostic_draws = 200});
  EXPECT_EQ(fit.summary.fit.family, "mean_field");
  EXPECT_EQ(fit.summary.fit.status, Status::converged) << fit.summary.fit.message;
  // The dense route to the same optimum, from the same model with the columns below the limit of conjugate gradients.
  EXPECT_GT(fit.summary.parameters[1].mean, 5 * fit.summary.parameters[1].sd);
  EXPECT_LT(fit.summary.parameters[2].mean, -2 * fit.summary.parameters[2].sd);
}

// The figure: 400,000 rows, 50 columns, at most three passes over all rows, means within 0.05 sd.
TEST(FitLarge, FewPassesOverManyRows) {
  const std::int64_t n = 400000, d = 50;
  const std::vector<double> x = test::normals(n * d, 13), noise = test::normals(n, 14);
  std::vector<double> y(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < y.size(); ++i) {
    double eta = -0.5;
    for (std::size_t j = 0; j < static_cast<std::size_t>(d); ++j)
      eta += (j % 2 == 0 ? 0.2 : -0.2) * x[i * static_cast<std::size_t>(d) + j];
    const double u = 0.5 * std::erfc(-noise[i] / std::sqrt(2.0));
    y[i] = eta + std::log(u / (1 - u)) > 0 ? 1 : 0;
  }
  const Glm model(Likelihood::bernoulli, {.x = {x.data(), n, d, d}, .y = y});
  const Fit fit = velbo::fit(model);
  EXPECT_EQ(fit.summary.fit.status, Status::converged);
  EXPECT_LE(fit.summary.fit.full_passes, 3.0);
  EXPECT_EQ(fit.summary.quality.verdict, Verdict::good) << fit.summary.quality.k_hat;
  const Fit precise =
      velbo::fit(model, {.tolerance = 1e-7, .scalar = Scalar::float64, .diagnostic_draws = 100, .init = fit.posterior});
  double means = 0, sds = 0;
  for (std::size_t i = 0; i < fit.summary.parameters.size(); ++i) {
    const ParameterSummary &a = fit.summary.parameters[i], &b = precise.summary.parameters[i];
    means = std::max(means, std::abs(a.mean - b.mean) / b.sd);
    sds = std::max(sds, std::abs(a.sd / b.sd - 1));
  }
  EXPECT_LT(means, 0.05);
  EXPECT_LT(sds, 0.01);
  std::printf(
      "passes %.2f, fit %.3f s, diagnosis %.3f s, threads %d: means within %.2g sd, sds within %.2g, claimed %.2g\n",
      fit.summary.fit.full_passes, fit.summary.fit.seconds.fit, fit.summary.fit.seconds.diagnose,
      fit.summary.fit.threads, means, sds, fit.summary.quality.error_sd);
  EXPECT_LE(means, std::max(0.001, 3 * fit.summary.quality.error_sd));  // the estimate of the error is an honest one
}

}  // namespace
}  // namespace velbo
