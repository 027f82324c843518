// A calibration whose fits ask a device: a posterior that does not depend on the data, so that p is uniform where theta0 has its law.
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <atomic>
#include <memory>
#include <vector>

#include "device_model/load_models.h"
#include "velbo/calibration.h"
#include "velbo/random.h"

namespace velbo::internal {
namespace {

constexpr int kD = test::kGaussianDimension;

class DeviceCalibration : public OnModelsDevice {
 protected:
  // theta0 lies `shift` sds of its first element above the law that the device's density is of.  The host's side of each model is another
  // density, of which every p would be 0: that p is not shows which side was asked.
  [[nodiscard]] CalibrationProblem problem(double shift) {
    const Eigen::Matrix3d precision = Eigen::Map<const Eigen::Matrix3d>(&test::kPrecision[0][0]);  // symmetric
    const Eigen::Matrix3d upper = precision.llt().matrixU();
    const double sd = std::sqrt(precision.llt().solve(Eigen::Matrix3d::Identity())(0, 0));
    const BatchLogDensity far = [](std::int64_t n_draws, const double* theta, double* value, double* gradient) {
      for (std::int64_t s = 0; s < n_draws; ++s) {
        value[s] = 0;
        for (int i = 0; i < kD; ++i) {
          const double x = theta[s * kD + i] - 100;
          value[s] -= 0.5 * x * x;
          if (gradient != nullptr) gradient[s * kD + i] = -x;
        }
      }
    };
    return {.parameters = {real("x", {kD})},
            .prior =
                [=](Key key) {
                  std::vector<double> eps(kD);
                  standard_normals(key, 0, 0, 0, std::span<double>(eps));
                  Eigen::Vector3d theta =
                      upper.triangularView<Eigen::Upper>().solve(Eigen::Map<Eigen::Vector3d>(eps.data()));
                  theta += Eigen::Map<const Eigen::Vector3d>(test::kMean);
                  theta[0] += shift * sd;
                  return std::vector<double>(theta.begin(), theta.end());
                },
            .simulate = [](std::span<const double>, Key) { return std::vector<double>(); },
            .model =
                [this, far](const std::vector<double>&) {
                  ++made_;
                  const std::shared_ptr<const void> owner(new int(0), [this](const int* p) {
                    ++released_;
                    delete p;
                  });
                  return Model::with_gradient({real("x", {kD})}, far).on_device(load_model("gaussian_double"), owner);
                }};
  }
  [[nodiscard]] static CalibrationOptions options(int threads) {
    CalibrationOptions out;
    out.n_simulations = 30;
    out.threads = threads;
    out.fit.device = test_context().device();
    out.fit.tolerance = 0.1;
    out.fit.diagnostic_draws = 100;
    return out;
  }

  std::atomic<int> made_{0}, released_{0};
};

TEST_F(DeviceCalibration, PassesWhereTheDensityIsTheLawOfTheta) {
  const Calibration one = calibrate(problem(0), options(1));
  EXPECT_TRUE(one.passed()) << one.report();
  EXPECT_EQ(one.n_simulations, 30);
  EXPECT_EQ(one.n_not_converged, 0);
  EXPECT_EQ(made_, 30);
  EXPECT_EQ(released_, 30);  // with the models, not before and not never
  const Calibration two = calibrate(problem(0), options(2));
  for (int i = 0; i < kD; ++i)
    EXPECT_EQ(two.parameters[static_cast<std::size_t>(i)].p, one.parameters[static_cast<std::size_t>(i)].p);
}

TEST_F(DeviceCalibration, FailsWhereItIsNot) {
  const Calibration found = calibrate(problem(3), options(2));
  EXPECT_EQ(found.parameters[0].location, Location::too_low);
  EXPECT_EQ(found.parameters[1].location, Location::calibrated);
}

}  // namespace
}  // namespace velbo::internal
