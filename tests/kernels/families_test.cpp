// Sobol normals with the CPU's bits, draws and pullback of the families, each under every schedule.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "emulator/device_array.h"
#include "emulator/every_schedule.h"
#include "gaussian_family.cuh"
#include "math/sobol.h"
#include "sobol.cuh"
#include "velbo/random.h"

namespace velbo {
namespace {

using simt::DeviceArray;

std::vector<double> normals(std::size_t n, std::uint64_t seed) {
  std::vector<double> out(n);
  standard_normals(make_key(seed, Purpose::test), 0, 0, 0, std::span<double>(out));
  return out;
}

TEST(SobolKernel, SameBitsAsTheCpu) {
  const Key key = make_key(3, Purpose::test);
  for (const std::int64_t dimension : {1, 3, 32, 33, 1000, 1024, 1027})
    for (const std::int64_t points : {0, 1, 8, 33}) {
      SCOPED_TRACE(testing::Message() << points << " points in " << dimension);
      std::vector<double> expected(static_cast<std::size_t>(points * dimension));
      internal::SobolNormals(dimension).fill(key, 9, points, expected);
      const DeviceArray<std::uint32_t> directions(
          internal::sobol_directions(std::min(dimension, internal::kSobolDimensions)));
      const auto found = simt::same_under_every_schedule([&] {
        const DeviceArray<double> out(expected.size());
        EXPECT_EQ(kernels::sobol_normals(key.value, 9, points, dimension, directions.data(), out.data(), nullptr),
                  cudaSuccess);
        return out.on_host();
      });
      EXPECT_TRUE(simt::same_bits(found, expected));
    }
}

struct FamilyCase {
  FamilyKind kind;
  std::int64_t dimension, rank;
};

class FamilyKernels : public testing::TestWithParam<FamilyCase> {
 protected:
  const GaussianFamily family_{GetParam().kind, GetParam().dimension, GetParam().rank};
  const kernels::FamilyShape shape_{GetParam().kind, GetParam().dimension, GetParam().rank};
  const std::int64_t n_draws_ = 5;
  const std::vector<double> lambda_ = scaled(normals(static_cast<std::size_t>(family_.n_params()), 4), 0.3);
  const std::vector<double> eps_ = normals(static_cast<std::size_t>(n_draws_ * family_.n_noise()), 5);
  const std::vector<double> grad_z_ = normals(static_cast<std::size_t>(n_draws_ * family_.dimension()), 6);

  static std::vector<double> scaled(std::vector<double> x, double by) {
    for (double& v : x) v *= by;
    return x;
  }
  template <class T>
  static std::vector<T> as(const std::vector<double>& x) {
    return {x.begin(), x.end()};
  }
  template <class T>
  static void expect_near(const std::vector<T>& found, const std::vector<double>& expected, double tolerance) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(static_cast<double>(found[i]), expected[i], tolerance * (1 + std::abs(expected[i]))) << i;
  }

  template <class T>
  void check(double tolerance) {
    EXPECT_EQ(shape_.n_params(), family_.n_params());
    const DeviceArray<T> lambda(as<T>(lambda_)), eps(as<T>(eps_)), grad_z(as<T>(grad_z_));
    std::vector<double> z(grad_z_.size());
    family_.sample(lambda_, eps_, z);
    expect_near(simt::same_under_every_schedule([&] {
                  const DeviceArray<T> out(z.size());
                  kernels::sample(shape_, lambda.data(), eps.data(), n_draws_, out.data(), nullptr);
                  return out.on_host();
                }),
                z, tolerance);

    // The low-rank family's entropy is left to the host.
    const double weight = GetParam().kind == FamilyKind::low_rank ? 0 : 0.7;
    std::vector<double> gradient(lambda_.size(), 0.0);
    family_.pullback(lambda_, eps_, grad_z_, weight, gradient);
    expect_near(simt::same_under_every_schedule([&] {
                  const DeviceArray<T> out(gradient.size());
                  kernels::pull_back(shape_, lambda.data(), eps.data(), grad_z.data(), n_draws_, static_cast<T>(weight),
                                     out.data(), nullptr);
                  return out.on_host();
                }),
                gradient, tolerance);
  }
};

TEST_P(FamilyKernels, DrawsAndPullbackAreTheFamilysInDouble) { check<double>(1e-12); }
TEST_P(FamilyKernels, DrawsAndPullbackAreTheFamilysInFloat) { check<float>(2e-5); }

INSTANTIATE_TEST_SUITE_P(
    Families, FamilyKernels,
    testing::Values(FamilyCase{FamilyKind::mean_field, 1, 0}, FamilyCase{FamilyKind::mean_field, 300, 0},
                    FamilyCase{FamilyKind::full_rank, 1, 0}, FamilyCase{FamilyKind::full_rank, 33, 0},
                    FamilyCase{FamilyKind::low_rank, 31, 3}, FamilyCase{FamilyKind::low_rank, 2, 2}));

// Where packed triangles are large, rows are still found exactly.
TEST(FamilyKernel, RowsOfPackedTriangles) {
  for (const std::int64_t i : {0L, 1L, 2L, 1000L, 94906265L, 94906266L})
    for (const std::int64_t j : {std::int64_t{0}, i / 2, i}) EXPECT_EQ(kernels::packed_row(i * (i + 1) / 2 + j), i);
}

}  // namespace
}  // namespace velbo
