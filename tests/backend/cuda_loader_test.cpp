// Each way in which the CUDA plugin can be of no use has its own message.
#include "backend/cuda_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "backend/devices.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

std::string fake(const std::string& name) { return std::string(VELBO_FAKE_PLUGINS) + "/" + name + ".so"; }

// What require_usable() says of `device` where only `plugin` is there; "" if it is usable.
std::string complaint(const Device& device, const CudaPlugin& plugin) {
  std::vector<DeviceInfo> all{cpu_info()};
  for (const DeviceInfo& info : cuda_devices(plugin)) all.push_back(info);
  try {
    require_usable(device, all);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::device);
    return error.what();
  }
}

// The one unusable entry that stands for a missing CUDA.
void expect_only_reason(const CudaPlugin& plugin, const testing::Matcher<std::string>& reason) {
  const std::vector<DeviceInfo> cuda = cuda_devices(plugin);
  ASSERT_EQ(cuda.size(), 1u);
  EXPECT_EQ(cuda[0].device, (Device{DeviceKind::cuda, 0}));
  EXPECT_FALSE(cuda[0].usable);
  EXPECT_THAT(cuda[0].reason, reason);
  EXPECT_THAT(complaint({DeviceKind::cuda, 0}, plugin), StartsWith("device cuda:0 is not usable: "));
  EXPECT_THAT(complaint({DeviceKind::cuda, 0}, plugin), EndsWith(cuda[0].reason));
  EXPECT_THAT(complaint({DeviceKind::cuda, 3}, plugin), EndsWith(cuda[0].reason));
  EXPECT_EQ(complaint({DeviceKind::cpu, 0}, plugin), "");
}

TEST(CudaLoader, BuiltWithoutCuda) {
  const CudaPlugin plugin = load_cuda_plugin("", /*built_with_cuda=*/false);
  EXPECT_EQ(plugin.table, nullptr);
  expect_only_reason(plugin, "this velbo was built without CUDA");
}

TEST(CudaLoader, FileIsMissing) {
  const CudaPlugin plugin = load_cuda_plugin(fake("does_not_exist"), true);
  EXPECT_EQ(plugin.table, nullptr);
  expect_only_reason(plugin, AllOf(StartsWith("the CUDA plugin could not be loaded: "),
                                   HasSubstr("does_not_exist.so: cannot open shared object file")));
}

TEST(CudaLoader, FileIsNoLibrary) {
  const CudaPlugin plugin = load_cuda_plugin(__FILE__, true);
  EXPECT_EQ(plugin.table, nullptr);
  expect_only_reason(plugin, AllOf(StartsWith("the CUDA plugin could not be loaded: "), HasSubstr(__FILE__)));
}

TEST(CudaLoader, FileHasNotTheSymbol) {
  const CudaPlugin plugin = load_cuda_plugin(fake("no_symbol"), true);
  EXPECT_EQ(plugin.table, nullptr);
  expect_only_reason(plugin, AllOf(HasSubstr(fake("no_symbol")), HasSubstr("no symbol velbo_cuda_plugin")));
}

TEST(CudaLoader, PluginIsOfAnotherVersion) {
  const CudaPlugin abi = load_cuda_plugin(fake("wrong_abi"), true);
  EXPECT_EQ(abi.table, nullptr);
  expect_only_reason(abi, AllOf(HasSubstr("belongs to another version of velbo"),
                                HasSubstr("is number " + std::to_string(VELBO_CUDA_PLUGIN_ABI + 7)),
                                HasSubstr("this library's is number " + std::to_string(VELBO_CUDA_PLUGIN_ABI))));

  const CudaPlugin size = load_cuda_plugin(fake("wrong_size"), true);
  EXPECT_EQ(size.table, nullptr);
  expect_only_reason(size, HasSubstr("belongs to another version of velbo"));
}

TEST(CudaLoader, DriverIsMissing) {
  const CudaPlugin plugin = load_cuda_plugin(fake("no_driver"), true);
  EXPECT_NE(plugin.table, nullptr);
  expect_only_reason(plugin, "the reason of the fake");
}

TEST(CudaLoader, DriverFindsNoDevice) {
  const CudaPlugin plugin = load_cuda_plugin(fake("no_device"), true);
  EXPECT_NE(plugin.table, nullptr);
  expect_only_reason(plugin, "the CUDA driver finds no device");
}

TEST(CudaLoader, DevicesAreDescribedEachForItself) {
  // A file that is named counts also where velbo was built without CUDA.
  const CudaPlugin plugin = load_cuda_plugin(fake("three_devices"), /*built_with_cuda=*/false);
  EXPECT_EQ(plugin.reason, "");
  const std::vector<DeviceInfo> cuda = cuda_devices(plugin);
  ASSERT_EQ(cuda.size(), 3u);

  EXPECT_EQ(cuda[0].device, (Device{DeviceKind::cuda, 0}));
  EXPECT_TRUE(cuda[0].usable);
  EXPECT_EQ(cuda[0].reason, "");
  EXPECT_EQ(cuda[0].name, "Fake 0");
  EXPECT_EQ(cuda[0].memory_bytes, std::int64_t{16} << 30);
  EXPECT_EQ(cuda[0].compute_major, 9);
  EXPECT_EQ(cuda[0].compute_minor, 0);
  EXPECT_EQ(cuda[0].multiprocessors, 132);

  EXPECT_EQ(cuda[1].device, (Device{DeviceKind::cuda, 1}));
  EXPECT_FALSE(cuda[1].usable);
  EXPECT_EQ(cuda[1].reason, "its compute capability is 6.1, and this velbo has code for 7.5, 9.0");

  EXPECT_EQ(cuda[2].device, (Device{DeviceKind::cuda, 2}));
  EXPECT_FALSE(cuda[2].usable);
  EXPECT_EQ(cuda[2].reason, "the reason of the fake");

  EXPECT_EQ(complaint({DeviceKind::cuda, 0}, plugin), "");
  EXPECT_EQ(complaint({DeviceKind::cuda, 1}, plugin), "device cuda:1 is not usable: " + cuda[1].reason);
  EXPECT_EQ(complaint({DeviceKind::cuda, 2}, plugin), "device cuda:2 is not usable: the reason of the fake");
  EXPECT_EQ(complaint({DeviceKind::cuda, 3}, plugin),
            "device cuda:3 is not usable: there is no such device (there are cuda:0 to cuda:2)");
  EXPECT_EQ(complaint({DeviceKind::cpu, 1}, plugin), "device cpu is not usable: there is only one CPU device");
}

}  // namespace
}  // namespace velbo::internal
