// The operations of topic models, for float and double.
#include "cuda_device.cuh"
#include "device_topics.cuh"

namespace velbo::kernels {

const internal::DeviceTopics<float> topics_float = device_topics<float, CudaDevice>;
const internal::DeviceTopics<double> topics_double = device_topics<double, CudaDevice>;

}  // namespace velbo::kernels
