// The real plugin on the real machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "backend/cuda_loader.h"
#include "velbo/device.h"
#include "velbo/version.h"

namespace velbo {
namespace {

TEST(CudaPlugin, IsFoundBesideTheLibraryAndLoads) {
  if (build_info().cuda_version.empty()) GTEST_SKIP() << "this velbo was built without CUDA";
  const internal::CudaPlugin& plugin = internal::cuda_plugin();
  ASSERT_EQ(plugin.reason, "");
  EXPECT_TRUE(std::filesystem::path(plugin.path).is_absolute()) << plugin.path;
  EXPECT_EQ(std::filesystem::path(plugin.path).filename(), "libvelbo_cuda.so");
}

TEST(CudaPlugin, FindsDevicesOrSaysWhyNot) {
  const std::vector<DeviceInfo> all = devices();
  ASSERT_GE(all.size(), 2u);
  for (std::size_t i = 1; i < all.size(); ++i) {
    EXPECT_EQ(all[i].device, (Device{DeviceKind::cuda, static_cast<int>(i) - 1}));
    EXPECT_EQ(all[i].usable, all[i].reason.empty()) << all[i].reason;
  }
  // Where the kernel module is not loaded there is no driver, whatever else there is.
  if (!build_info().cuda_version.empty() && !std::filesystem::exists("/proc/driver/nvidia/version") &&
      !std::filesystem::exists("/dev/dxg")) {
    EXPECT_THAT(all[1].reason, testing::AnyOf("no CUDA driver is installed (libcuda.so.1)",
                                              "the CUDA driver finds no device", testing::HasSubstr("cudaError")));
  }
}

TEST(CudaPlugin, DescribesTheDevice) {
  const DeviceInfo gpu = devices()[1];
  if (!gpu.usable) GTEST_SKIP() << gpu.reason;
  EXPECT_NE(gpu.name, "");
  EXPECT_GT(gpu.memory_bytes, std::int64_t{1} << 30);
  EXPECT_GE(gpu.compute_major * 10 + gpu.compute_minor, 75);
  EXPECT_GT(gpu.multiprocessors, 0);
  EXPECT_NO_THROW(require_usable(gpu.device));
}

}  // namespace
}  // namespace velbo
