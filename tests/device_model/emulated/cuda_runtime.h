// cuda_runtime.h - stands in for CUDA's where velbo/cuda/device_model.cuh is compiled for the emulator: <cuda_runtime.h> is the one
// CUDA header that it includes.
#pragma once
#include <cstddef>
#include <utility>

#include "emulator/intrinsics.h"
#include "emulator/launch.h"
#include "emulator/runtime.h"

namespace velbo::simt {

// What the next launch returns instead of doing anything, for tests of failure.
inline cudaError_t next_launch = cudaSuccess;

}  // namespace velbo::simt

// NOLINTBEGIN(readability-identifier-naming): CUDA's names

struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  const cudaError_t refused = std::exchange(velbo::simt::next_launch, cudaSuccess);
  if (refused != cudaSuccess) return refused;
  velbo::simt::launch("the kernel of a device model", velbo::simt::Place::here(), kernel, config->gridDim,
                      config->blockDim, config->dynamicSmemBytes, config->stream,
                      std::forward<Arguments>(arguments)...);
  return cudaSuccess;
}

// NOLINTEND(readability-identifier-naming)
