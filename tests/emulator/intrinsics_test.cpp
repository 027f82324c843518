// What a kernel may call does what CUDA's documentation says.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "emulator/device_array.h"
#include "emulator/every_schedule.h"
#include "simt.cuh"

namespace velbo::simt {
namespace {

__global__ void indices(unsigned* out) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] += 1 + block * 1000 + thread;
}

TEST(Intrinsics, EveryThreadOfEveryBlockRunsOnce) {
  const dim3 grid(3, 2, 2), block(5, 4, 3);
  const std::vector<unsigned> out = same_under_every_schedule([&] {
    const DeviceArray<unsigned> sums(12 * 60);
    cudaMemsetAsync(sums.data(), 0, sums.size() * sizeof(unsigned));
    VELBO_LAUNCH(indices, grid, block, 0, nullptr, sums.data());
    return sums.on_host();
  });
  for (unsigned i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], 1 + i / 60 * 1000 + i % 60);
}

// Every lane gives its number times `scale`.
template <class T>
__global__ void shuffle_all(T scale, T* out) {
  const unsigned lane = threadIdx.x;
  const T mine = static_cast<T>(lane) * scale;
  out[lane] = __shfl_sync(~0U, mine, 3);
  out[32 + lane] = __shfl_sync(~0U, mine, 9, 8);  // lane 9 % 8 of each group of 8
  out[64 + lane] = __shfl_xor_sync(~0U, mine, 5);
  out[96 + lane] = __shfl_xor_sync(~0U, mine, 8, 8);  // of an earlier group or, in the first, itself
  out[128 + lane] = __shfl_down_sync(~0U, mine, 4U);
  out[160 + lane] = __shfl_down_sync(~0U, mine, 2U, 8);
}

template <class T>
class Shuffles : public testing::Test {};
using Shuffleable = testing::Types<float, double, std::int32_t, std::uint32_t, std::int64_t, std::uint64_t>;
TYPED_TEST_SUITE(Shuffles, Shuffleable);

TYPED_TEST(Shuffles, ReadTheLaneThatCudaReads) {
  const TypeParam scale = static_cast<TypeParam>(sizeof(TypeParam) == 8 ? 1e15 : 1e3);
  const std::vector<TypeParam> out = same_under_every_schedule([&] {
    const DeviceArray<TypeParam> lanes(192);
    VELBO_LAUNCH(shuffle_all<TypeParam>, 1, 32, 0, nullptr, scale, lanes.data());
    return lanes.on_host();
  });
  for (unsigned lane = 0; lane < 32; ++lane) {
    const unsigned sources[] = {3U,
                                lane / 8 * 8 + 1,
                                lane ^ 5U,
                                (lane ^ 8U) < lane / 8 * 8 + 8 ? lane ^ 8U : lane,
                                lane + 4 < 32 ? lane + 4 : lane,
                                lane % 8 + 2 < 8 ? lane + 2 : lane};
    for (unsigned i = 0; i < 6; ++i) {
      EXPECT_EQ(out[32 * i + lane], static_cast<TypeParam>(sources[i]) * scale) << "shuffle " << i << " lane " << lane;
    }
  }
}

__global__ void vote(unsigned* out) {
  const unsigned lane = threadIdx.x;
  if (lane < 20) {
    out[lane] = __ballot_sync(0xfffffU, lane % 3 == 0);
  } else {
    out[lane] = __ballot_sync(0xfff00000U, lane % 2);
  }
}

TEST(Intrinsics, BallotsAreOfTheLanesOfTheMask) {
  const std::vector<unsigned> out = same_under_every_schedule([] {
    const DeviceArray<unsigned> votes(32);
    VELBO_LAUNCH(vote, 1, 32, 0, nullptr, votes.data());
    return votes.on_host();
  });
  for (unsigned lane = 0; lane < 32; ++lane) EXPECT_EQ(out[lane], lane < 20 ? 0x49249U : 0xaaa00000U) << lane;
}

__global__ void count(unsigned long long* total, unsigned* order) {
  order[threadIdx.x] = atomicAdd(total, 2U) / 2 < 64;
}

TEST(Intrinsics, AtomicAddGivesTheValueBefore) {
  const DeviceArray<unsigned long long> total(std::vector<unsigned long long>{0});
  const DeviceArray<unsigned> in_range(64);
  VELBO_LAUNCH(count, 1, 64, 0, nullptr, total.data(), in_range.data());
  EXPECT_EQ(total.on_host()[0], 128U);
  EXPECT_EQ(in_range.on_host(), std::vector<unsigned>(64, 1));
}

TEST(Intrinsics, Arithmetic) {
  EXPECT_EQ(__umulhi(0xffffffffU, 0xffffffffU), 0xfffffffeU);
  EXPECT_EQ(min(3, -4), -4);
  EXPECT_EQ(max(3U, 4U), 4U);
}

template <class Byte, int kBytes>
__global__ void copy_masked(const Byte* from, unsigned n_valid, Byte* out) {
  VELBO_SHARED_MEMORY(raw);
  const unsigned at = threadIdx.x * kBytes;
  copy_async<kBytes>(raw + at, from + at, threadIdx.x < n_valid);
  commit_copies();
  wait_copies<0>();
  for (unsigned i = 0; i < kBytes; ++i) out[at + i] = raw[at + i];
}

template <int kBytes>
void check_masked_copies() {
  constexpr unsigned kThreads = 32, kValid = 20;
  std::vector<unsigned char> bytes(kValid * kBytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(i + 1);
  const DeviceArray<unsigned char> from(bytes);  // nothing beyond what is valid
  bytes.resize(kThreads * kBytes, 0);
  EXPECT_EQ(same_under_every_schedule([&] {
              const DeviceArray<unsigned char> out(bytes.size());
              VELBO_LAUNCH((copy_masked<unsigned char, kBytes>), 1, kThreads, bytes.size(), nullptr, from.data(),
                           kValid, out.data());
              return out.on_host();
            }),
            bytes);
}

TEST(Intrinsics, CopiesThatAreMaskedWriteZerosAndReadNothing) {
  check_masked_copies<4>();
  check_masked_copies<8>();
  check_masked_copies<16>();
}

TEST(Runtime, MemoryIsNanUntilItIsWritten) {
  const DeviceArray<double> memory(3);
  for (const double value : memory.on_host()) EXPECT_TRUE(std::isnan(value));
  EXPECT_EQ(cudaMemsetAsync(memory.data() + 1, 0, sizeof(double)), cudaSuccess);
  EXPECT_EQ(memory.on_host()[1], 0);
  EXPECT_TRUE(std::isnan(memory.on_host()[2]));
}

TEST(Runtime, NoBytesAreNoMemory) {
  float* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 0), cudaSuccess);
  EXPECT_EQ(memory, nullptr);
}

}  // namespace
}  // namespace velbo::simt
