// The operations of hidden Markov models.
#include "cuda_device.cuh"
#include "device_sequences.cuh"

namespace velbo::kernels {

const internal::DeviceSequences<float> sequences_float = device_sequences<float, CudaDevice>;
const internal::DeviceSequences<double> sequences_double = device_sequences<double, CudaDevice>;

}  // namespace velbo::kernels
