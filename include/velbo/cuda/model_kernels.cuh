// velbo/cuda/model_kernels.cuh - the kernels of velbo/cuda/model.cuh.
//
// theta from z and the parameters' density (a thread a draw); the rows of each plate (a thread a row, a warp 256 of them at one draw);
// what rows of a group share (a warp an element); the sums (a warp a draw); back to z (a thread a draw).
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "velbo/dual.h"
#include "velbo/host_device.h"
#include "velbo/plate.h"
#include "velbo/transform.h"

namespace velbo::internal {

inline constexpr unsigned kModelBlock = 128;       // threads: four warps
inline constexpr std::int64_t kRowsOfAWarp = 256;  // of a plate
inline constexpr unsigned kAllLanes = 0xffffffffU;

struct DeviceParameters {
  const ParameterBlock* blocks = nullptr;
  std::int64_t n_blocks = 0, n_z = 0, n_theta = 0;
  std::int64_t most_z = 0, most_theta = 0;  // of one number, vector or matrix
};

template <class Row>
struct DevicePlate {
  const Row* data = nullptr;  // [n_rows, n_columns]
  std::int64_t n_rows = 0, n_columns = 0;
  const std::int64_t* element = nullptr;             // of theta, the latents' lists one after the other
  std::int64_t first_element[kMostRowLatents] = {};  // of each latent's list
  std::int64_t place[kMostRowLatents] = {};          // among the latents that differ between rows; -1: the same for all
  std::int64_t n_places = 0;
  // Elements that differ between rows, and where the derivatives by them lie: entries first_entry[i] .. first_entry[i + 1] - 1.
  const std::int64_t* owner = nullptr;
  const std::int64_t* first_entry = nullptr;
  const std::int64_t* entry = nullptr;  // place * n_rows + row
  std::int64_t n_owners = 0;
};

template <class T>
using DeviceVariable = Dual<T, kPlateDerivatives>;

template <class T>
struct DeviceWork {
  std::int64_t n_draws = 0;
  const T* z = nullptr;                    // [S, D]
  T* logp = nullptr;                       // [S]
  T* grad = nullptr;                       // [S, D] or null
  T* theta = nullptr;                      // [S, n]
  double* gradient = nullptr;              // [S, n] by theta
  double* value = nullptr;                 // [S]
  DeviceVariable<T>* variables = nullptr;  // [S, n]
  Dual<T, 1>* steps = nullptr;             // [S, most_z + most_theta]
  double* partials = nullptr;              // [S, n_partials, 1 + latents]
  T* derivatives = nullptr;                // [S, n_places, n_rows]
};

// Hands out aligned parts of a workspace; of none it only counts.
struct WorkspaceCursor {
  unsigned char* begin = nullptr;
  std::int64_t bytes = 0;

  template <class X>
  X* take(std::int64_t n) {
    unsigned char* const at = begin == nullptr ? nullptr : begin + bytes;
    bytes += (n * static_cast<std::int64_t>(sizeof(X)) + 255) / 256 * 256;
    return reinterpret_cast<X*>(at);
  }
};

template <class Row>
std::int64_t n_partials(const DevicePlate<Row>& plate) {
  return (plate.n_rows + kRowsOfAWarp - 1) / kRowsOfAWarp;
}

template <class... Parameters, class... Arguments>
cudaError_t launch_draws(void* stream, std::int64_t n_draws, void (*kernel)(Parameters...),
                         const Arguments&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>((n_draws + kModelBlock - 1) / kModelBlock));
  config.blockDim = dim3(kModelBlock);
  config.stream = static_cast<cudaStream_t>(stream);
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

// n warps for each draw; draws beyond what a grid may have are taken by the same blocks.
template <class... Parameters, class... Arguments>
cudaError_t launch_warps(void* stream, std::int64_t n, std::int64_t n_draws, void (*kernel)(Parameters...),
                         const Arguments&... arguments) {
  cudaLaunchConfig_t config{};
  const std::int64_t warps = kModelBlock / 32;
  config.gridDim =
      dim3(static_cast<unsigned>((n + warps - 1) / warps), static_cast<unsigned>(n_draws < 65535 ? n_draws : 65535));
  config.blockDim = dim3(kModelBlock);
  config.stream = static_cast<cudaStream_t>(stream);
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

// Hidden, or two binaries with the same functor could launch each other's kernel, which their runtimes do not know.
#pragma GCC visibility push(hidden)

__device__ inline double sum_of_warp(double x) {
  for (unsigned step = 16; step > 0; step /= 2) x += __shfl_down_sync(kAllLanes, x, step);
  return x;  // of lane 0
}

template <class T, class LogDensity>
__global__ void __launch_bounds__(kModelBlock, 1)
    parameters_kernel(const LogDensity density, const DeviceParameters parameters, const DeviceWork<T> work) {
  const std::int64_t s = std::int64_t{blockIdx.x} * kModelBlock + threadIdx.x;
  if (s >= work.n_draws) return;
  const std::int64_t n = parameters.n_theta;
  T* const theta = work.theta + s * n;
  T log_jacobian = 0;
  for (std::int64_t b = 0; b < parameters.n_blocks; ++b) {
    const ParameterBlock block = parameters.blocks[b];
    log_jacobian += constrain(block, work.z + s * parameters.n_z + block.z_offset, theta + block.theta_offset);
  }
  T value = 0;
  if (work.grad == nullptr) {
    value = density(static_cast<const T*>(theta));
  } else {
    DeviceVariable<T>* const variables = work.variables + s * n;
    double* const gradient = work.gradient + s * n;
    for (std::int64_t first = 0; first < n; first += kPlateDerivatives) {
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t direction = i - first;
        const bool here = direction >= 0 && direction < kPlateDerivatives;
        variables[i] = DeviceVariable<T>::variable(theta[i], here ? static_cast<int>(direction) : -1);
      }
      const DeviceVariable<T> out = density(static_cast<const DeviceVariable<T>*>(variables));
      value = out.value;
      for (int i = 0; i < kPlateDerivatives; ++i)
        if (first + i < n) gradient[first + i] = static_cast<double>(out.derivative[i]);
    }
  }
  work.value[s] = static_cast<double>(value) + static_cast<double>(log_jacobian);
}

template <class T, int K, class Density, class Row>
__global__ void __launch_bounds__(kModelBlock, 1)
    rows_kernel(const Density density, const DevicePlate<Row> plate, std::int64_t n_theta, const DeviceWork<T> work) {
  constexpr int kWidth = K < kPlateDerivatives ? K : kPlateDerivatives;
  const std::int64_t part = std::int64_t{blockIdx.x} * (kModelBlock / 32) + threadIdx.x / 32;
  const unsigned lane = threadIdx.x % 32;
  const std::int64_t n_parts = (plate.n_rows + kRowsOfAWarp - 1) / kRowsOfAWarp;
  if (part >= n_parts) return;  // a whole warp
  const std::int64_t first = part * kRowsOfAWarp;
  const std::int64_t end = first + kRowsOfAWarp < plate.n_rows ? first + kRowsOfAWarp : plate.n_rows;
  for (std::int64_t s = blockIdx.y; s < work.n_draws; s += gridDim.y) {
    const T* const theta = work.theta + s * n_theta;
    T* const derivatives = work.derivatives + s * plate.n_places * plate.n_rows;
    double value = 0, sum[K] = {};
    for (std::int64_t r = first + lane; r < end; r += 32) {
      const Row* const row = plate.data + r * plate.n_columns;
      T latent[K];
#pragma unroll
      for (int k = 0; k < K; ++k)
        latent[k] = theta[plate.element[plate.first_element[k] + (plate.place[k] >= 0 ? r : 0)]];
      if (work.grad == nullptr) {
        value += static_cast<double>(density(row, static_cast<const T*>(latent)));
        continue;
      }
#pragma unroll
      for (int begin = 0; begin < K; begin += kWidth) {
        Dual<T, kWidth> variable[K];
#pragma unroll
        for (int k = 0; k < K; ++k) variable[k] = Dual<T, kWidth>::variable(latent[k], k - begin);
        const Dual<T, kWidth> out = density(row, static_cast<const Dual<T, kWidth>*>(variable));
        if (begin == 0) value += static_cast<double>(out.value);
#pragma unroll
        for (int i = 0; i < kWidth; ++i) {
          if (begin + i >= K) break;
          if (plate.place[begin + i] >= 0) {
            derivatives[plate.place[begin + i] * plate.n_rows + r] = out.derivative[i];
          } else {
            sum[begin + i] += static_cast<double>(out.derivative[i]);
          }
        }
      }
    }
    double* const to = work.partials + (s * n_parts + part) * (1 + K);
    value = sum_of_warp(value);
    if (lane == 0) to[0] = value;
    if (work.grad == nullptr) continue;
#pragma unroll
    for (int k = 0; k < K; ++k) {
      const double of_warp = sum_of_warp(sum[k]);
      if (lane == 0) to[1 + k] = of_warp;
    }
  }
}

template <class T, class Row>
__global__ void __launch_bounds__(kModelBlock, 1)
    gather_kernel(const DevicePlate<Row> plate, std::int64_t n_theta, const DeviceWork<T> work) {
  const std::int64_t i = std::int64_t{blockIdx.x} * (kModelBlock / 32) + threadIdx.x / 32;
  const unsigned lane = threadIdx.x % 32;
  if (i >= plate.n_owners) return;
  for (std::int64_t s = blockIdx.y; s < work.n_draws; s += gridDim.y) {
    const T* const derivatives = work.derivatives + s * plate.n_places * plate.n_rows;
    double sum = 0;
    for (std::int64_t e = plate.first_entry[i] + lane; e < plate.first_entry[i + 1]; e += 32)
      sum += static_cast<double>(derivatives[plate.entry[e]]);
    sum = sum_of_warp(sum);
    if (lane == 0) work.gradient[s * n_theta + plate.owner[i]] += sum;
  }
}

template <class T, int K, class Row>
__global__ void __launch_bounds__(kModelBlock, 1)
    totals_kernel(const DevicePlate<Row> plate, std::int64_t n_theta, const DeviceWork<T> work) {
  if (blockIdx.x != 0 || threadIdx.x >= 32) return;
  const unsigned lane = threadIdx.x;
  const std::int64_t n_parts = (plate.n_rows + kRowsOfAWarp - 1) / kRowsOfAWarp;
  for (std::int64_t s = blockIdx.y; s < work.n_draws; s += gridDim.y) {
    const double* const partials = work.partials + s * n_parts * (1 + K);
    for (int k = 0; k <= K; ++k) {
      if (k > 0 && (work.grad == nullptr || plate.place[k - 1] >= 0)) continue;
      double sum = 0;
      for (std::int64_t p = lane; p < n_parts; p += 32) sum += partials[p * (1 + K) + k];
      sum = sum_of_warp(sum);
      if (lane != 0) continue;
      if (k == 0) {
        work.value[s] += sum;
      } else {
        work.gradient[s * n_theta + plate.element[plate.first_element[k - 1]]] += sum;
      }
    }
  }
}

// grad_z = (d theta / d z)' grad_theta + the gradient of log |d theta / d z|, a coordinate of z at a time.
template <class T>
__global__ void __launch_bounds__(kModelBlock, 1)
    pull_back_kernel(const DeviceParameters parameters, const DeviceWork<T> work) {
  const std::int64_t s = std::int64_t{blockIdx.x} * kModelBlock + threadIdx.x;
  if (s >= work.n_draws) return;
  work.logp[s] = static_cast<T>(work.value[s]);
  if (work.grad == nullptr) return;
  Dual<T, 1>* const variable = work.steps + s * (parameters.most_z + parameters.most_theta);
  Dual<T, 1>* const moved = variable + parameters.most_z;
  for (std::int64_t b = 0; b < parameters.n_blocks; ++b) {
    const ParameterBlock block = parameters.blocks[b];
    const std::int64_t n_z = transform::n_unconstrained(block.constraint, block.size);
    const std::int64_t n_theta = transform::n_constrained(block.constraint, block.size);
    for (std::int64_t i = 0; i < block.count; ++i) {
      const std::int64_t z_place = s * parameters.n_z + block.z_offset + i * n_z;
      const double* const gradient = work.gradient + s * parameters.n_theta + block.theta_offset + i * n_theta;
      for (std::int64_t j = 0; j < n_z; ++j) {
        for (std::int64_t l = 0; l < n_z; ++l) variable[l] = Dual<T, 1>::variable(work.z[z_place + l], l == j ? 0 : -1);
        const Dual<T, 1> log_jacobian =
            transform::constrain_one(block, static_cast<const Dual<T, 1>*>(variable), moved);
        double sum = static_cast<double>(log_jacobian.derivative[0]);
        for (std::int64_t l = 0; l < n_theta; ++l) sum += gradient[l] * static_cast<double>(moved[l].derivative[0]);
        work.grad[z_place + j] = static_cast<T>(sum);
      }
    }
  }
}

#pragma GCC visibility pop

}  // namespace velbo::internal
