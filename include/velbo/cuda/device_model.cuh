// velbo/cuda/device_model.cuh - makes a VelboDeviceModel from a functor.  The one public header that needs nvcc.
//
//   struct Normal {
//     double mean;
//
//     // log p(z), up to a constant.  z [D]; gradient [D], to write, or null where it is not wanted.
//     template <class T>
//     __device__ T operator()(const T* z, T* gradient) const {
//       const T distance = z[0] - static_cast<T>(mean);
//       if (gradient != nullptr) gradient[0] = -distance;
//       return -distance * distance / 2;
//     }
//   };
//
//   static velbo::DeviceModel<float, Normal> model(Normal{0.5}, 1);
//   const VelboDeviceModel boundary = model.boundary();
//
// One thread evaluates one draw, so this is for models of a few latents and many draws, or of little work; a model that
// goes over data in parallel is a VelboDeviceModel by hand.
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "velbo/device_model.h"

namespace velbo {
namespace internal {

inline constexpr unsigned kDeviceModelBlock = 128;

// Hidden, or two binaries with the same functor could launch each other's kernel, which their runtimes do not know.
#pragma GCC visibility push(hidden)

template <class T, class Functor>
__global__ void __launch_bounds__(kDeviceModelBlock)
    evaluate_draws(const __grid_constant__ Functor functor, std::int64_t n_draws, std::int64_t dimension, const T* z,
                   T* logp, T* grad) {
  const std::int64_t s = std::int64_t{blockIdx.x} * kDeviceModelBlock + threadIdx.x;
  if (s >= n_draws) return;
  T* const gradient = grad != nullptr ? grad + s * dimension : nullptr;
  logp[s] = functor(z + s * dimension, gradient);
}

#pragma GCC visibility pop

}  // namespace internal

// T: float or double.  The functor goes to the device by value, as an argument of the kernel; pointers in it are to device
// memory and stay the caller's.
template <class T, class Functor>
class DeviceModel {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "T is float or double");
  static_assert(std::is_trivially_copyable_v<Functor>, "the functor is copied to the device as the bytes that it is");
  static_assert(sizeof(Functor) <= std::size_t{3584},
                "a kernel has 4 KiB for its arguments: let a functor of more hold pointers to device memory");

 public:
  DeviceModel(const Functor& functor, std::int64_t dimension) : functor_(functor), dimension_(dimension) {}

  // To be used as long as this object is where it is.
  [[nodiscard]] VelboDeviceModel boundary() {
    VelboDeviceModel out{};
    out.abi = VELBO_DEVICE_MODEL_ABI;
    out.struct_bytes = sizeof(VelboDeviceModel);
    out.scalar = std::is_same_v<T, float> ? VELBO_SCALAR_FLOAT : VELBO_SCALAR_DOUBLE;
    out.dimension = dimension_;
    out.user = this;
    out.enqueue = enqueue;
    out.reason = reason;
    return out;
  }

 private:
  // The status is the launch's cudaError_t.
  static int enqueue(void* user, void* stream, std::int64_t n_draws, const void* z, void* logp, void* grad, void*) {
    const auto& model = *static_cast<const DeviceModel*>(user);
    cudaLaunchConfig_t config{};
    config.gridDim =
        dim3(static_cast<unsigned>((n_draws + internal::kDeviceModelBlock - 1) / internal::kDeviceModelBlock));
    config.blockDim = dim3(internal::kDeviceModelBlock);
    config.stream = static_cast<cudaStream_t>(stream);
    const cudaError_t error =
        cudaLaunchKernelEx(&config, internal::evaluate_draws<T, Functor>, model.functor_, n_draws, model.dimension_,
                           static_cast<const T*>(z), static_cast<T*>(logp), static_cast<T*>(grad));
    if (error != cudaSuccess) (void)cudaGetLastError();  // or an innocent later call of this binary would report it
    return static_cast<int>(error);
  }

  static const char* reason(void*, int status) { return cudaGetErrorString(static_cast<cudaError_t>(status)); }

  Functor functor_;
  std::int64_t dimension_;
};

}  // namespace velbo
