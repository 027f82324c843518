// backend/cuda_plugin.h - the boundary between libvelbo and its CUDA plugin, libvelbo_cuda.so.
//
// The plugin exports one function, velbo_cuda_plugin(), that returns a table of function pointers.  Everything in the
// table is plain C: the two sides share pointers, sizes and streams, and neither throws into the other nor frees what
// the other allocated.  No CUDA header is needed to include this file.
#pragma once
#include <cstdint>

#include "velbo/device_model.h"

extern "C" {

// Raise it with every change of what follows.  The plugin and the library are built together; this number only tells
// apart files of two installations that were mixed up.
#define VELBO_CUDA_PLUGIN_ABI 6u

// cudaErrorMemoryAllocation
#define VELBO_CUDA_OUT_OF_MEMORY 2
// Of evaluate_model(), and no cudaError_t: the call makes no sense; the model's enqueue() failed.
#define VELBO_CUDA_MODEL_REFUSED (-1)
#define VELBO_CUDA_MODEL_FAILED (-2)

// Of one device.
typedef struct VelboCudaDeviceInfo {
  char name[256];  // zero-terminated
  int64_t memory_bytes;
  int32_t compute_major;
  int32_t compute_minor;
  int32_t multiprocessors;
  int32_t has_code;    // 1: the plugin holds code that this device can run
  char code_for[128];  // the compute capabilities that the plugin holds code for, "9.0" or "7.5, 8.0"
} VelboCudaDeviceInfo;

// Functions return 0, VELBO_CUDA_OUT_OF_MEMORY, or another cudaError_t whose text last_reason() then gives (of this thread, until its next call).
typedef struct VelboCudaPlugin {
  uint32_t abi;          // VELBO_CUDA_PLUGIN_ABI; this field and the next stay the first two for ever
  uint32_t table_bytes;  // sizeof(VelboCudaPlugin), against a change that forgot to raise the number

  int (*device_count)(int* count);                           // *count is 0 on failure
  int (*device_info)(int index, VelboCudaDeviceInfo* info);  // 0 <= index < device_count
  const char* (*last_reason)(void);                          // "" if the last call succeeded; never null

  // Memory of a device.  Copies block.  Of an allocation that fails *memory is null.
  int (*allocate)(int device, int64_t bytes, void** memory);
  void (*release)(int device, void* memory);
  int (*upload)(int device, void* to, const void* from, int64_t bytes);
  int (*download)(int device, void* to, const void* from, int64_t bytes);
  int (*memory)(int device, int64_t* free_bytes, int64_t* total_bytes);

  // Operations: velbo::internal::DeviceOps<float> and <double> (backend/device_ops.h).
  const void* ops_float;
  const void* ops_double;

  // Pinned memory of the host, and copies from it that go on beside the work of other threads.  start_upload() returns at
  // once, finish() when all that the calling thread has started is done.
  int (*allocate_pinned)(int device, int64_t bytes, void** memory);
  void (*release_pinned)(int device, void* memory);
  int (*start_upload)(int device, void* to, const void* from, int64_t bytes);
  int (*finish)(int device);

  // A model of another binary (velbo/device_model.h) at draws z [S, D]: logp [S] and, unless it is null, grad [S, D], all in
  // host memory.  Blocks until the results are there.
  int (*evaluate_model)(int device, const VelboDeviceModel* model, int64_t n_draws, const double* z, double* logp,
                        double* grad);

  // velbo::internal::DeviceMixtures<float> and <double> (backend/device_mixtures.h).
  const void* mixtures_float;
  const void* mixtures_double;
  // Topic models: velbo::internal::DeviceTopics<float> and <double> (backend/device_topics.h).
  const void* topics_float;
  const void* topics_double;
  // velbo::internal::DeviceSequences<float> and <double> (backend/device_sequences.h).
  const void* sequences_float;
  const void* sequences_double;
} VelboCudaPlugin;

typedef const VelboCudaPlugin* (*VelboCudaPluginFunction)(void);

}  // extern "C"

// The exported function's name.
#define VELBO_CUDA_PLUGIN_SYMBOL "velbo_cuda_plugin"
