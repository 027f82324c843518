// backend/cuda_ops.cpp
#include "backend/cuda_ops.h"

#include <string>

#include "backend/cuda_loader.h"
#include "backend/streamed_table.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

const VelboCudaPlugin& plugin() {
  const CudaPlugin& loaded = cuda_plugin();
  if (loaded.table == nullptr) throw Error(ErrorCode::device, "cuda: " + loaded.reason);
  return *loaded.table;
}

struct PluginSource {
  template <class T>
  static const DeviceOps<T>& ops() {
    return cuda_device_ops<T>();
  }
  static void require(int status) { require_cuda(status); }
};

}  // namespace

const VelboCudaPlugin& required_cuda_plugin() { return plugin(); }

template <class T>
const DeviceOps<T>& cuda_device_ops() {
  return *static_cast<const DeviceOps<T>*>(sizeof(T) == sizeof(float) ? plugin().ops_float : plugin().ops_double);
}
template const DeviceOps<float>& cuda_device_ops();
template const DeviceOps<double>& cuda_device_ops();

void require_cuda(int status) {
  if (status == 0) return;
  throw Error(status == VELBO_CUDA_OUT_OF_MEMORY ? ErrorCode::memory : ErrorCode::device,
              std::string("cuda: ") + plugin().last_reason());
}

const Ops<float>& cuda_ops_float() { return streamed_table<float, PluginSource>; }
const Ops<double>& cuda_ops_double() { return streamed_table<double, PluginSource>; }

void* cuda_allocate(int index, std::int64_t bytes) {
  void* memory = nullptr;
  require_cuda(plugin().allocate(index, bytes, &memory));
  return memory;
}
void cuda_release(int index, void* memory) noexcept {
  if (memory != nullptr) cuda_plugin().table->release(index, memory);
}
void cuda_upload(int index, void* to, const void* from, std::int64_t bytes) {
  require_cuda(plugin().upload(index, to, from, bytes));
}
void cuda_download(int index, void* to, const void* from, std::int64_t bytes) {
  require_cuda(plugin().download(index, to, from, bytes));
}
void* cuda_allocate_pinned(int index, std::int64_t bytes) noexcept {
  void* memory = nullptr;
  return cuda_plugin().table->allocate_pinned(index, bytes, &memory) == 0 ? memory : nullptr;
}
void cuda_release_pinned(int index, void* memory) noexcept {
  if (memory != nullptr) cuda_plugin().table->release_pinned(index, memory);
}
void cuda_start_upload(int index, void* to, const void* from, std::int64_t bytes) {
  require_cuda(plugin().start_upload(index, to, from, bytes));
}
void cuda_finish(int index) { require_cuda(plugin().finish(index)); }
CudaMemory cuda_memory(int index) {
  CudaMemory memory;
  require_cuda(plugin().memory(index, &memory.free, &memory.total));
  return memory;
}

}  // namespace velbo::internal
