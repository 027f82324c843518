// A model with plates on a device (velbo/cuda/model.cuh) against the same functors on the host: values, gradients, bits, fits.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "backend/device_model.h"
#include "device_model/closed_forms.h"
#include "device_model/load_models.h"
#include "device_model/row_models.h"
#include "support/errors.h"
#include "velbo/fit.h"
#include "velbo/model.h"
#include "velbo/random.h"

namespace velbo::internal {
namespace {

Model host_model() {
  using namespace velbo::test;
  std::vector<double> rows(2 * kMeasurements), counts(2 * kCounts);
  standard_normals(make_key(81, Purpose::test), 0, 0, 0, std::span<double>(rows));
  standard_normals(make_key(82, Purpose::test), 0, 0, 0, std::span<double>(counts));
  for (std::size_t i = 0; i < counts.size(); i += 2) counts[i] = std::floor(2 * std::abs(counts[i]));
  std::vector<std::int64_t> group;
  for (std::int64_t r = 0; r < kMeasurements; ++r) group.push_back((r * r + r) % kGroups);
  const Plate measurements({rows.data(), kMeasurements, 2, 2},
                           {latent("alpha", group), latent("beta"), latent("sigma"), local("shift", kMeasurements)},
                           Measurement{}, "measurements");
  const Plate cases({counts.data(), kCounts, 2, 2},
                    {latent("share", 0), latent("share", 1), latent("share", 2), latent("alpha", 0), latent("alpha", 1),
                     latent("alpha", 2), latent("alpha", 3), latent("alpha", 4), latent("beta")},
                    Count{}, "cases");
  return {
      {real("beta"), positive("sigma"), real("alpha", {kGroups}), simplex("share", 3), real("shift", {kMeasurements})},
      ParametersDensity{},
      {measurements, cases},
      "groups"};
}

class RowModels : public OnModelsDevice, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    OnModelsDevice::SetUp();
    if (IsSkipped()) return;
    const auto make = function_of_models<VelboTestRowModel>(VELBO_TEST_ROW_MODEL_SYMBOL);
    ASSERT_NE(make, nullptr);
    const auto& blocks = host_.parameters().blocks();
    const std::vector<PlateRows> rows = host_.plate_rows();
    ASSERT_EQ(make(GetParam() ? 1 : 0, blocks.data(), static_cast<std::int64_t>(blocks.size()), rows.data(),
                   static_cast<std::int64_t>(rows.size()), &device_),
              0);
  }

  struct Evaluated {
    std::vector<double> value, gradient;
    bool operator==(const Evaluated&) const = default;
  };
  [[nodiscard]] Evaluated on_device(const std::vector<double>& z, bool gradient = true) const {
    const std::int64_t n = static_cast<std::int64_t>(z.size()) / host_.n_latents();
    Evaluated out{std::vector<double>(static_cast<std::size_t>(n)), std::vector<double>(gradient ? z.size() : 0)};
    evaluate_model(test_context(), device_, n, z.data(), out.value.data(), gradient ? out.gradient.data() : nullptr);
    return out;
  }
  [[nodiscard]] std::vector<double> draws(std::int64_t n) const {
    std::vector<double> z(static_cast<std::size_t>(n * host_.n_latents()));
    standard_normals(make_key(83, Purpose::test), 0, 0, 0, std::span<double>(z));
    for (double& x : z) x *= 0.5;
    return z;
  }

  Model host_ = host_model();
  VelboDeviceModel device_{};
};

TEST_P(RowModels, AgreeWithTheHost) {
  // Sums of some thousand terms of order one, each with a rounding error or a few.
  const double tolerance = GetParam() ? 2e-5 : 1e-13;
  for (const std::int64_t n : {1, 33}) {
    const std::vector<double> z = draws(n);
    const Evaluated found = on_device(z);
    const auto d = static_cast<std::size_t>(host_.n_latents());
    std::vector<double> expected(d);
    for (std::size_t s = 0; s < static_cast<std::size_t>(n); s += 3) {
      const double value = host_.log_joint(std::span(z).subspan(s * d, d), expected);
      ASSERT_NEAR(found.value[s], value, tolerance * std::abs(value)) << n << " draws, draw " << s;
      double scale = 1;
      for (const double g : expected) scale = std::max(scale, std::abs(g));
      for (std::size_t i = 0; i < d; ++i)
        ASSERT_NEAR(found.gradient[s * d + i], expected[i], tolerance * scale)
            << n << " draws, draw " << s << ", latent " << i;
    }
  }
}

TEST_P(RowModels, GiveTheSameBitsTwiceAndForAnyNumberOfDraws) {
  const std::vector<double> z = draws(40);
  const Evaluated all = on_device(z);
  EXPECT_EQ(on_device(z), all);
  const auto d = static_cast<std::size_t>(host_.n_latents());
  const Evaluated some = on_device({z.begin(), z.begin() + static_cast<std::ptrdiff_t>(33 * d)});
  for (std::size_t s = 0; s < 33; ++s) ASSERT_EQ(some.value[s], all.value[s]);
  for (std::size_t i = 0; i < 33 * d; ++i) ASSERT_EQ(some.gradient[i], all.gradient[i]);
}

TEST_P(RowModels, GiveTheSameValuesWithoutAGradient) {
  const std::vector<double> z = draws(9);
  const Evaluated with = on_device(z), without = on_device(z, false);
  for (std::size_t s = 0; s < 9; ++s)
    EXPECT_NEAR(without.value[s], with.value[s], (GetParam() ? 2e-6 : 1e-14) * std::abs(with.value[s]));
}

// A fit's last check takes thousands of draws, so this is of a model of one thread a draw.  The host's side of the model that goes to the
// device lies elsewhere: the answer shows which was asked.
TEST_P(RowModels, FitsAskTheDevice) {
  const auto host_at = [](double shift) {
    const BatchLogDensity density = [shift](std::int64_t n_draws, const double* theta, double* value,
                                            double* gradient) {
      for (std::int64_t s = 0; s < n_draws; ++s) {
        double x[test::kGaussianDimension];
        for (int i = 0; i < test::kGaussianDimension; ++i) x[i] = theta[s * test::kGaussianDimension + i] - shift;
        const test::Density at = test::density("gaussian_double", x);
        value[s] = at.value;
        for (int i = 0; gradient != nullptr && i < test::kGaussianDimension; ++i)
          gradient[s * test::kGaussianDimension + i] = at.gradient[static_cast<std::size_t>(i)];
      }
    };
    return Model::with_gradient({real("x", {test::kGaussianDimension})}, density, "gaussian");
  };
  const Fit expected = fit(host_at(0));
  FitOptions options;
  options.device = test_context().device();
  const Fit found = fit(host_at(5).on_device(load_model(GetParam() ? "gaussian_float" : "gaussian_double")), options);
  EXPECT_EQ(expected.summary.fit.device, "cpu");
  EXPECT_EQ(found.summary.fit.device, to_string(test_context().device()));
  EXPECT_EQ(found.summary.fit.scalar, GetParam() ? "float" : "double");
  EXPECT_TRUE(found.summary.converged()) << found.summary.fit.message;
  for (std::size_t i = 0; i < test::kGaussianDimension; ++i) {
    const ParameterSummary &a = found.summary.parameters[i], &b = expected.summary.parameters[i];
    EXPECT_NEAR(a.mean, b.mean, (GetParam() ? 1e-3 : 1e-9) * b.sd) << i;
    EXPECT_NEAR(a.sd, b.sd, (GetParam() ? 1e-3 : 1e-9) * b.sd) << i;
  }
}

TEST_P(RowModels, AreRefusedWhereTheyDoNotFit) {
  FitOptions options;
  options.device = test_context().device();
  EXPECT_EQ(test::error_of([&] { (void)fit(host_, options); }),
            "device| device is " + to_string(*options.device) +
                R"(, expected cpu: "groups" has no side for devices (Model::on_device))");
  VelboDeviceModel other = device_;
  ++other.dimension;
  EXPECT_EQ(test::error_of([&] { (void)host_.on_device(other); }),
            R"(shape| the device side of "groups" has 310 latents, expected 309)");
}

INSTANTIATE_TEST_SUITE_P(Scalars, RowModels, testing::Bool(),
                         [](const auto& each) { return each.param ? "Float" : "Double"; });

}  // namespace
}  // namespace velbo::internal
