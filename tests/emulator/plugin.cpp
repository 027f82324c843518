// The CUDA plugin with the emulator for a device: libvelbo loads it like the real one (VELBO_CUDA_PLUGIN), so that the
// whole path from Context(cuda) to the kernels' own source runs on a machine without a GPU.
#include <cstdio>
#include <string>

#include "backend/cuda_plugin.h"
#include "device_model.cuh"
#include "device_ops.cuh"

namespace {

thread_local std::string last_reason_text;

struct Emulator {
  static velbo::kernels::Launch open(int) { return {}; }
  static int report(const velbo::kernels::Failure& failure) {
    last_reason_text = cudaGetErrorString(failure.error);
    return failure.error;
  }
};

int device_count(int* count) {
  *count = 1;
  return 0;
}

int device_info(int, VelboCudaDeviceInfo* info) {
  *info = VelboCudaDeviceInfo{};
  std::snprintf(info->name, sizeof info->name, "emulator of CUDA kernels, for tests");
  info->memory_bytes = std::int64_t{1} << 32;
  info->compute_major = 9;
  info->multiprocessors = 1;
  info->has_code = 1;
  return 0;
}

const char* last_reason() { return last_reason_text.c_str(); }
void remember(const char* reason) { last_reason_text = reason; }

int memory(int, std::int64_t* free_bytes, std::int64_t* total_bytes) {
  *free_bytes = *total_bytes = std::int64_t{1} << 32;
  return 0;
}

constexpr VelboCudaPlugin table = {
    .abi = VELBO_CUDA_PLUGIN_ABI,
    .table_bytes = sizeof(VelboCudaPlugin),
    .device_count = device_count,
    .device_info = device_info,
    .last_reason = last_reason,
    .allocate = velbo::kernels::allocate<Emulator>,
    .release = velbo::kernels::release<Emulator>,
    .upload = velbo::kernels::copy<Emulator, cudaMemcpyHostToDevice>,
    .download = velbo::kernels::copy<Emulator, cudaMemcpyDeviceToHost>,
    .memory = memory,
    .ops_float = &velbo::kernels::device_ops<float, Emulator>,
    .ops_double = &velbo::kernels::device_ops<double, Emulator>,
    .evaluate_model = velbo::kernels::evaluate_model<Emulator, remember>,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const VelboCudaPlugin* velbo_cuda_plugin();
extern "C" const VelboCudaPlugin* velbo_cuda_plugin() { return &table; }
