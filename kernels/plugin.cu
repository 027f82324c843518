// The plugin's one exported function and the functions that find devices.
#include <cuda_runtime.h>

#include <cstdio>
#include <iterator>
#include <string>

#include "backend/cuda_architectures.h"
#include "backend/cuda_plugin.h"

namespace {

thread_local char last_reason_text[512];

// Remembers why a call failed and gives the error back.
int fail(cudaError_t error) {
  (void)cudaGetLastError();  // the runtime remembers it too, and would report it from an innocent later call
  if (error == cudaErrorInsufficientDriver) {
    // The runtime says "CUDA driver version is insufficient" also where there is no driver at all.
    int driver = 0;
    (void)cudaDriverGetVersion(&driver);
    if (driver == 0) {
      std::snprintf(last_reason_text, sizeof last_reason_text, "no CUDA driver is installed (libcuda.so.1)");
    } else {
      std::snprintf(last_reason_text, sizeof last_reason_text,
                    "the CUDA driver is for CUDA %d.%d and this velbo needs one for CUDA %d.%d or newer", driver / 1000,
                    driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
    }
  } else if (error == cudaErrorNoDevice) {
    std::snprintf(last_reason_text, sizeof last_reason_text, "the CUDA driver finds no device");
  } else {
    std::snprintf(last_reason_text, sizeof last_reason_text, "%s (%s)", cudaGetErrorString(error),
                  cudaGetErrorName(error));
  }
  return error;
}

int succeed() {
  last_reason_text[0] = '\0';
  return 0;
}

int device_count(int* count) {
  const cudaError_t error = cudaGetDeviceCount(count);
  if (error == cudaSuccess) return succeed();
  *count = 0;
  return fail(error);
}

constexpr int architectures[] = {__CUDA_ARCH_LIST__};

int device_info(int index, VelboCudaDeviceInfo* info) {
  cudaDeviceProp properties{};
  const cudaError_t error = cudaGetDeviceProperties(&properties, index);
  if (error != cudaSuccess) return fail(error);

  *info = VelboCudaDeviceInfo{};
  std::snprintf(info->name, sizeof info->name, "%s", properties.name);
  info->memory_bytes = static_cast<int64_t>(properties.totalGlobalMem);
  info->compute_major = properties.major;
  info->compute_minor = properties.minor;
  info->multiprocessors = properties.multiProcessorCount;
  info->has_code =
      velbo::internal::has_code_for(architectures, std::size(architectures), properties.major, properties.minor) ? 1
                                                                                                                 : 0;
  const std::string code_for = velbo::internal::list_of(architectures, std::size(architectures));
  std::snprintf(info->code_for, sizeof info->code_for, "%s", code_for.c_str());
  return succeed();
}

const char* last_reason() { return last_reason_text; }

constexpr VelboCudaPlugin table = {
    .abi = VELBO_CUDA_PLUGIN_ABI,
    .table_bytes = sizeof(VelboCudaPlugin),
    .device_count = device_count,
    .device_info = device_info,
    .last_reason = last_reason,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const VelboCudaPlugin* velbo_cuda_plugin(void);
extern "C" const VelboCudaPlugin* velbo_cuda_plugin(void) { return &table; }
