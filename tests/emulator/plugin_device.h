// emulator/plugin_device.h - the emulator as the device of the plugin's tables, which are compiled beside each other.
#pragma once
#include <string>

#include "device_steps.cuh"
#include "reported.cuh"

namespace velbo::kernels {

inline thread_local std::string last_reason_text;

struct Emulator {
  using Repetition = LaunchedSteps;

  static Launch open(int) { return {}; }
  static int report(const Failure& failure) {
    last_reason_text = cudaGetErrorString(failure.error);
    return failure.error;
  }
};

}  // namespace velbo::kernels
