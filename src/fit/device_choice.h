// fit/device_choice.h - where a fit runs when nobody said it.
#pragma once
#include <string>

#include "models/glm_data.h"
#include "velbo/family.h"
#include "velbo/fit.h"

namespace velbo::internal {

struct DeviceChoice {
  Device device;
  std::string reason;
};

// `auto`: a CUDA device where there is one that can be used, the data fit, and the fit is expected to take less than half the
// time there; else the CPU.  The expectation is made of documented rates (device_choice.cpp), not of a measurement.
DeviceChoice choose_device(const GlmData& data, FamilyKind family, Scalar scalar, int threads);

}  // namespace velbo::internal
