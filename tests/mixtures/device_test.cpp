// Whole fits of mixtures on a CUDA device against the same fits on the CPU: VELBO_TEST_DEVICE=cuda, on the emulator where its plugin is
// named too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "mixtures/problem.h"
#include "ops/device.h"
#include "support/errors.h"
#include "support/scratch.h"

namespace velbo::test {
namespace {

using MixtureOnCuda = internal::CudaTest;

GaussianMixtureOptions options_of(CovarianceKind kind, ConjugateEngine engine) {
  GaussianMixtureOptions out;
  out.covariance = kind;
  out.n_components = 4;
  out.fit.engine = engine;
  out.fit.max_passes = 3;
  if (engine != ConjugateEngine::cavi) out.fit.batch_size = 70;
  return out;
}

std::vector<double> weights_of(std::int64_t n) {
  std::vector<double> out;
  for (std::int64_t i = 0; i < n; ++i) out.push_back(static_cast<double>(i % 4) / 2);
  return out;
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b, double relative) {
  ASSERT_EQ(a.size(), b.size());
  double scale = 0;
  for (const double value : b) scale = std::max(scale, std::abs(value));
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], relative * scale) << i;
}

// The same mathematics in another order of addition.
void expect_close(const GaussianMixtureFit& a, const GaussianMixtureFit& b, double relative) {
  EXPECT_NEAR(a.run.elbo, b.run.elbo, relative * std::abs(b.run.elbo));
  expect_near(a.run.elbo_trace, b.run.elbo_trace, relative);
  EXPECT_EQ(a.run.steps, b.run.steps);
  EXPECT_EQ(a.merges, b.merges);
  EXPECT_EQ(a.pruned, b.pruned);
  expect_near(a.posterior.weights(), b.posterior.weights(), relative);
  expect_near(a.posterior.means(), b.posterior.means(), relative);
  expect_near(a.posterior.covariances(), b.posterior.covariances(), relative);
}

void expect_same(const GaussianMixtureFit& a, const GaussianMixtureFit& b) {
  EXPECT_EQ(a.run.elbo, b.run.elbo);
  EXPECT_EQ(a.run.elbo_trace, b.run.elbo_trace);
  EXPECT_EQ(a.posterior.state().statistics, b.posterior.state().statistics);
}

TEST_F(MixtureOnCuda, FitsAreThoseOfTheCpu) {
  const Rows rows = groups_of_rows(200, 3, 4, 2, 5);
  for (const CovarianceKind kind : kKinds)
    for (const ConjugateEngine engine : {ConjugateEngine::cavi, ConjugateEngine::memoized, ConjugateEngine::svi}) {
      SCOPED_TRACE(std::string(name(kind)) + " " + std::string(name(engine)));
      GaussianMixtureOptions options = options_of(kind, engine);
      if (kind == CovarianceKind::diagonal) options.weights_prior = WeightsPrior::dirichlet_process;
      const std::vector<double> weights = engine == ConjugateEngine::svi ? weights_of(200) : std::vector<double>();
      const GaussianMixtureFit on_cpu = fit_gaussian_mixture(rows.matrix(), options, weights);
      EXPECT_EQ(on_cpu.run.device, "cpu");
      EXPECT_THAT(on_cpu.run.device_reason, ::testing::HasSubstr("measured"));
      options.fit.device = internal::test_device();
      options.fit.threads = 1;
      const GaussianMixtureFit on_cuda = fit_gaussian_mixture(rows.matrix(), options, weights);
      EXPECT_EQ(on_cuda.run.device, to_string(internal::test_device()));
      EXPECT_EQ(on_cuda.run.device_reason, "asked for");
      expect_close(on_cuda, on_cpu, 1e-9);
      options.fit.threads = 3;
      expect_same(fit_gaussian_mixture(rows.matrix(), options, weights), on_cuda);
    }
}

TEST_F(MixtureOnCuda, InFloatToo) {
  const Rows rows = groups_of_rows(200, 3, 4, 2, 5);
  GaussianMixtureOptions options = options_of(CovarianceKind::full, ConjugateEngine::cavi);
  const GaussianMixtureFit exact = fit_gaussian_mixture(rows.matrix(), options);
  options.fit.device = internal::test_device();
  const GaussianMixtureFit fit = fit_gaussian_mixture(rows.matrix_of_floats(), options);
  EXPECT_EQ(fit.run.scalar, "float");
  expect_close(fit, exact, 2e-5);
  expect_same(fit_gaussian_mixture(rows.matrix_of_floats(), options), fit);
}

// Restarts go over the same rows on the device; merges visit them all; what is taken out is the same.
TEST_F(MixtureOnCuda, RestartsMergesAndPruning) {
  const Rows rows = groups_of_rows(300, 2, 3, 6, 4);
  GaussianMixtureOptions options = options_of(CovarianceKind::full, ConjugateEngine::memoized);
  options.n_components = 6;
  options.fit.max_passes = 12;
  options.n_restarts = 2;
  options.prune_below = 2;
  const GaussianMixtureFit on_cpu = fit_gaussian_mixture(rows.matrix(), options);
  EXPECT_GT(on_cpu.merges, 0);
  EXPECT_FALSE(on_cpu.pruned.empty());
  options.fit.device = internal::test_device();
  expect_close(fit_gaussian_mixture(rows.matrix(), options), on_cpu, 1e-8);
}

TEST_F(MixtureOnCuda, NewRowsAreAddedThereToo) {
  const Rows rows = groups_of_rows(200, 3, 4, 2, 5), more = groups_of_rows(150, 3, 4, 2, 6);
  const GaussianMixtureFit first =
      fit_gaussian_mixture(rows.matrix(), options_of(CovarianceKind::full, ConjugateEngine::cavi));
  ConjugateOptions options{.max_passes = 3};
  const GaussianMixtureFit on_cpu = partial_fit(first.posterior, more.matrix(), options);
  options.device = internal::test_device();
  expect_close(partial_fit(first.posterior, more.matrix(), options), on_cpu, 1e-9);
}

// Bits do not depend on where rows are; where they do is known to a checkpoint.
TEST_F(MixtureOnCuda, ResumedFitsHaveTheSameBitsStreamedOrNot) {
  const ScratchFolder folder;
  const Rows rows = groups_of_rows(300, 3, 3, 1, 4);
  const auto before = internal::stream_sizes();
  internal::stream_sizes() = {.slab_bytes = 2048, .piece_bytes = 512};
  for (const ConjugateEngine engine : {ConjugateEngine::cavi, ConjugateEngine::memoized, ConjugateEngine::svi}) {
    SCOPED_TRACE(name(engine));
    GaussianMixtureOptions options = options_of(CovarianceKind::tied, engine);
    options.fit.device = internal::test_device();
    options.fit.tolerance = 1e-9;
    options.fit.max_passes = 6;
    const GaussianMixtureFit whole = fit_gaussian_mixture(rows.matrix(), options);
    GaussianMixtureOptions part = options;
    part.fit.checkpoint = folder.file("state");
    part.fit.max_passes = 2;
    fit_gaussian_mixture(rows.matrix(), part);
    options.fit.resume = part.fit.checkpoint;
    if (internal::emulated()) ::setenv("VELBO_EMULATED_FREE", "8000", 1);
    expect_same(fit_gaussian_mixture(rows.matrix(), options), whole);
    ::unsetenv("VELBO_EMULATED_FREE");
    options.fit.device = Device{};
    EXPECT_THAT(error_of([&] { fit_gaussian_mixture(rows.matrix(), options); }), ::testing::HasSubstr("device"));
  }
  internal::stream_sizes() = before;
}

}  // namespace
}  // namespace velbo::test
