// The operations of Gaussian mixtures.
#include "cuda_device.cuh"
#include "device_mixtures.cuh"

namespace velbo::kernels {

const internal::DeviceMixtures<float> mixtures_float = device_mixtures<float, CudaDevice>;
const internal::DeviceMixtures<double> mixtures_double = device_mixtures<double, CudaDevice>;

}  // namespace velbo::kernels
