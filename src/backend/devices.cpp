#include "backend/devices.h"

#include <unistd.h>

#include <charconv>
#include <fstream>
#include <string>
#include <thread>

#include "backend/cpu_isa.h"
#include "velbo/error.h"

namespace velbo {
namespace {

// The value of the first line `key : value` in /proc/cpuinfo, or "".
std::string from_cpuinfo(std::string_view key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::size_t first = line.find_first_not_of(" \t", colon + 1);
    return first == std::string::npos ? "" : line.substr(first);
  }
  return "";
}

DeviceInfo unusable_cuda(std::string reason, int index = 0) {
  DeviceInfo info;
  info.device = {DeviceKind::cuda, index};
  info.reason = std::move(reason);
  return info;
}

}  // namespace

Device parse_device(std::string_view text) {
  if (text == "cpu") return {DeviceKind::cpu, 0};
  if (text == "cuda") return {DeviceKind::cuda, 0};
  constexpr std::string_view prefix = "cuda:";
  if (text.starts_with(prefix)) {
    const std::string_view digits = text.substr(prefix.size());
    int index = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    // from_chars takes a minus sign, and "cuda:-1" is no device.
    if (error == std::errc() && end == digits.data() + digits.size() && index >= 0 && digits.front() != '-')
      return {DeviceKind::cuda, index};
  }
  throw Error(ErrorCode::argument, "device \"" + std::string(text) + "\" is not one of cpu, cuda, cuda:N");
}

std::string to_string(const Device& device) {
  return device.kind == DeviceKind::cpu ? "cpu" : "cuda:" + std::to_string(device.index);
}

DeviceInfo internal::cpu_info() {
  DeviceInfo info;
  info.device = {DeviceKind::cpu, 0};
  info.instruction_set = name_of(supported_cpu_isa());
  info.name = from_cpuinfo("model name");
  if (info.name.empty()) info.name = info.instruction_set;  // ARM kernels do not name the model
  info.usable = true;
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGE_SIZE);
  if (pages > 0 && page_bytes > 0) info.memory_bytes = std::int64_t{pages} * page_bytes;
  info.logical_cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return info;
}

std::vector<DeviceInfo> internal::cuda_devices(const CudaPlugin& plugin) {
  if (plugin.table == nullptr) return {unusable_cuda(plugin.reason)};
  const VelboCudaPlugin& table = *plugin.table;

  int count = 0;
  if (table.device_count(&count) != 0) return {unusable_cuda(table.last_reason())};
  if (count <= 0) return {unusable_cuda("the CUDA driver finds no device")};

  std::vector<DeviceInfo> result;
  for (int index = 0; index < count; ++index) {
    VelboCudaDeviceInfo found{};
    if (table.device_info(index, &found) != 0) {
      result.push_back(unusable_cuda(table.last_reason(), index));
      continue;
    }
    DeviceInfo info;
    info.device = {DeviceKind::cuda, index};
    info.name = found.name;
    info.memory_bytes = found.memory_bytes;
    info.compute_major = found.compute_major;
    info.compute_minor = found.compute_minor;
    info.multiprocessors = found.multiprocessors;
    info.usable = found.has_code != 0;
    if (!info.usable) {
      info.reason = "its compute capability is " + std::to_string(found.compute_major) + "." +
                    std::to_string(found.compute_minor) + ", and this velbo has code for " + found.code_for;
    }
    result.push_back(std::move(info));
  }
  return result;
}

std::vector<DeviceInfo> devices() {
  // Asked once: neither the hardware nor the driver changes under a running process.
  static const std::vector<DeviceInfo> all = [] {
    std::vector<DeviceInfo> result{internal::cpu_info()};
    for (DeviceInfo& info : internal::cuda_devices(internal::cuda_plugin())) result.push_back(std::move(info));
    return result;
  }();
  return all;
}

void internal::require_usable(const Device& device, const std::vector<DeviceInfo>& all) {
  int count = 0;  // devices of that kind
  bool any_usable = false;
  std::string reason;  // why the last of them is not usable
  for (const DeviceInfo& info : all) {
    if (info.device.kind != device.kind) continue;
    ++count;
    any_usable = any_usable || info.usable;
    reason = info.reason;
    if (info.device == device) {
      if (info.usable) return;
      throw Error(ErrorCode::device, "device " + to_string(device) + " is not usable: " + info.reason);
    }
  }
  if (device.kind == DeviceKind::cpu) {
    reason = "there is only one CPU device";
  } else if (any_usable) {
    reason = "there is no such device (there are cuda:0 to cuda:" + std::to_string(count - 1) + ")";
  }
  throw Error(ErrorCode::device, "device " + to_string(device) + " is not usable: " + reason);
}

void require_usable(const Device& device) { internal::require_usable(device, devices()); }

}  // namespace velbo
