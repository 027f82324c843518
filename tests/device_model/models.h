// device_model/models.h - what the binary with the models exports, and what its models are: the test has the same formulas.
#pragma once
#include "velbo/device_model.h"

// Gives 0 and the model of that name; 1 if there is none.
//   gaussian_float, gaussian_double    D = 3, the density of N(kMean, kPrecision^-1) with its constant
//   funnel_float, funnel_double        D = 4, Neal's: z[0] ~ N(0, 3^2), the others ~ N(0, e^z[0]), without constants
//   quartic                            D = 2, double, -sum z^4 / 4 by two kernels that hand squares over in the workspace
using VelboTestModel = int(const char* name, VelboDeviceModel* model);
#define VELBO_TEST_MODEL_SYMBOL "velbo_test_model"

// The emulated binary only: what its next launch returns.
using VelboTestFailNextLaunch = void(int error);
#define VELBO_TEST_FAIL_NEXT_LAUNCH_SYMBOL "velbo_test_fail_next_launch"

// The binary for CUDA only: captures enqueue() of a model in double into a graph, and runs that on z [S, D] after the arrays held
// something else; host memory.  Gives a cudaError_t or the model's status.
using VelboTestReplay = int(const VelboDeviceModel* model, int64_t n_draws, const double* z, double* logp,
                            double* grad);
#define VELBO_TEST_REPLAY_SYMBOL "velbo_test_replay"

namespace velbo::test {

inline constexpr int kGaussianDimension = 3, kFunnelDimension = 4, kQuarticDimension = 2;
inline constexpr double kMean[kGaussianDimension] = {0.5, -1.25, 2};
inline constexpr double kPrecision[kGaussianDimension][kGaussianDimension] = {
    {2, 0.5, -0.25}, {0.5, 1.5, 0.75}, {-0.25, 0.75, 3}};
inline constexpr double kLogNormaliser = -1.795147686105631;  // log |precision| / 2 - 3 log(2 pi) / 2

// What quartic's enqueue() returns for arrays that are not aligned as promised.
inline constexpr int kMisaligned = 9;

}  // namespace velbo::test
