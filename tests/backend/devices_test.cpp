// Names of devices, and what is said of the CPU.
#include "backend/devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "backend/cuda_architectures.h"
#include "velbo/error.h"

namespace velbo {
namespace {

TEST(Devices, NamesAreRead) {
  EXPECT_EQ(parse_device("cpu"), (Device{DeviceKind::cpu, 0}));
  EXPECT_EQ(parse_device("cuda"), (Device{DeviceKind::cuda, 0}));
  EXPECT_EQ(parse_device("cuda:0"), (Device{DeviceKind::cuda, 0}));
  EXPECT_EQ(parse_device("cuda:17"), (Device{DeviceKind::cuda, 17}));
}

TEST(Devices, NamesAreWrittenAsTheyAreRead) {
  for (const char* name : {"cpu", "cuda:0", "cuda:3"}) EXPECT_EQ(to_string(parse_device(name)), name);
}

TEST(Devices, OtherNamesAreErrorsThatSayWhatIsAllowed) {
  for (const char* name : {"", "gpu", "CPU", "cpu:0", "cuda:", "cuda:-1", "cuda:+1", "cuda: 1", "cuda:1 ", "cuda:1x",
                           "cuda:99999999999", "auto"}) {
    try {
      parse_device(name);
      ADD_FAILURE() << "\"" << name << "\" was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::argument);
      EXPECT_EQ(error.what(), "device \"" + std::string(name) + "\" is not one of cpu, cuda, cuda:N");
    }
  }
}

TEST(Devices, TheCpuIsDescribed) {
  const DeviceInfo cpu = internal::cpu_info();
  EXPECT_EQ(cpu.device, (Device{DeviceKind::cpu, 0}));
  EXPECT_TRUE(cpu.usable);
  EXPECT_EQ(cpu.reason, "");
  EXPECT_NE(cpu.name, "");
  EXPECT_GE(cpu.logical_cores, 1);
  EXPECT_GT(cpu.memory_bytes, std::int64_t{1} << 26);
#if defined(__x86_64__)
  EXPECT_THAT(cpu.instruction_set, testing::AnyOf("x86-64-v1", "x86-64-v3", "x86-64-v4"));
#endif
}

TEST(Devices, CodeRunsOnTheSameMajorVersionAndPtxOnNewerOnes) {
  const int some[] = {750, 860, 900};
  const auto runs_on = [&](int major, int minor) { return internal::has_code_for(some, 3, major, minor); };
  EXPECT_FALSE(runs_on(7, 0));
  EXPECT_TRUE(runs_on(7, 5));
  EXPECT_FALSE(runs_on(8, 0));  // 8.6 code does not run on 8.0, and the PTX is for 9.0
  EXPECT_TRUE(runs_on(8, 6));
  EXPECT_TRUE(runs_on(8, 9));
  EXPECT_TRUE(runs_on(9, 0));
  EXPECT_TRUE(runs_on(10, 0));
  EXPECT_TRUE(runs_on(12, 1));
  EXPECT_FALSE(internal::has_code_for(some, 0, 9, 0));
  EXPECT_EQ(internal::list_of(some, 3), "7.5, 8.6, 9.0");
  const int twelve[] = {1210};
  EXPECT_EQ(internal::list_of(twelve, 1), "12.1");
}

}  // namespace
}  // namespace velbo
