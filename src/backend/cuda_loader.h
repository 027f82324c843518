// backend/cuda_loader.h - finds and loads the CUDA plugin.
#pragma once
#include <string>

#include "backend/cuda_plugin.h"

namespace velbo::internal {

// The outcome: the plugin's table, or why there is none.  A table does not mean that there is a device.
struct CudaPlugin {
  const VelboCudaPlugin* table = nullptr;
  std::string reason = {};  // empty if and only if table is set
  std::string path = {};    // the file that was loaded or tried last; empty if none was looked for
};

// Loads the plugin.  `file`, if not empty, is loaded and no other.  Otherwise, if `built_with_cuda`, the file is looked
// for next to this library, in ../lib from there, and where the system's loader looks.
//
// A plugin that was loaded stays loaded: the CUDA runtime inside it does not survive being unloaded.
CudaPlugin load_cuda_plugin(const std::string& file, bool built_with_cuda);

// The plugin of this process, loaded by the first call: load_cuda_plugin($VELBO_CUDA_PLUGIN, as this library was built).
const CudaPlugin& cuda_plugin();

}  // namespace velbo::internal
