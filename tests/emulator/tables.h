// emulator/tables.h - what the sources of the emulated plugin share: each has a table of its own, so that they compile side by side.
#pragma once
#include "backend/device_topics.h"
#include "emulator/runtime.h"

namespace velbo::simt {

// Remembers the reason, and returns what a table's function returns.
int report_failure(cudaError_t error);

extern const internal::DeviceTopicOps<float> topics_float;
extern const internal::DeviceTopicOps<double> topics_double;

}  // namespace velbo::simt
