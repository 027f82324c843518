// device_model/load_models.h - the models of models.h, from the binary for the device under test.
#pragma once
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "device_model/models.h"
#include "ops/device.h"

namespace velbo::internal {

// Compiled for the emulator or by nvcc; beside this program, which a build may be moved with.
inline std::filesystem::path models_file() {
  const std::filesystem::path folder = std::filesystem::canonical("/proc/self/exe").parent_path() / "plugins";
  return folder / (emulated() ? "emulated_models.so" : "cuda_models.so");
}

template <class Function>
Function* function_of_models(const char* symbol) {
  static void* const library = dlopen(models_file().c_str(), RTLD_NOW | RTLD_LOCAL);  // and never closed
  if (library == nullptr) {
    ADD_FAILURE() << dlerror();
    return nullptr;
  }
  return reinterpret_cast<Function*>(dlsym(library, symbol));
}

// As it comes over the boundary; all zeros, and a failure of the test, if it does not.
inline VelboDeviceModel load_model(const std::string& name) {
  VelboDeviceModel model{};
  const auto get = function_of_models<VelboTestModel>(VELBO_TEST_MODEL_SYMBOL);
  if (get == nullptr || get(name.c_str(), &model) != 0) ADD_FAILURE() << "no model " << name << " in " << models_file();
  return model;
}

// Skips where there is no such device, or no models for it; the emulator is always there.
class OnModelsDevice : public CudaTest {
 protected:
  void SetUp() override {
    CudaTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    if (!std::filesystem::exists(models_file())) GTEST_SKIP() << "this velbo was built without CUDA";
  }
};

}  // namespace velbo::internal
