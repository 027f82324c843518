// device_model.cuh - evaluates a model that was compiled elsewhere (velbo/device_model.h), for the plugin's table.
#pragma once
#include <algorithm>
#include <cinttypes>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

#include "backend/cuda_plugin.h"
#include "device_memory.cuh"
#include "device_ops.cuh"

namespace velbo::kernels {

// VELBO_CUDA_MODEL_REFUSED or VELBO_CUDA_MODEL_FAILED, and why.  (No std::string: the plugin would export its functions.)
struct ModelFailure {
  int status;
  char text[480];
};

[[noreturn]] __attribute__((format(printf, 2, 3))) inline void fail_model(int status, const char* format, ...) {
  ModelFailure failure{status, {}};
  va_list values;
  va_start(values, format);
  std::vsnprintf(failure.text, sizeof failure.text, format, values);
  va_end(values);
  throw failure;
}

// In the order in which fields can be trusted: those of another version lie elsewhere.
inline void check_model(const VelboDeviceModel* model, std::int64_t n_draws, const double* z, const double* logp) {
  constexpr int kRefused = VELBO_CUDA_MODEL_REFUSED;
  if (model == nullptr) fail_model(kRefused, "device model: it is null, expected a VelboDeviceModel");
  if (model->abi != VELBO_DEVICE_MODEL_ABI)
    fail_model(kRefused, "device model: abi is %u, expected %u, that of this velbo's velbo/device_model.h", model->abi,
               VELBO_DEVICE_MODEL_ABI);
  if (model->struct_bytes != sizeof(VelboDeviceModel))
    fail_model(kRefused, "device model: struct_bytes is %u, expected %zu, the size of this velbo's VelboDeviceModel",
               model->struct_bytes, sizeof(VelboDeviceModel));
  if (model->scalar != VELBO_SCALAR_FLOAT && model->scalar != VELBO_SCALAR_DOUBLE)
    fail_model(kRefused, "device model: scalar is %d, expected %d (float) or %d (double)", model->scalar,
               VELBO_SCALAR_FLOAT, VELBO_SCALAR_DOUBLE);
  if (model->dimension < 1)
    fail_model(kRefused, "device model: dimension is %" PRId64 ", expected at least 1", model->dimension);
  if (model->enqueue == nullptr) fail_model(kRefused, "device model: enqueue is null, expected a function");
  if (n_draws < 0)
    fail_model(kRefused, "device model: the number of draws is %" PRId64 ", expected at least 0", n_draws);
  constexpr std::int64_t kMostNumbers = std::numeric_limits<std::int64_t>::max() / std::int64_t{sizeof(double)};
  if (n_draws > kMostNumbers / model->dimension)
    fail_model(kRefused, "device model: dimension is %" PRId64 ", too large for %" PRId64 " draws", model->dimension,
               n_draws);
  if (n_draws > 0 && z == nullptr) fail_model(kRefused, "device model: z is null, expected %" PRId64 " draws", n_draws);
  if (n_draws > 0 && logp == nullptr)
    fail_model(kRefused, "device model: logp is null, expected room for %" PRId64 " values", n_draws);
}

inline std::int64_t workspace_of(const VelboDeviceModel& model, std::int64_t n_draws) {
  if (model.workspace_bytes == nullptr) return 0;
  const std::int64_t bytes = model.workspace_bytes(model.user, n_draws);
  if (bytes < 0)
    fail_model(VELBO_CUDA_MODEL_REFUSED,
               "device model: workspace_bytes of %" PRId64 " draws is %" PRId64 ", expected at least 0", n_draws,
               bytes);
  return bytes;
}

// z [S, D], logp [S], grad [S, D] or null, in host memory.
template <class T>
void run_model(cudaStream_t stream, const VelboDeviceModel& model, std::int64_t n_draws, const double* z, double* logp,
               double* grad) {
  const std::int64_t size = n_draws * model.dimension;
  const Buffer<unsigned char> workspace(workspace_of(model, n_draws), stream);
  const Buffer<T> draws = uploaded<T>(z, size, stream);
  const Buffer<T> values(n_draws, stream), gradients(grad != nullptr ? size : 0, stream);
  const int status =
      model.enqueue(model.user, stream, n_draws, draws.get(), values.get(), gradients.get(), workspace.get());
  if (status != 0) {
    const char* const reason = model.reason != nullptr ? model.reason(model.user, status) : nullptr;
    fail_model(VELBO_CUDA_MODEL_FAILED, "device model: enqueue of %" PRId64 " draws returned status %d, expected 0: %s",
               n_draws, status, reason != nullptr ? reason : "the model gives no reason");
  }
  const std::vector<T> found = downloaded(values.get(), n_draws, stream);
  std::copy(found.begin(), found.end(), logp);
  if (grad == nullptr) return;
  const std::vector<T> slopes = downloaded(gradients.get(), size, stream);
  std::copy(slopes.begin(), slopes.end(), grad);
}

// The table's evaluate_model(); kRemember keeps a text for its last_reason().
template <class Runtime, void (*kRemember)(const char*)>
int evaluate_model(int device, const VelboDeviceModel* model, std::int64_t n_draws, const double* z, double* logp,
                   double* grad) {
  try {
    check_model(model, n_draws, z, logp);
    if (n_draws == 0) return 0;
    return reported<Runtime>(device, [&](const Launch& launch) {
      const auto run = model->scalar == VELBO_SCALAR_FLOAT ? run_model<float> : run_model<double>;
      run(launch.stream, *model, n_draws, z, logp, grad);
    });
  } catch (const ModelFailure& failure) {
    kRemember(failure.text);
    return failure.status;
  }
}

}  // namespace velbo::kernels
