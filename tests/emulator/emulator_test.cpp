#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simt.cuh"

namespace velbo::simt {
namespace {

__global__ void twice(const float* in, int n, float* out) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < static_cast<unsigned>(n)) out[i] = 2 * in[i];
}

TEST(Emulator, RunsEveryThreadOfEveryBlock) {
  std::vector<float> in(100), out(100);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i);
  VELBO_LAUNCH(twice, 4, 32, 0, nullptr, in.data(), static_cast<int>(in.size()), out.data());
  for (std::size_t i = 0; i < in.size(); ++i) EXPECT_EQ(out[i], 2 * in[i]);
}

}  // namespace
}  // namespace velbo::simt
