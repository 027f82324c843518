// The kernel of Ops<T>::normals gives the bits of the CPU's, and writes nothing else.
#include "normals.cuh"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "emulator/device_array.h"
#include "emulator/every_schedule.h"
#include "velbo/random.h"

namespace velbo {
namespace {

constexpr std::uint32_t kStep = 77, kFirstDraw = 5;

template <class T>
std::vector<T> on_cpu(Key key, std::size_t n_draws, std::size_t dimension) {
  std::vector<T> out(n_draws * dimension);
  for (std::size_t s = 0; s < n_draws; ++s) {
    standard_normals(key, kStep, kFirstDraw + static_cast<std::uint32_t>(s), 0,
                     std::span<T>(out).subspan(s * dimension, dimension));
  }
  return out;
}

// `offset`: elements between the start of the allocation and the first that is written.
template <class T>
std::vector<T> on_emulator(Key key, std::size_t n_draws, std::size_t dimension, std::size_t offset) {
  return simt::same_under_every_schedule([&] {
    const simt::DeviceArray<T> out(offset + n_draws * dimension);
    EXPECT_EQ(kernels::normals(key.value, kStep, kFirstDraw, static_cast<std::int64_t>(n_draws),
                               static_cast<std::int64_t>(dimension), out.data() + offset, nullptr),
              cudaSuccess);
    const std::vector<T> all = out.on_host();
    for (std::size_t i = 0; i < offset; ++i) EXPECT_TRUE(std::isnan(all[i])) << i;
    return std::vector<T>(all.begin() + static_cast<std::ptrdiff_t>(offset), all.end());
  });
}

template <class T>
class NormalsKernel : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(NormalsKernel, Scalars);

TYPED_TEST(NormalsKernel, SameBitsAsTheCpu) {
  const Key key = make_key(2024, Purpose::test);
  for (const std::size_t dimension : {0, 1, 3, 4, 31, 32, 33, 1000, 1023, 20000}) {
    for (const std::size_t n_draws : {0, 1, 2, 7}) {
      SCOPED_TRACE(testing::Message() << n_draws << " draws of " << dimension);
      EXPECT_TRUE(simt::same_bits(on_emulator<TypeParam>(key, n_draws, dimension, 0),
                                  on_cpu<TypeParam>(key, n_draws, dimension)));
    }
  }
}

// Four elements are stored at once only where that is allowed.
TYPED_TEST(NormalsKernel, OutputNeedNotBeAligned) {
  const Key key = make_key(7, Purpose::test);
  for (const std::size_t offset : {1, 2, 3}) {
    EXPECT_TRUE(simt::same_bits(on_emulator<TypeParam>(key, 3, 32, offset), on_cpu<TypeParam>(key, 3, 32)));
  }
}

TEST(NormalsLauncher, DimensionWithoutThreadNumbersIsRefused) {
  float* const nowhere = nullptr;
  EXPECT_EQ(kernels::normals(1, 0, 0, 1, std::int64_t{1} << 34, nowhere, nullptr), cudaErrorInvalidValue);
}

}  // namespace
}  // namespace velbo
