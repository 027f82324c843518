// Log densities of Gaussian components, responsibilities and normalisers against their definitions, under every schedule.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "emulator/every_schedule.h"
#include "kernels/mixture_case.h"

namespace velbo::kernels {
namespace {

template <class T>
void expect_definitions(const MixtureSizes& sizes, bool normalise, std::int64_t n_rows = rows_for(kTileRows)) {
  SCOPED_TRACE(testing::Message() << sizes << (normalise ? "" : ", log densities"));
  const MixtureCase<T> c(sizes, n_rows);
  const Launch launch = launch_for(kTileRows);
  const std::int64_t stride = sizes.k + 3;
  const std::vector<double> got = simt::same_under_every_schedule([&] {
    const PackedComponents<T> components(c.parameters(), sizes.d, nullptr);
    const simt::DeviceArray<T> out(static_cast<std::size_t>(c.n * stride));
    const simt::DeviceArray<double> log_normaliser(static_cast<std::size_t>(c.n));
    const double value =
        run_densities(launch, c.rows(), components,
                      DensityOutput<T>{out.data(), stride, normalise, normalise ? log_normaliser.data() : nullptr});
    std::vector<double> all{value};
    const std::vector<T> there = out.on_host();
    const std::vector<double> normalisers = log_normaliser.on_host();
    for (std::int64_t n = 0; n < c.n; ++n) {
      for (std::int64_t k = 0; k < sizes.k; ++k) all.push_back(static_cast<double>(there[c.at(n * stride + k)]));
      if (normalise) all.push_back(normalisers[c.at(n)]);
      // What lies between rows is nobody's.
      for (std::int64_t k = sizes.k; k < stride; ++k)
        EXPECT_TRUE(std::isnan(there[c.at(n * stride + k)])) << n << ", " << k;
    }
    return all;
  });
  std::vector<Sized> wanted(1);
  for (std::int64_t n = 0; n < c.n; ++n) {
    if (normalise) {
      const std::vector<Sized> row = c.locals(n);
      wanted.insert(wanted.end(), row.begin(), row.end());
      wanted[0].add(c.weight(n) * row.back().value, static_cast<double>(c.weight(n)) * row.back().size);
    } else {
      for (std::int64_t k = 0; k < sizes.k; ++k) wanted.push_back(c.log_density(n, k));
    }
  }
  expect_close<T>(got, wanted);
}

template <class T>
class MixtureDensities : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(MixtureDensities, Scalars);

// Several components in a tile, one, and one in several tiles; more components than a warp's lanes hold.
TYPED_TEST(MixtureDensities, OfTriangles) {
  for (const MixtureSizes& sizes :
       {MixtureSizes{1, 5}, MixtureSizes{3, 70, MixtureForm::full, true},
        MixtureSizes{16, 5, MixtureForm::full, false, true}, MixtureSizes{65, 1, MixtureForm::full, true, true}})
    expect_definitions<TypeParam>(sizes, true);
}
TYPED_TEST(MixtureDensities, OfWideTriangles) {
  expect_definitions<TypeParam>({130, 2, MixtureForm::full, true, false, true}, true, 2 * kTileRows + 5);
}
TYPED_TEST(MixtureDensities, OfScales) {
  for (const MixtureSizes& sizes :
       {MixtureSizes{1, 1, MixtureForm::diagonal}, MixtureSizes{16, 70, MixtureForm::diagonal, true, true},
        MixtureSizes{35, 5, MixtureForm::diagonal, false, false, true}})
    expect_definitions<TypeParam>(sizes, true);
}
TYPED_TEST(MixtureDensities, OfMoreComponentsThanAWarpHolds) {
  expect_definitions<TypeParam>({2, 300, MixtureForm::diagonal, true}, true, kTileRows + 3);
}
TYPED_TEST(MixtureDensities, OfOneTriangleForAll) {
  for (const MixtureSizes& sizes :
       {MixtureSizes{1, 5, MixtureForm::tied}, MixtureSizes{3, 5, MixtureForm::tied, true, true},
        MixtureSizes{66, 5, MixtureForm::tied, true, true, true}})
    expect_definitions<TypeParam>(sizes, true);
}
TYPED_TEST(MixtureDensities, NotNormalised) {
  for (const MixtureForm form : {MixtureForm::full, MixtureForm::tied, MixtureForm::diagonal})
    expect_definitions<TypeParam>({7, 6, form, true, true}, false);
}

// Log densities of hundreds below the largest are exactly nothing, and sums of thousands do not overflow.
TYPED_TEST(MixtureDensities, FarApart) {
  for (const auto& [k, largest] : {std::pair<std::int64_t, std::int64_t>{40, 33}, {300, 290}}) {
    MixtureCase<TypeParam> c({2, k, MixtureForm::diagonal}, 70);
    for (std::int64_t i = 0; i < k; ++i) c.constant[c.at(i)] = i == largest ? 5000 : -5000;
    const PackedComponents<TypeParam> components(c.parameters(), 2, nullptr);
    const simt::DeviceArray<TypeParam> out(c.at(70 * k));
    run_densities(launch_for(kTileRows), c.rows(), components, DensityOutput<TypeParam>{out.data(), k});
    const std::vector<TypeParam> r = out.on_host();
    for (std::int64_t i = 0; i < 70 * k; ++i)
      ASSERT_EQ(r[c.at(i)], i % k == largest ? TypeParam(1) : TypeParam(0)) << i << " of " << k;
  }
}

}  // namespace
}  // namespace velbo::kernels
