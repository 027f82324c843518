// Lists the devices; exit status 0 if one of them is a usable GPU, 3 if not.
#include <cstdio>

#include "velbo/device.h"

int main() {
  bool any = false;
  for (const velbo::DeviceInfo& info : velbo::devices()) {
    any = any || (info.usable && info.device.kind == velbo::DeviceKind::cuda);
    std::printf("%-8s %s%s%s\n", velbo::to_string(info.device).c_str(), info.name.c_str(),
                info.usable ? "" : "not usable: ", info.reason.c_str());
  }
  return any ? 0 : 3;
}
