// The operations for double, in a file of their own so that they compile beside the others.
#include "cuda_device.cuh"
#include "device_ops.cuh"

namespace velbo::kernels {

const internal::DeviceOps<double> ops_double = device_ops<double, CudaDevice>;

}  // namespace velbo::kernels
