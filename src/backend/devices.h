// backend/devices.h - the parts of devices() that tests call by themselves.
#pragma once
#include <vector>

#include "backend/cuda_loader.h"
#include "velbo/device.h"

namespace velbo::internal {

DeviceInfo cpu_info();

// The CUDA devices of `plugin`, or one unusable entry with the reason.  Never empty.
std::vector<DeviceInfo> cuda_devices(const CudaPlugin& plugin);

// Throws Error(device) with the reason unless `device` is in `all` and usable.
void require_usable(const Device& device, const std::vector<DeviceInfo>& all);

}  // namespace velbo::internal
