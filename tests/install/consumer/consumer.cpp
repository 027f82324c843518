// A program outside velbo's tree that uses the library as its users do.
//
//   consumer [plugin]     with `plugin`: the CUDA plugin has to be found
#include <velbo/velbo.h>

#include <cmath>
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

  // A fit, through the public headers alone.
  velbo::Table table;
  table.add_numbers("x", {-2, -1, -0.5, 0, 0.5, 1, 2, 3});
  table.add_numbers("y", {0, 0, 1, 0, 1, 0, 1, 1});
  const velbo::Fit fit = velbo::fit(velbo::Glm("y ~ x", velbo::Likelihood::bernoulli, table));
  std::printf("%s\n", fit.summary.brief_report().c_str());
  if (!fit.summary.converged() || !(fit.summary.parameters[1].mean > 0)) return 1;
  try {
    velbo::Glm("y ~ nonsense", velbo::Likelihood::bernoulli, table);
    return 1;
  } catch (const velbo::Error& error) {  // the type must cross the library's boundary
    std::printf("%s\n", error.what());
  }
  return 0;
}
