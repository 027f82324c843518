// device_ops.cuh - the tables of backend/device_ops.h, and the memory functions of backend/cuda_plugin.h.
//
// What Runtime is: reported.cuh and device_steps.cuh.  The plugin and the tests' emulator each have their own.
#pragma once
#include <cstdint>

#include "backend/device_ops.h"
#include "device_steps.cuh"
#include "normals.cuh"
#include "reported.cuh"
#include "row_ops.cuh"

namespace velbo::kernels {

template <class Runtime>
int allocate(int device, std::int64_t bytes, void** memory) {
  *memory = nullptr;
  return reported<Runtime>(device, [&](const Launch& launch) {
    const cudaError_t error = cudaMallocAsync(memory, static_cast<std::size_t>(bytes), launch.stream);
    if (error != cudaSuccess) throw Failure{error, static_cast<std::size_t>(bytes)};
  });
}
template <class Runtime>
void release(int device, void* memory) {
  reported<Runtime>(device, [&](const Launch& launch) { check(cudaFreeAsync(memory, launch.stream)); });
}
template <class Runtime, cudaMemcpyKind kKind>
int copy(int device, void* to, const void* from, std::int64_t bytes) {
  return reported<Runtime>(device, [&](const Launch& launch) {
    check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), kKind, launch.stream));
  });
}
template <class Runtime>
int allocate_pinned(int device, std::int64_t bytes, void** memory) {
  *memory = nullptr;
  return started<Runtime>(device, [&](const Launch&) {
    const cudaError_t error = cudaMallocHost(memory, static_cast<std::size_t>(bytes));
    if (error != cudaSuccess) throw Failure{error, static_cast<std::size_t>(bytes)};
  });
}
template <class Runtime>
void release_pinned(int device, void* memory) {
  started<Runtime>(device, [&](const Launch&) { check(cudaFreeHost(memory)); });
}
template <class Runtime>
int start_upload(int device, void* to, const void* from, std::int64_t bytes) {
  return started<Runtime>(device, [&](const Launch& launch) {
    check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice, launch.stream));
  });
}
template <class Runtime>
int finish(int device) {
  return reported<Runtime>(device, [](const Launch&) {});
}

template <class T, class Runtime>
constexpr internal::DeviceOps<T> device_ops{
    .starting_curvature =
        [](int device, const Rows<T>* rows, T* c, T* c_times_r) {
          return reported<Runtime>(device,
                                   [&](const Launch& launch) { starting_curvature(launch, *rows, c, c_times_r); });
        },
    .normals =
        [](int device, std::uint64_t key, std::uint32_t step, std::uint32_t first_draw, std::int64_t n_draws,
           std::int64_t dimension, T* out) {
          return reported<Runtime>(device, [&](const Launch& launch) {
            check(normals(key, step, first_draw, n_draws, dimension, out, launch.stream));
          });
        },
    .expected_log_likelihood =
        [](int device, const Rows<T>* rows, const double* mean, const PredictorScale* scale, const PredictorRule* rule,
           RowSums<T>* sums) {
          return reported<Runtime>(device, [&](const Launch& launch) {
            expected_log_likelihood(launch, *rows, mean, *scale, *rule, *sums);
          });
        },
    .weighted_gram =
        [](int device, const Rows<T>* rows, const T* c, const T* r, bool diagonal, double* gram, double* moment) {
          return reported<Runtime>(
              device, [&](const Launch& launch) { weighted_gram(launch, *rows, c, r, diagonal, gram, moment); });
        },
    .curvature_product =
        [](int device, const Rows<T>* rows, const T* c, const double* v, double* out) {
          return reported<Runtime>(device, [&](const Launch& launch) { curvature_product(launch, *rows, c, v, out); });
        },
    .log_likelihood_gradient =
        [](int device, const Rows<T>* rows, const double* z, std::int64_t n_draws, double* out, double* gradient) {
          return reported<Runtime>(
              device, [&](const Launch& launch) { log_likelihood_gradient(launch, *rows, z, n_draws, out, gradient); });
        },
    .steps = device_steps<T, Runtime>,
};

}  // namespace velbo::kernels
