// A plugin without CUDA, for the loader to load.  One of the FAKE_* macros says what is special about it.
#include <cstdio>

#include "backend/cuda_plugin.h"

#if !defined(FAKE_NO_SYMBOL)
namespace {

int device_count(int* count) {
#if defined(FAKE_NO_DRIVER)
  *count = 0;
  return 35;
#elif defined(FAKE_NO_DEVICE)
  *count = 0;
  return 0;
#else
  *count = 3;
  return 0;
#endif
}

// Device 0 is usable, device 1 too old for the code, device 2 does not answer.
int device_info(int index, VelboCudaDeviceInfo* info) {
  if (index == 2) return 46;
  std::snprintf(info->name, sizeof info->name, "Fake %d", index);
  info->memory_bytes = int64_t{16} << 30;
  info->compute_major = index == 0 ? 9 : 6;
  info->compute_minor = index == 0 ? 0 : 1;
  info->multiprocessors = 132;
  info->has_code = index == 0 ? 1 : 0;
  std::snprintf(info->code_for, sizeof info->code_for, "7.5, 9.0");
  return 0;
}

const char* last_reason() { return "the reason of the fake"; }

constexpr VelboCudaPlugin table = {
#if defined(FAKE_WRONG_ABI)
    .abi = VELBO_CUDA_PLUGIN_ABI + 7,
#else
    .abi = VELBO_CUDA_PLUGIN_ABI,
#endif
#if defined(FAKE_WRONG_SIZE)
    .table_bytes = sizeof(VelboCudaPlugin) - 8,
#else
    .table_bytes = sizeof(VelboCudaPlugin),
#endif
    .device_count = device_count,
    .device_info = device_info,
    .last_reason = last_reason,
    .allocate = nullptr,
    .release = nullptr,
    .upload = nullptr,
    .download = nullptr,
    .memory = nullptr,
    .ops_float = nullptr,
    .ops_double = nullptr,
    .allocate_pinned = nullptr,
    .release_pinned = nullptr,
    .start_upload = nullptr,
    .finish = nullptr,
    .evaluate_model = nullptr,
    .mixtures_float = nullptr,
    .mixtures_double = nullptr,
    .topics_float = nullptr,
    .topics_double = nullptr,
    .sequences_float = nullptr,
    .sequences_double = nullptr,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const VelboCudaPlugin* velbo_cuda_plugin();
extern "C" const VelboCudaPlugin* velbo_cuda_plugin() { return &table; }
#endif
