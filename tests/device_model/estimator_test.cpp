// Gradients of the ELBO of a model in another binary: those of the same model on the host, unbiased, and without variance
// where sticking the landing has none.  With VELBO_TEST_DEVICE=cuda on a device, or on the emulator.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "device_model/closed_forms.h"
#include "device_model/load_models.h"
#include "objectives/model_estimator.h"
#include "support/gaussian_target.h"
#include "support/small_glm.h"

namespace velbo::internal {
namespace {

EstimatorSettings settings(EntropyGradient entropy, std::int64_t draws) {
  return {.estimator = Estimator::weights, .draws = draws, .entropy = entropy};
}

LogDensity on_host(const std::string& model) {
  return [model](std::int64_t n_draws, const double* z, double* logp, double* grad) {
    for (std::int64_t s = 0; s < n_draws; ++s) {
      const test::Density at = test::density(model, z);
      *logp++ = at.value;
      if (grad != nullptr) grad = std::copy(at.gradient.begin(), at.gradient.end(), grad);
      z += at.gradient.size();
    }
  };
}

// What gaussian_double is.
GaussianTarget models_target() {
  using Dense = Eigen::Matrix<double, test::kGaussianDimension, test::kGaussianDimension, Eigen::RowMajor>;
  return {Eigen::VectorXd::Map(test::kMean, test::kGaussianDimension), Dense::Map(&test::kPrecision[0][0])};
}

class ModelOnDevice : public OnModelsDevice, public testing::WithParamInterface<FamilyKind> {};

TEST_P(ModelOnDevice, GivesTheGradientsOfTheSameModelOnTheHost) {
  for (const std::string name : {"gaussian_double", "funnel_double", "funnel_float"}) {
    const VelboDeviceModel model = load_model(name);
    const GaussianPoint point = small_point(model.dimension, GetParam());
    const double tolerance = name == "funnel_float" ? 1e-5 : 1e-12;
    for (const auto entropy : {EntropyGradient::closed_form, EntropyGradient::sticking_the_landing}) {
      ModelEstimator device(on_device(test_context(), model), Context(), point, settings(entropy, 33), Key{3});
      ModelEstimator host(on_host(name), Context(), point, settings(entropy, 33), Key{3});
      const ElboGradient found = device.estimate(point, {}, 5), expected = host.estimate(point, {}, 5);
      const double allowed = tolerance * (1 + largest(expected));
      EXPECT_NEAR(found.value, expected.value, tolerance * (1 + std::abs(expected.value))) << name;
      EXPECT_LT(difference(found, expected), allowed) << name;
    }
  }
}

// 60 z-tests: false alarms below 4e-5 for the program, which is deterministic.
TEST_P(ModelOnDevice, IsUnbiased) {
  for (const auto entropy : {EntropyGradient::closed_form, EntropyGradient::sticking_the_landing}) {
    const GaussianTarget target = models_target();
    const GaussianPoint point = small_point(target.mean.size(), GetParam());
    ModelEstimator estimator(on_device(test_context(), load_model("gaussian_double")), Context(), point,
                             settings(entropy, 8), Key{4});
    expect_unbiased(estimator, point, target, 300);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ModelOnDevice,
                         testing::Values(FamilyKind::mean_field, FamilyKind::full_rank, FamilyKind::low_rank),
                         [](const auto& each) { return std::string(velbo::name(each.param)); });

class StickingTheLandingOnDevice : public OnModelsDevice {};

TEST_F(StickingTheLandingOnDevice, HasNoVarianceAtTheExactPosterior) {
  const GaussianPoint point = exact_posterior(models_target());
  ModelEstimator estimator(on_device(test_context(), load_model("gaussian_double")), Context(), point,
                           settings(EntropyGradient::sticking_the_landing, 1), Key{5});
  for (std::uint32_t step = 0; step < 20; ++step) EXPECT_LT(largest(estimator.estimate(point, {}, step)), 1e-10);
  GaussianPoint elsewhere = point;
  elsewhere.mean[1] += 0.1;
  EXPECT_GT(largest(estimator.estimate(elsewhere, {}, 0)), 1e-3);
}

}  // namespace
}  // namespace velbo::internal
