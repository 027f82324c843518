// A program outside velbo's tree that uses the library as its users do.
//
//   consumer [plugin]     with `plugin`: the CUDA plugin has to be found
#include <velbo/device.h>
#include <velbo/version.h>

#include <cstdio>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  const velbo::BuildInfo build = velbo::build_info();
  std::printf("velbo %s, built by %s (%s)\n", velbo::version(), build.compiler.c_str(), build.build_type.c_str());

  const std::vector<velbo::DeviceInfo> devices = velbo::devices();
  for (const velbo::DeviceInfo& info : devices) {
    std::printf("%s: %s%s\n", velbo::to_string(info.device).c_str(), info.name.c_str(), info.reason.c_str());
  }
  if (devices.size() < 2 || !devices[0].usable) return 1;

  const bool wants_plugin = argc > 1 && std::string(argv[1]) == "plugin";
  const bool lacks_plugin = devices[1].reason.find("could not be loaded") != std::string::npos ||
                            devices[1].reason.find("without CUDA") != std::string::npos;
  if (wants_plugin && lacks_plugin) {
    std::printf("the CUDA plugin was not found\n");
    return 1;
  }
  return 0;
}
