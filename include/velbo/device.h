// velbo/device.h - which processors there are and how to name one.
//
//   for (const velbo::DeviceInfo& info : velbo::devices())
//     std::cout << velbo::to_string(info.device) << ": " << (info.usable ? info.name : info.reason) << "\n";
//
// A device that was asked for and is not usable is an error (ErrorCode::device) that says why; nothing ever falls back
// to the CPU by itself.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "velbo/export.h"

namespace velbo {

enum class DeviceKind { cpu, cuda };

struct Device {
  DeviceKind kind = DeviceKind::cpu;
  int index = 0;  // which of that kind, from 0; there is one CPU device: all its cores

  friend bool operator==(const Device&, const Device&) = default;
};

// Reads "cpu", "cuda" (the first CUDA device) or "cuda:N".  Throws Error(argument) for anything else.  Does not look
// whether there is such a device: require_usable() does.
VELBO_EXPORT Device parse_device(std::string_view text);

// The name that parse_device() reads: "cpu", "cuda:0", "cuda:1".
VELBO_EXPORT std::string to_string(const Device& device);

// What is known of a device.  Fields that do not apply to its kind, or could not be found out, are 0 or empty.
struct DeviceInfo {
  Device device;
  std::string name;  // the model: "AMD EPYC 9654", "NVIDIA H100"
  bool usable = false;
  std::string reason;             // why it is not usable; empty if it is
  std::int64_t memory_bytes = 0;  // all of its memory, in use or not

  // The CPU only.
  int logical_cores = 0;        // that this process may run on
  std::string instruction_set;  // "x86-64-v1", "x86-64-v3" (AVX2), "x86-64-v4" (AVX-512), "aarch64": the highest level
                                // that velbo has code for and the processor runs

  // CUDA only.
  int compute_major = 0;  // compute capability, e.g. 9.0
  int compute_minor = 0;
  int multiprocessors = 0;
};

// Every device of this computer: the CPU first, then CUDA devices by index.  Where no CUDA device can be used there is
// one unusable entry, cuda:0, whose reason says what is missing: velbo built without CUDA, the plugin's file, a plugin
// of another version, the driver, a device.
//
// The first call looks for the CUDA plugin (libvelbo_cuda.so) and loads it: next to libvelbo, else in ../lib from there,
// else where the system's loader looks.  The environment variable VELBO_CUDA_PLUGIN, read once, names another file
// to load instead.  Any thread may call it.
VELBO_EXPORT std::vector<DeviceInfo> devices();

// Throws Error(device) with the reason unless `device` is there and usable.
VELBO_EXPORT void require_usable(const Device& device);

}  // namespace velbo
