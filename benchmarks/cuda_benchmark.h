// What benchmarks of a CUDA device share: the device, a skip that says why it cannot be used, and how runs are timed.
#pragma once
#include <benchmark/benchmark.h>

#include <chrono>

#include "cuda_ceilings.h"
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

// Times run() by events on the calling thread's stream, with the caches flushed before each if so wished; wall_us is what the caller waits.
template <class Run>
void time_runs(benchmark::State& state, bool flushed, const Run& run) {
  CudaTimer timer(kDevice.index);
  double wall = 0;
  for (auto _ : state) {
    if (flushed) flush_cuda_cache(kDevice.index);
    const auto start = std::chrono::steady_clock::now();
    timer.start();
    run();
    state.SetIterationTime(timer.stop());
    wall += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  state.counters["wall_us"] = 1e6 * wall / static_cast<double>(state.iterations());
}

}  // namespace velbo::internal
