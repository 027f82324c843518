// The emulator notices what it is there to notice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "emulator/device_array.h"
#include "emulator/every_schedule.h"
#include "emulator/faulty_kernels.cuh"

namespace velbo::simt {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int kTiles = 4;

std::vector<float> tiles() {
  std::vector<float> in(kTiles * kTileThreads);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = std::sqrt(static_cast<float>(i + 1));
  return in;
}

template <Fault kFault>
std::vector<float> run_tiles() {
  const DeviceArray<float> in(tiles());
  const DeviceArray<float> out(kTileThreads);
  VELBO_LAUNCH(sum_reversed<kFault>, 1, kTileThreads, kTileThreads * sizeof(float), nullptr, in.data(), kTiles,
               out.data());
  return out.on_host();
}

template <Fault kFault>
std::vector<float> run_tiles_async() {
  const DeviceArray<float> in(tiles());
  const DeviceArray<float> out(kTileThreads);
  VELBO_LAUNCH(sum_reversed_async<kFault>, 1, kTileThreads, 2 * kTileThreads * sizeof(float), nullptr, in.data(),
               kTiles, out.data());
  return out.on_host();
}

// Whether all schedules give the same bits.
template <class Run>
bool schedules_agree(Run run) {
  const auto results = under_every_schedule(run);
  return std::all_of(results.begin(), results.end(), [&](const auto& result) { return same_bits(result, results[0]); });
}

TEST(Schedules, AreAllDifferent) {
  const std::vector<Schedule> all = all_schedules();
  EXPECT_EQ(all.size(), 12U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(to_string(all[i]), to_string(all[j]));
  }
}

TEST(Schedules, SoundKernelsGiveTheSameBitsUnderAll) {
  std::vector<float> expected(kTileThreads, 0);
  for (std::size_t i = 0; i < kTiles * kTileThreads; ++i) {
    expected[kTileThreads - 1 - i % kTileThreads] += tiles()[i];
  }
  EXPECT_EQ(same_under_every_schedule(run_tiles<Fault::none>), expected);
  EXPECT_EQ(same_under_every_schedule(run_tiles_async<Fault::none>), expected);
}

TEST(Schedules, ShowDroppedBarriers) {
  EXPECT_FALSE(schedules_agree(run_tiles<Fault::no_barrier_before_reading>));
  EXPECT_FALSE(schedules_agree(run_tiles<Fault::no_barrier_before_overwriting>));
  EXPECT_FALSE(schedules_agree(run_tiles_async<Fault::no_barrier_before_overwriting>));
}

TEST(Schedules, ShowDroppedWarpBarriers) {
  const auto run = []<Fault kFault>() {
    const DeviceArray<int> out(32);
    VELBO_LAUNCH(reverse_warp<kFault>, 1, 32, 32 * sizeof(int), nullptr, out.data());
    return out.on_host();
  };
  EXPECT_TRUE(schedules_agree([&] { return run.operator()<Fault::none>(); }));
  EXPECT_FALSE(schedules_agree([&] { return run.operator()<Fault::no_warp_barrier>(); }));
}

TEST(Schedules, ShowMissingWaits) {
  EXPECT_FALSE(schedules_agree(run_tiles_async<Fault::no_wait>));
  EXPECT_FALSE(schedules_agree(run_tiles_async<Fault::waits_for_too_few>));
}

TEST(Schedules, ShowSumsByAtomics) {
  EXPECT_FALSE(schedules_agree([] {
    const DeviceArray<float> in(tiles());
    const DeviceArray<float> out(std::vector<float>{0});
    VELBO_LAUNCH(sum_by_atomics, 1, in.size(), 0, nullptr, in.data(), out.data());
    return out.on_host();
  }));
}

TEST(Emulator, SharedMemoryThatNobodyWroteIsNan) {
  const std::vector<float> out = run_tiles<Fault::never_written>();
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(std::isnan(out[i]), i == kTileThreads - 1 - 5) << i;
}

// Runs `launch` under every schedule; each must fail with a message that matches.
template <class Run, class Matcher>
void expect_error(Run run, const Matcher& matcher) {
  for (const Schedule& schedule : all_schedules()) {
    const UseSchedule use(schedule);
    try {
      run();
      ADD_FAILURE() << schedule << ": no error";
    } catch (const KernelError& error) {
      EXPECT_THAT(error.what(), matcher) << schedule;
    }
  }
}

TEST(Emulator, BarriersThatNotAllThreadsReach) {
  expect_error([] { VELBO_LAUNCH(barrier_in_branches, 2, 64, 0, nullptr); },
               AllOf(HasSubstr("kernel barrier_in_branches launched at emulator_test.cpp:"), HasSubstr("block ("),
                     HasSubstr("a barrier that not all threads reach: thread ("),
                     HasSubstr("waits in __syncthreads at faulty_kernels.cuh:")));
  expect_error([] { VELBO_LAUNCH(barrier_after_exit, 1, 64, 0, nullptr); }, HasSubstr("but thread (3,0,0) has ended"));
}

TEST(Emulator, ShufflesThatGoWrong) {
  expect_error([] { VELBO_LAUNCH(shuffle_without_itself, 1, 32, 0, nullptr); },
               HasSubstr("waits in __shfl_sync at faulty_kernels.cuh:"));
  expect_error([] { VELBO_LAUNCH(shuffle_outside_mask, 1, 32, 0, nullptr); },
               HasSubstr("reads lane 20, which is not in the mask"));
  expect_error([] { VELBO_LAUNCH(shuffle_with_ended_lane, 1, 32, 0, nullptr); },
               HasSubstr("its mask names a lane that does not come: thread (7,0,0) has ended"));
  expect_error([] { VELBO_LAUNCH(shuffle_in_branches, 1, 32, 0, nullptr); },
               HasSubstr("waits in __shfl_xor_sync at faulty_kernels.cuh:"));
  expect_error([] { VELBO_LAUNCH(shuffle_beside_barrier, 1, 32, 0, nullptr); },
               HasSubstr("a lane that does not come: thread (8,0,0) waits in __syncthreads"));
  expect_error([] { VELBO_LAUNCH(shuffle_in_short_warp, 1, 48, 0, nullptr); },
               HasSubstr("its mask names lane 16 of a shorter warp"));
}

TEST(Emulator, Deadlock) {
  expect_error([] { VELBO_LAUNCH(masks_that_disagree, 1, 32, 0, nullptr); },
               HasSubstr("deadlock: thread (0,0,0) waits in __syncwarp"));
}

TEST(Emulator, CopiesThatTheHardwareRefuses) {
  const DeviceArray<unsigned char> from(64), to(64);
  const auto copy = [&](unsigned offset, unsigned misalignment) {
    return
        [&from, offset, misalignment] { VELBO_LAUNCH(copy_to, 1, 1, 64, nullptr, from.data() + offset, misalignment); };
  };
  copy(0, 0)();
  expect_error(copy(0, 4), HasSubstr("its destination is not aligned to 16 bytes"));
  expect_error(copy(8, 0), HasSubstr("its source is not aligned to 16 bytes"));
  expect_error(copy(0, 64), HasSubstr("its destination is not in the block's shared memory"));
  expect_error([&] { VELBO_LAUNCH(copy_to_global, 1, 1, 64, nullptr, from.data(), to.data()); },
               HasSubstr("its destination is not in the block's shared memory"));
}

__global__ void nothing() {}
__global__ void also_nothing() {}

TEST(Emulator, LaunchesThatADeviceRefuses) {
  const auto launch = [](dim3 grid, dim3 block, std::size_t shared_bytes) {
    return [=] { VELBO_LAUNCH(nothing, grid, block, shared_bytes, nullptr); };
  };
  launch(1, 1024, kSharedBytes)();
  expect_error(launch(0, 32, 0), HasSubstr("kernel nothing launched at"));
  expect_error(launch(1, 0, 0), HasSubstr("no threads"));
  expect_error(launch({1, 65536}, 32, 0), HasSubstr("a grid too large"));
  expect_error(launch(1, {32, 33}, 0), HasSubstr("a block of 1056 threads"));
  expect_error(launch(1, 32, kSharedBytes + 1), HasSubstr("49153 bytes of shared memory"));

  const int limit = static_cast<int>(kMaxSharedBytes);
  EXPECT_EQ(cudaFuncSetAttribute(also_nothing, cudaFuncAttributeMaxDynamicSharedMemorySize, limit + 1),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(also_nothing, cudaFuncAttributeMaxDynamicSharedMemorySize, limit), cudaSuccess);
  VELBO_LAUNCH(also_nothing, 1, 32, kMaxSharedBytes, nullptr);
  expect_error(launch(1, 32, kMaxSharedBytes), HasSubstr("allowed 49152"));  // another kernel did not ask
}

__global__ void throws_in(unsigned thread, const std::vector<int>* kept) {
  const std::vector<int> copy = *kept;  // freed while the stack is unwound, or the leak sanitizer tells
  if (threadIdx.x == thread) throw std::out_of_range("thrown by a thread");
  __syncthreads();
}

TEST(Emulator, WhatAThreadThrowsComesOutOfTheLaunch) {
  const std::vector<int> kept(1000);
  for (const Schedule& schedule : all_schedules()) {
    const UseSchedule use(schedule);
    EXPECT_THROW(VELBO_LAUNCH(throws_in, 1, 64, 0, nullptr, 40, &kept), std::out_of_range) << schedule;
    VELBO_LAUNCH(throws_in, 1, 64, 0, nullptr, 64, &kept);  // nobody: the machine is as good as new
  }
}

#if defined(__SANITIZE_ADDRESS__)
TEST(OutOfBoundsDeathTest, SharedMemory) {
  EXPECT_DEATH(run_tiles<Fault::reads_beyond_shared>(), "heap-buffer-overflow.*\n.*READ of size 4");
}

TEST(OutOfBoundsDeathTest, GlobalMemory) {
  EXPECT_DEATH(run_tiles<Fault::reads_beyond_global>(), "heap-buffer-overflow.*\n.*READ of size 4");
  EXPECT_DEATH(run_tiles<Fault::writes_beyond_global>(), "heap-buffer-overflow.*\n.*WRITE of size 4");
}
#endif

}  // namespace
}  // namespace velbo::simt
