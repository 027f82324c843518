// Links the library as a user does and checks that headers and library are of one version.
#include <cstdio>
#include <string>

#include "velbo/version.h"

int main() {
  const std::string headers = std::to_string(VELBO_VERSION_MAJOR) + "." + std::to_string(VELBO_VERSION_MINOR) + "." +
                              std::to_string(VELBO_VERSION_PATCH);
  if (headers != velbo::version()) {
    std::printf("the headers are of version %s, the library is of version %s\n", headers.c_str(), velbo::version());
    return 1;
  }
  return 0;
}
