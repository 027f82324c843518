// The version and how this library was built; the VELBO_* strings come from src/backend/CMakeLists.txt.
#include "velbo/version.h"

#define VELBO_STRING_OF(x) #x
#define VELBO_STRING(x) VELBO_STRING_OF(x)

namespace velbo {

const char* version() noexcept {
  return VELBO_STRING(VELBO_VERSION_MAJOR) "." VELBO_STRING(VELBO_VERSION_MINOR) "." VELBO_STRING(VELBO_VERSION_PATCH);
}

BuildInfo build_info() {
  return {.version = version(),
          .compiler = VELBO_COMPILER,
          .build_type = VELBO_BUILD_TYPE,
          .processor = VELBO_PROCESSOR,
          .cuda_version = VELBO_CUDA_VERSION};
}

}  // namespace velbo
