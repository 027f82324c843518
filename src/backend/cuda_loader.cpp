#include "backend/cuda_loader.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

namespace velbo::internal {
namespace {

namespace fs = std::filesystem;

constexpr const char* plugin_file_name = "libvelbo_cuda.so";

#if defined(VELBO_BUILT_WITH_CUDA)
constexpr bool built_with_cuda_plugin = true;
#else
constexpr bool built_with_cuda_plugin = false;
#endif

// The folder of the file that holds this function: libvelbo.so, or a program that velbo is linked into.
fs::path own_folder() {
  std::error_code error;
  Dl_info info{};
  fs::path file;
  if (dladdr(reinterpret_cast<const void*>(&own_folder), &info) != 0 && info.dli_fname != nullptr)
    file = info.dli_fname;
  // For the program itself the loader knows only the name that it was called by, which may be a bare word from the PATH.
  if (!file.has_parent_path() || !fs::exists(file, error)) file = fs::read_symlink("/proc/self/exe", error);
  const fs::path real =
      fs::canonical(file, error);  // not through a link from elsewhere: the plugin is by the real file
  return (error ? file : real).parent_path();
}

// The plugin's table, or null and why.
const VelboCudaPlugin* table_of(void* library, const std::string& path, std::string& reason) {
  void* const symbol = dlsym(library, VELBO_CUDA_PLUGIN_SYMBOL);
  if (symbol == nullptr) {
    reason = "the file " + path + " is not a CUDA plugin of velbo: it has no symbol " VELBO_CUDA_PLUGIN_SYMBOL;
    return nullptr;
  }
  const auto* const table = reinterpret_cast<VelboCudaPluginFunction>(symbol)();
  if (table == nullptr || table->abi != VELBO_CUDA_PLUGIN_ABI || table->table_bytes != sizeof(VelboCudaPlugin)) {
    reason = "the CUDA plugin " + path + " belongs to another version of velbo (its interface is number " +
             (table == nullptr ? std::string("unknown") : std::to_string(table->abi)) + ", this library's is number " +
             std::to_string(VELBO_CUDA_PLUGIN_ABI) + ")";
    return nullptr;
  }
  return table;
}

}  // namespace

CudaPlugin load_cuda_plugin(const std::string& file, bool built_with_cuda) {
  if (file.empty() && !built_with_cuda) return {.reason = "this velbo was built without CUDA"};

  std::vector<std::string> candidates;
  if (!file.empty()) {
    candidates = {file};
  } else {
    const fs::path folder = own_folder();
    for (const fs::path& path : {folder / plugin_file_name, folder.parent_path() / "lib" / plugin_file_name}) {
      std::error_code error;
      if (fs::exists(path, error)) candidates.push_back(path.string());
    }
    if (candidates.empty()) candidates = {plugin_file_name};
  }

  CudaPlugin plugin;
  for (const std::string& path : candidates) {
    plugin.path = path;
    // Own symbols only: the CUDA runtime inside must not mix with another one that the program may have.
    void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      const char* const why = dlerror();
      plugin.reason = std::string("the CUDA plugin could not be loaded: ") + (why != nullptr ? why : path);
      continue;
    }
    plugin.table = table_of(library, path, plugin.reason);
    if (plugin.table != nullptr) {
      plugin.reason.clear();
      return plugin;
    }
  }
  return plugin;
}

const CudaPlugin& cuda_plugin() {
  static const CudaPlugin plugin = [] {
    const char* const file = std::getenv("VELBO_CUDA_PLUGIN");
    return load_cuda_plugin(file != nullptr ? file : "", built_with_cuda_plugin);
  }();
  return plugin;
}

}  // namespace velbo::internal
