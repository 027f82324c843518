// The CUDA plugin with the emulator for a device: libvelbo loads it like the real one (VELBO_CUDA_PLUGIN), so that the
// whole path from Context(cuda) to the kernels' own source runs on a machine without a GPU.
//
// Tests make it a poor one by the environment: VELBO_EMULATED_FREE (bytes of device memory that it says are free),
// VELBO_EMULATED_LARGEST (bytes of the largest array that there is room for), VELBO_EMULATED_NO_PINNED (there is no pinned
// memory), VELBO_EMULATED_BAD_COPIES (uploads fail).
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "backend/cuda_plugin.h"
#include "device_mixtures.cuh"
#include "device_model.cuh"
#include "device_ops.cuh"
#include "device_sequences.cuh"
#include "device_topics.cuh"
#include "emulator/plugin_device.h"

namespace {

using velbo::kernels::Emulator, velbo::kernels::last_reason_text;

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
  if (const char* const free = std::getenv("VELBO_EMULATED_FREE"); free != nullptr) *free_bytes = std::atoll(free);
  return 0;
}

int fail(cudaError_t error) { return Emulator::report({error, 0}); }

int allocate(int device, std::int64_t bytes, void** memory) {
  *memory = nullptr;
  const char* const largest = std::getenv("VELBO_EMULATED_LARGEST");
  if (largest != nullptr && bytes > std::atoll(largest)) return fail(cudaErrorMemoryAllocation);
  return velbo::kernels::allocate<Emulator>(device, bytes, memory);
}

int allocate_pinned(int device, std::int64_t bytes, void** memory) {
  *memory = nullptr;
  if (std::getenv("VELBO_EMULATED_NO_PINNED") != nullptr) return fail(cudaErrorMemoryAllocation);
  return velbo::kernels::allocate_pinned<Emulator>(device, bytes, memory);
}

// Copies are done as late as a device may do them: when somebody waits for them.
struct Upload {
  void* to;
  const void* from;
  std::size_t bytes;
};
thread_local std::vector<Upload> started;

int start_upload(int, void* to, const void* from, std::int64_t bytes) {
  if (std::getenv("VELBO_EMULATED_BAD_COPIES") != nullptr) return fail(cudaErrorInvalidValue);
  started.push_back({to, from, static_cast<std::size_t>(bytes)});
  return 0;
}

int finish(int) {
  for (const Upload& each : started) std::memcpy(each.to, each.from, each.bytes);
  started.clear();
  return 0;
}

constexpr VelboCudaPlugin table = {
    .abi = VELBO_CUDA_PLUGIN_ABI,
    .table_bytes = sizeof(VelboCudaPlugin),
    .device_count = device_count,
    .device_info = device_info,
    .last_reason = last_reason,
    .allocate = allocate,
    .release = velbo::kernels::release<Emulator>,
    .upload = velbo::kernels::copy<Emulator, cudaMemcpyHostToDevice>,
    .download = velbo::kernels::copy<Emulator, cudaMemcpyDeviceToHost>,
    .memory = memory,
    .ops_float = &velbo::kernels::device_ops<float, Emulator>,
    .ops_double = &velbo::kernels::device_ops<double, Emulator>,
    .allocate_pinned = allocate_pinned,
    .release_pinned = velbo::kernels::release_pinned<Emulator>,
    .start_upload = start_upload,
    .finish = finish,
    .evaluate_model = velbo::kernels::evaluate_model<Emulator, remember>,
    .mixtures_float = &velbo::kernels::mixtures_float,
    .mixtures_double = &velbo::kernels::mixtures_double,
    .topics_float = &velbo::kernels::topics_float,
    .topics_double = &velbo::kernels::topics_double,
    .sequences_float = &velbo::kernels::sequences_float,
    .sequences_double = &velbo::kernels::sequences_double,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const VelboCudaPlugin* velbo_cuda_plugin();
extern "C" const VelboCudaPlugin* velbo_cuda_plugin() { return &table; }
