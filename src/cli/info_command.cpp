#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/output.h"
#include "velbo/device.h"
#include "velbo/version.h"

namespace velbo::cli {
namespace {

using Json = nlohmann::ordered_json;

Json device_to_json(const DeviceInfo& info) {
  Json json = {{"device", to_string(info.device)},
               {"name", info.name},
               {"usable", info.usable},
               {"reason", info.reason},
               {"memory_bytes", info.memory_bytes}};
  if (info.device.kind == DeviceKind::cpu) {
    json["logical_cores"] = info.logical_cores;
    json["instruction_set"] = info.instruction_set;
  } else {
    json["compute_capability"] = fmt::format("{}.{}", info.compute_major, info.compute_minor);
    json["multiprocessors"] = info.multiprocessors;
  }
  return json;
}

std::string as_json() {
  const BuildInfo build = build_info();
  Json json = {{"schema", 1},
               {"velbo_version", build.version},
               {"build",
                {{"compiler", build.compiler},
                 {"build_type", build.build_type},
                 {"processor", build.processor},
                 {"cuda_version", build.cuda_version.empty() ? Json(nullptr) : Json(build.cuda_version)}}},
               {"devices", Json::array()}};
  for (const DeviceInfo& info : devices()) json["devices"].push_back(device_to_json(info));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string details(const DeviceInfo& info) {
  if (!info.usable) return "not usable: " + info.reason;
  constexpr double gib = 1024.0 * 1024 * 1024;
  std::string text = info.name;
  if (info.device.kind == DeviceKind::cpu) {
    text += fmt::format(", {} threads, {}", info.logical_cores, info.instruction_set);
  } else {
    text += fmt::format(", compute capability {}.{}, {} multiprocessors", info.compute_major, info.compute_minor,
                        info.multiprocessors);
  }
  if (info.memory_bytes > 0) text += fmt::format(", {:.1f} GiB", static_cast<double>(info.memory_bytes) / gib);
  return text;
}

std::string as_text() {
  const BuildInfo build = build_info();
  std::string out = fmt::format("velbo {}\n", build.version);
  out += fmt::format("{:<9} {}, {} build, {}, {}\n", "built", build.compiler, build.build_type, build.processor,
                     build.cuda_version.empty() ? "without CUDA" : "CUDA " + build.cuda_version);
  for (const DeviceInfo& info : devices()) out += fmt::format("{:<9} {}\n", to_string(info.device), details(info));
  return out;
}

}  // namespace

void add_info(CLI::App& program, Action& action) {
  CLI::App* command =
      program.add_subcommand("info", "Version, build, and the devices found or why they are not usable");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  command->callback([&action, json] {
    action = [json] {
      write_stdout(*json ? as_json() : as_text());
      return success;
    };
  });
}

}  // namespace velbo::cli
