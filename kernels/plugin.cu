// The plugin's one exported function, its table, and the functions that find devices.
#include <cuda_runtime.h>

#include <cstdio>
#include <iterator>
#include <string>

#include "backend/cuda_architectures.h"
#include "backend/cuda_plugin.h"
#include "cuda_device.cuh"
#include "device_mixtures.cuh"
#include "device_model.cuh"
#include "device_ops.cuh"
#include "device_sequences.cuh"
#include "device_topics.cuh"

namespace {

using velbo::kernels::CudaDevice;
using velbo::kernels::fail;
using velbo::kernels::succeed;

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

const char* last_reason() { return velbo::kernels::last_reason_text; }
void remember(const char* reason) {
  std::snprintf(velbo::kernels::last_reason_text, sizeof velbo::kernels::last_reason_text, "%s", reason);
}

int memory(int device, int64_t* free_bytes, int64_t* total_bytes) {
  return velbo::kernels::reported<CudaDevice>(device, [&](const velbo::kernels::Launch&) {
    std::size_t free = 0, total = 0;
    velbo::kernels::device_memory(device, free, total);
    *free_bytes = static_cast<int64_t>(free);
    *total_bytes = static_cast<int64_t>(total);
  });
}

constexpr VelboCudaPlugin table = {
    .abi = VELBO_CUDA_PLUGIN_ABI,
    .table_bytes = sizeof(VelboCudaPlugin),
    .device_count = device_count,
    .device_info = device_info,
    .last_reason = last_reason,
    .allocate = velbo::kernels::allocate<CudaDevice>,
    .release = velbo::kernels::release<CudaDevice>,
    .upload = velbo::kernels::copy<CudaDevice, cudaMemcpyHostToDevice>,
    .download = velbo::kernels::copy<CudaDevice, cudaMemcpyDeviceToHost>,
    .memory = memory,
    .ops_float = &velbo::kernels::ops_float,
    .ops_double = &velbo::kernels::ops_double,
    .allocate_pinned = velbo::kernels::allocate_pinned<CudaDevice>,
    .release_pinned = velbo::kernels::release_pinned<CudaDevice>,
    .start_upload = velbo::kernels::start_upload<CudaDevice>,
    .finish = velbo::kernels::finish<CudaDevice>,
    .evaluate_model = velbo::kernels::evaluate_model<CudaDevice, remember>,
    .mixtures_float = &velbo::kernels::mixtures_float,
    .mixtures_double = &velbo::kernels::mixtures_double,
    .topics_float = &velbo::kernels::topics_float,
    .topics_double = &velbo::kernels::topics_double,
    .sequences_float = &velbo::kernels::sequences_float,
    .sequences_double = &velbo::kernels::sequences_double,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const VelboCudaPlugin* velbo_cuda_plugin(void);
extern "C" const VelboCudaPlugin* velbo_cuda_plugin(void) { return &table; }
