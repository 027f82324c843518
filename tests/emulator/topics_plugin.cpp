// The emulated plugin's operations of topic models.
#include "device_topics.cuh"
#include "emulator/plugin_device.h"

namespace velbo::kernels {

const internal::DeviceTopics<float> topics_float = device_topics<float, Emulator>;
const internal::DeviceTopics<double> topics_double = device_topics<double, Emulator>;

}  // namespace velbo::kernels
