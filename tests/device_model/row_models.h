// device_model/row_models.h - a model with plates, for the host and for devices: groups, a latent a row, vectors with a constraint, and a
// second plate whose rows read more latents than are differentiated at a time.
#pragma once
#include <velbo/device_model.h>
#include <velbo/distributions.h>
#include <velbo/host_device.h>
#include <velbo/plate.h>
#include <velbo/transform.h>

#include <cstdint>
#include <vector>

// Makes the device's side of the model from what the host's consists of, in float or double; 0 or a number that is not.
using VelboTestRowModel = int(int is_float, const velbo::ParameterBlock* blocks, std::int64_t n_blocks,
                              const velbo::PlateRows* plates, std::int64_t n_plates, VelboDeviceModel* model);
#define VELBO_TEST_ROW_MODEL_SYMBOL "velbo_test_row_model"

namespace velbo::test {

inline constexpr std::int64_t kGroups = 5, kMeasurements = 300,
                              kCounts = 40;  // two warps of rows, and one that is not full
// theta: beta, sigma, alpha [kGroups], share [3], shift [kMeasurements]
inline constexpr std::int64_t kShare = 2 + kGroups, kShift = kShare + 3;

struct ParametersDensity {
  template <class T>
  VELBO_HOST_DEVICE T operator()(const T* theta) const {
    T sum = normal_lpdf(theta[0], 0, 2) + half_cauchy_lpdf(theta[1], 1);
    for (std::int64_t j = 0; j < kGroups; ++j) sum += normal_lpdf(theta[2 + j], 0.5, 2);
    for (std::int64_t k = 0; k < 3; ++k) sum += static_cast<double>(k + 1) * log(theta[kShare + k]);
    return sum;
  }
};

// latent: alpha of the group, beta, sigma, the row's own shift.
struct Measurement {
  template <class R, class T>
  VELBO_HOST_DEVICE T operator()(const R* row, const T* latent) const {
    return normal_lpdf(row[1], latent[0] + latent[1] * row[0] + 0.1 * latent[3], latent[2]) +
           normal_lpdf(latent[3], 0, 1);
  }
};

// latent: share [3], alpha [kGroups], beta.  Rows in double only: a functor that is not written for others.
inline constexpr int kCountLatents = 3 + static_cast<int>(kGroups) + 1;
struct Count {
  template <class T>
  VELBO_HOST_DEVICE T operator()(const double* row, const T* latent) const {
    T eta = latent[8] * row[1];
    for (int k = 0; k < 8; ++k) eta += latent[k] * (0.1 * row[1] + 0.05 * k);
    return poisson_log_lpmf(row[0], eta);
  }
};

}  // namespace velbo::test
