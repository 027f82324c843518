// velbo/version.h - which velbo this is.
//
// The three numbers below are the only place where the version is written: CMake, the package files and the program
// read them from here.
#pragma once
#include <string>

#include "velbo/export.h"

#define VELBO_VERSION_MAJOR 0
#define VELBO_VERSION_MINOR 1
#define VELBO_VERSION_PATCH 0

// One number that can be compared: 10203 is 1.2.3.
#define VELBO_VERSION (VELBO_VERSION_MAJOR * 10000 + VELBO_VERSION_MINOR * 100 + VELBO_VERSION_PATCH)

namespace velbo {

// The version of the library that is linked ("0.1.0"), which may be newer than these headers.
VELBO_EXPORT const char* version() noexcept;

// How the linked library was built, for bug reports and `velbo info`.
struct BuildInfo {
  std::string version;       // as version()
  std::string compiler;      // "GNU 12.2.0"
  std::string build_type;    // "Release"
  std::string processor;     // "x86_64"
  std::string cuda_version;  // of the toolkit that built the CUDA plugin, "13.0"; empty: built without CUDA
};
VELBO_EXPORT BuildInfo build_info();

}  // namespace velbo
