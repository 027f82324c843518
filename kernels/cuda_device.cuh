// cuda_device.cuh - CUDA devices for the tables of device_ops.cuh: how to launch there, and what to say of failures.
#pragma once
#include <cuda_runtime.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>

#include "backend/device_ops.h"
#include "backend/device_topics.h"
#include "cuda_graph.cuh"
#include "row_passes.cuh"

namespace velbo::kernels {

inline thread_local char last_reason_text[512];

// Remembers why a call failed and gives the error back.
inline int fail(cudaError_t error) {
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

inline int succeed() {
  last_reason_text[0] = '\0';
  return 0;
}

// Free and all memory of the current device; what the pool keeps for the next allocation counts as free.
inline void device_memory(int device, std::size_t& free, std::size_t& total) {
  check(cudaMemGetInfo(&free, &total));
  cudaMemPool_t pool = nullptr;
  check(cudaDeviceGetDefaultMemPool(&pool, device));
  std::uint64_t reserved = 0, used = 0;
  check(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &reserved));
  check(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used));
  free += reserved - used;
}

struct CudaDevice {
  using Repetition = GraphedSteps;

  // Memory that is freed stays with the pool: by default every synchronisation would give it back to the system, and every
  // operation get it anew.
  static void keep_memory(int device) {
    static std::atomic<std::uint64_t> kept{0};
    const std::uint64_t bit = std::uint64_t{1} << (static_cast<unsigned>(device) % 64U);
    if ((kept.load() & bit) != 0) return;
    cudaMemPool_t pool = nullptr;
    check(cudaDeviceGetDefaultMemPool(&pool, device));
    std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
    check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all));
    kept.fetch_or(bit);
  }

  // Launches go to the calling thread's own stream, so that threads of a service do not wait for each other.
  static Launch open(int device) {
    check(cudaSetDevice(device));
    keep_memory(device);
    int bytes = 0;
    check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
    Launch launch;
    launch.stream = cudaStreamPerThread;
    launch.shared_bytes = std::min(launch.shared_bytes, static_cast<std::size_t>(bytes));
    return launch;
  }

  static int report(const Failure& failure) {
    if (failure.error != cudaErrorMemoryAllocation) return fail(failure.error);
    (void)cudaGetLastError();
    std::size_t free = 0, total = 0;
    (void)cudaMemGetInfo(&free, &total);
    std::snprintf(last_reason_text, sizeof last_reason_text, "out of device memory: %zu bytes needed, %zu of %zu free",
                  failure.bytes, free, total);
    return failure.error;
  }
};

extern const internal::DeviceOps<float> ops_float;
extern const internal::DeviceOps<double> ops_double;
extern const internal::DeviceTopicOps<float> topics_float;
extern const internal::DeviceTopicOps<double> topics_double;

}  // namespace velbo::kernels
