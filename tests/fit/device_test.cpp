// Whole fits on a CUDA device against the same fits on the CPU: with VELBO_TEST_DEVICE=cuda on a device, or on the emulator
// where its plugin is named.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "ops/device.h"
#include "support/errors.h"
#include "support/small_glm.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

using internal::make_small_glm;
using internal::SmallGlm;

struct Case {
  const char* name;
  Likelihood likelihood;
  FitOptions options;
};

FitOptions gradient(Estimator estimator, FamilyKind family, std::int64_t batch) {
  FitOptions out{.engine = EngineKind::gradient, .family = family, .max_steps = 60, .diagnostic_draws = 200};
  out.gradient.estimator = estimator;
  out.gradient.batch_size = batch;
  if (family == FamilyKind::low_rank) out.rank = 2;
  return out;
}

std::vector<Case> cases() {
  const auto newton = [](FamilyKind family) {
    return FitOptions{.engine = EngineKind::newton, .family = family, .diagnostic_draws = 200};
  };
  return {
      {"bernoulli_newton_full_rank", Likelihood::bernoulli, newton(FamilyKind::full_rank)},
      {"binomial_newton_full_rank", Likelihood::binomial, newton(FamilyKind::full_rank)},
      {"poisson_newton_full_rank", Likelihood::poisson, newton(FamilyKind::full_rank)},
      {"gaussian_newton_full_rank", Likelihood::gaussian, newton(FamilyKind::full_rank)},
      {"bernoulli_newton_mean_field", Likelihood::bernoulli, newton(FamilyKind::mean_field)},
      {"poisson_newton_mean_field", Likelihood::poisson, newton(FamilyKind::mean_field)},
      {"bernoulli_weights_full_rank", Likelihood::bernoulli, gradient(Estimator::weights, FamilyKind::full_rank, 0)},
      {"poisson_local_mean_field_batch", Likelihood::poisson, gradient(Estimator::local, FamilyKind::mean_field, 16)},
      {"binomial_quadrature_low_rank_batch", Likelihood::binomial,
       gradient(Estimator::quadrature, FamilyKind::low_rank, 16)},
      {"gaussian_weights_mean_field_batch", Likelihood::gaussian,
       gradient(Estimator::weights, FamilyKind::mean_field, 16)},
  };
}

using OnCudaDevice = internal::CudaTest;

class OnCuda : public OnCudaDevice, public testing::WithParamInterface<Case> {};

// The same mathematics in double, in another order of addition: a fit of the same number of steps stays together to many
// digits.  Random numbers are the same bits, or this would be far off.
TEST_P(OnCuda, FitsAreThoseOfTheCpu) {
  const Glm model = make_small_glm({.likelihood = GetParam().likelihood, .extras = true, .n = 211});
  FitOptions options = GetParam().options;
  options.scalar = Scalar::float64;
  options.device = Device{};
  const Fit on_cpu = fit(model, options);
  options.device = internal::test_device();
  const Fit on_cuda = fit(model, options);
  EXPECT_EQ(on_cuda.summary.fit.device, to_string(internal::test_device()));
  EXPECT_EQ(on_cuda.summary.fit.device_reason, "asked for");
  EXPECT_NEAR(on_cuda.summary.quality.elbo, on_cpu.summary.quality.elbo,
              1e-6 * (1 + std::abs(on_cpu.summary.quality.elbo)));
  ASSERT_EQ(on_cuda.summary.parameters.size(), on_cpu.summary.parameters.size());
  for (std::size_t i = 0; i < on_cpu.summary.parameters.size(); ++i) {
    const ParameterSummary &found = on_cuda.summary.parameters[i], &expected = on_cpu.summary.parameters[i];
    EXPECT_NEAR(found.mean, expected.mean, 1e-5 * expected.sd) << expected.name;
    EXPECT_NEAR(found.sd, expected.sd, 1e-5 * expected.sd) << expected.name;
  }
}

TEST_P(OnCuda, SameBitsTwiceAndInFloatToo) {
  const Glm model = make_small_glm({.likelihood = GetParam().likelihood, .extras = true, .n = 83});
  FitOptions options = GetParam().options;
  options.device = internal::test_device();
  const Fit once = fit(model, options), again = fit(model, options);
  EXPECT_EQ(once.summary.quality.elbo, again.summary.quality.elbo);
  for (std::size_t i = 0; i < once.summary.parameters.size(); ++i) {
    EXPECT_EQ(once.summary.parameters[i].mean, again.summary.parameters[i].mean);
    EXPECT_EQ(once.summary.parameters[i].sd, again.summary.parameters[i].sd);
  }
}

// Sparse rows too wide for a tile: entries by row and by column, all rows and batches.
TEST_F(OnCudaDevice, WideSparseFitsAreThoseOfTheCpu) {
  constexpr std::int64_t n = 120, d = 1500;
  std::vector<std::int64_t> start = {0};
  std::vector<std::int32_t> column;
  std::vector<double> value, y, noise(n * 6);
  standard_normals(make_key(41, Purpose::test), 0, 0, 0, std::span<double>(noise));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t k = 0; k < 5; ++k) {
      column.push_back(static_cast<std::int32_t>(k * 300 + (i * 7919 + k * 104729) % (k < 2 ? 5 : 300)));
      value.push_back(noise[static_cast<std::size_t>(6 * i + k)]);
    }
    start.push_back(static_cast<std::int64_t>(column.size()));
    y.push_back(noise[static_cast<std::size_t>(6 * i)] + noise[static_cast<std::size_t>(6 * i + 5)] > 0 ? 1 : 0);
  }
  GlmOptions priors;
  priors.prior = Prior::normal(0, 1);
  const Glm model(Likelihood::bernoulli, {.x = FeatureMatrix::sparse(d, start, column, value), .y = y}, priors);
  FitOptions newton{.engine = EngineKind::newton, .scalar = Scalar::float64, .diagnostic_draws = 100};
  FitOptions batches = gradient(Estimator::local, FamilyKind::mean_field, 40);
  batches.max_steps = 20;
  batches.diagnostic_draws = 100;
  batches.scalar = Scalar::float64;
  for (FitOptions options : {newton, batches}) {
    options.device = Device{};
    const Fit on_cpu = fit(model, options);
    options.device = internal::test_device();
    const Fit on_cuda = fit(model, options);
    EXPECT_NEAR(on_cuda.summary.quality.elbo, on_cpu.summary.quality.elbo, 1e-6 * n);
    for (std::size_t i = 0; i < on_cpu.summary.parameters.size(); ++i)
      ASSERT_NEAR(on_cuda.summary.parameters[i].mean, on_cpu.summary.parameters[i].mean,
                  1e-5 * on_cpu.summary.parameters[i].sd);
  }
}

INSTANTIATE_TEST_SUITE_P(Fits, OnCuda, testing::ValuesIn(cases()),
                         [](const auto& each) { return std::string(each.param.name); });

// Without a plugin or a device the request is refused; nothing falls back to the CPU by itself.
TEST(DeviceChoice, AsksForADeviceThatIsThere) {
  const Glm model = make_small_glm({});
  try {
    require_usable({DeviceKind::cuda, 0});
  } catch (const Error& unusable) {
    EXPECT_EQ(test::error_of([&] {
                static_cast<void>(fit(model, {.device = Device{DeviceKind::cuda, 0}}));
              }),
              std::string("device| ") + unusable.what());
    return;
  }
  GTEST_SKIP() << "there is a CUDA device here";
}

TEST(DeviceChoice, SmallFitsStayOnTheCpu) {
  const Fit result = fit(make_small_glm({}), {});
  EXPECT_EQ(result.summary.fit.device, "cpu");
  EXPECT_NE(result.summary.fit.device_reason.find("expected to take"), std::string::npos);
}

}  // namespace
}  // namespace velbo
