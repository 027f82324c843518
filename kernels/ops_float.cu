// The operations for float, in a file of their own so that they compile beside the others.
#include "cuda_device.cuh"
#include "device_ops.cuh"

namespace velbo::kernels {

const internal::DeviceOps<float> ops_float = device_ops<float, CudaDevice>;

}  // namespace velbo::kernels
