// What benchmarks of a CUDA device share: the device, and a skip that says why it cannot be used.
#pragma once
#include <benchmark/benchmark.h>

#include "velbo/device.h"
#include "velbo/error.h"

namespace velbo::internal {

inline constexpr Device kDevice{DeviceKind::cuda, 0};

// False, and the benchmark is skipped with the reason, where kDevice cannot be used.
inline bool has_device(benchmark::State& state) {
  try {
    require_usable(kDevice);
  } catch (const Error& error) {
    state.SkipWithError(error.what());
    return false;
  }
  return true;
}

}  // namespace velbo::internal
