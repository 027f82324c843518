// backend/cuda_ops.h - operations and memory of CUDA devices, by the plugin.
#pragma once
#include <cstdint>

#include "backend/cuda_plugin.h"
#include "backend/device_ops.h"
#include "backend/ops.h"

namespace velbo::internal {

// Tables whose operations call the plugin.  To be used with contexts of CUDA devices only, which there are none of without a
// plugin.  They throw Error(memory) with the bytes needed and free where device memory runs out, else Error(device).
const Ops<float>& cuda_ops_float();
const Ops<double>& cuda_ops_double();

// The plugin's own table, and what turns what its functions return into these errors.
template <class T>
const DeviceOps<T>& cuda_device_ops();
void require_cuda(int status);
// All of it; throws Error(device) with the reason where there is none.
const VelboCudaPlugin& required_cuda_plugin();

// Memory of the CUDA device `index`; blocks, and throws as the operations do.
void* cuda_allocate(int index, std::int64_t bytes);
void cuda_release(int index, void* memory) noexcept;
void cuda_upload(int index, void* to, const void* from, std::int64_t bytes);
void cuda_download(int index, void* to, const void* from, std::int64_t bytes);

// Pinned host memory; null where there is none to be had.
void* cuda_allocate_pinned(int index, std::int64_t bytes) noexcept;
void cuda_release_pinned(int index, void* memory) noexcept;
// Starts a copy, which has read `from` when this thread's next cuda_finish() returns, and not before.
void cuda_start_upload(int index, void* to, const void* from, std::int64_t bytes);
void cuda_finish(int index);

struct CudaMemory {
  std::int64_t free = 0;
  std::int64_t total = 0;
};
CudaMemory cuda_memory(int index);

}  // namespace velbo::internal
