// The emulated plugin's operations of hidden Markov models.
#include "device_sequences.cuh"
#include "emulator/plugin_device.h"

namespace velbo::kernels {

const internal::DeviceSequences<float> sequences_float = device_sequences<float, Emulator>;
const internal::DeviceSequences<double> sequences_double = device_sequences<double, Emulator>;

}  // namespace velbo::kernels
