// The emulated plugin's operations of Gaussian mixtures.
#include "device_mixtures.cuh"
#include "emulator/plugin_device.h"

namespace velbo::kernels {

const internal::DeviceMixtures<float> mixtures_float = device_mixtures<float, Emulator>;
const internal::DeviceMixtures<double> mixtures_double = device_mixtures<double, Emulator>;

}  // namespace velbo::kernels
