// The sum of blocks' parts: right, in double, and in an order that nothing but the number of parts decides.
#include "reduce.cuh"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "emulator/device_array.h"
#include "emulator/every_schedule.h"
#include "velbo/random.h"

namespace velbo {
namespace {

template <class T>
std::vector<double> on_emulator(const std::vector<T>& parts, std::size_t n_parts, std::size_t n) {
  const simt::DeviceArray<T> in(parts);
  return simt::same_under_every_schedule([&] {
    const simt::DeviceArray<double> out(n);
    EXPECT_EQ(kernels::reduce(in.data(), static_cast<std::int64_t>(n_parts), static_cast<std::int64_t>(n), out.data(),
                              nullptr),
              cudaSuccess);
    return out.on_host();
  });
}

// Of sizes that differ by powers of ten, so that any other order rounds otherwise.
template <class T>
std::vector<T> some_parts(std::size_t n_parts, std::size_t n) {
  std::vector<T> parts(n_parts * n);
  standard_normals(make_key(11, Purpose::test), 0, 0, 0, std::span<T>(parts));
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i] *= static_cast<T>(std::pow(10.0, static_cast<double>(i % 7)));
  return parts;
}

template <class T>
class ReduceKernel : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(ReduceKernel, Scalars);

TYPED_TEST(ReduceKernel, SumsInItsOrder) {
  for (const std::size_t n_parts : {0, 1, 2, 7, 8, 9, 33, 264}) {
    for (const std::size_t n : {0, 1, 31, 32, 33, 1000}) {
      SCOPED_TRACE(testing::Message() << n_parts << " parts of " << n);
      const std::vector<TypeParam> parts = some_parts<TypeParam>(n_parts, n);
      std::vector<double> expected(n);
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t slice = 0; slice < kernels::kReduceSlices; ++slice) {
          double sum = 0;
          for (std::size_t part = slice; part < n_parts; part += kernels::kReduceSlices) sum += parts[part * n + i];
          expected[i] = slice == 0 ? sum : expected[i] + sum;
        }
      }
      EXPECT_TRUE(simt::same_bits(on_emulator(parts, n_parts, n), expected));
    }
  }
}

TYPED_TEST(ReduceKernel, NansAreNotLost) {
  std::vector<TypeParam> parts = some_parts<TypeParam>(20, 40);
  parts[13 * 40 + 33] = std::numeric_limits<TypeParam>::quiet_NaN();
  const std::vector<double> out = on_emulator(parts, 20, 40);
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(std::isnan(out[i]), i == 33) << i;
}

}  // namespace
}  // namespace velbo
