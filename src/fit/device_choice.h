// fit/device_choice.h - where a fit runs when nobody said it.
#pragma once
#include <string>

#include "fit/choices.h"
#include "models/glm_data.h"

namespace velbo::internal {

// What Choices says of the device.
struct DeviceChoice {
  Device device;
  bool streamed = false;
  std::string reason;
};

// `auto`: a CUDA device where there is one that can be used, and the fit is expected to take less than half the time there;
// else the CPU.  Where the device has no room for the rows, they are streamed, at the bus's rate in every pass.  The
// expectation is made of documented rates (device_choice.cpp), not of a measurement.  Of `so_far`, family, rank and scalar
// count.
DeviceChoice choose_device(const GlmData& data, const Choices& so_far, int threads);

// Throws Error(memory) with the bytes needed and free where choices.device has no room for the rows, and Error(device)
// where it cannot be used.
void require_room(const GlmData& data, const Choices& choices);

}  // namespace velbo::internal
