// VELBO_CUDA_PLUGIN chooses the plugin of the whole process, from whichever thread the first question comes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>
#include <vector>

#include "velbo/device.h"
#include "velbo/error.h"

namespace velbo {
namespace {

// Before main(), because the first call of devices() reads it for good.
const int chosen = setenv("VELBO_CUDA_PLUGIN", VELBO_FAKE_PLUGINS "/three_devices.so", 1);

TEST(PluginChoice, TheEnvironmentNamesThePlugin) {
  ASSERT_EQ(chosen, 0);
  const std::vector<DeviceInfo> all = devices();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].device.kind, DeviceKind::cpu);
  EXPECT_EQ(all[1].name, "Fake 0");
  EXPECT_NO_THROW(require_usable(parse_device("cpu")));
  EXPECT_NO_THROW(require_usable(parse_device("cuda")));
  EXPECT_THROW(require_usable(parse_device("cuda:1")), Error);
}

TEST(PluginChoice, ManyThreadsMayAskFirst) {
  std::vector<std::vector<DeviceInfo>> answers(8);
  std::vector<std::thread> threads;
  for (std::vector<DeviceInfo>& answer : answers) threads.emplace_back([&answer] { answer = devices(); });
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<DeviceInfo>& answer : answers) {
    ASSERT_EQ(answer.size(), 4u);
    EXPECT_EQ(answer[1].name, "Fake 0");
  }
}

}  // namespace
}  // namespace velbo
