// Sums of features by responsibilities, and whole passes, against their definitions, under every schedule.
#include <gtest/gtest.h>

#include <vector>

#include "emulator/every_schedule.h"
#include "kernels/mixture_case.h"

namespace velbo::kernels {
namespace {

template <class T>
std::vector<T> some_responsibilities(std::int64_t n, std::int64_t k) {
  Noise noise(static_cast<std::uint64_t>(n * 7 + k));
  std::vector<T> r;
  for (std::int64_t i = 0; i < n * k; ++i) r.push_back(static_cast<T>(std::abs(noise())));
  return r;
}

// Two blocks, a chunk of two tiles and one of less than a tile.
template <class T>
void expect_plain_sums(const MixtureSizes& sizes, std::int64_t most_across = kMostTilesAcross, bool in_slabs = false) {
  SCOPED_TRACE(testing::Message() << sizes);
  const MixtureCase<T> c(sizes, rows_for(kFeatureRows));
  Launch launch = launch_for(kFeatureRows);
  if (in_slabs) {
    launch.most_partial_sums = 1;
    launch.most_rows_of_a_chunk = kFeatureRows;
    EXPECT_EQ(slabs(launch, c.n, kFeatureRows, 100).size(), 2U);
  }
  const std::int64_t stride = sizes.k + 1;
  const std::vector<T> r = some_responsibilities<T>(c.n, sizes.k);
  std::vector<T> apart(c.at(c.n * stride), static_cast<T>(std::nan("")));
  for (std::int64_t n = 0; n < c.n; ++n)
    for (std::int64_t k = 0; k < sizes.k; ++k) apart[c.at(n * stride + k)] = r[c.at(n * sizes.k + k)];
  const simt::DeviceArray<T> there(apart);
  const std::vector<double> got = simt::same_under_every_schedule([&] {
    MixtureTotals<T> totals(sizes.form, sizes.d, sizes.k, nullptr);
    totals.add(launch, c.rows(), there.data(), stride, most_across);
    SumsInOne out(sizes, 0);
    totals.add_to(out.sums);
    return out.values;
  });
  expect_close<T>(got, plain_mixture_sums(c, r));
}

template <class T>
class MixtureSumsOfRows : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(MixtureSumsOfRows, Scalars);

// Tiles of 16, 32 and 64 components, one and several of them and of features.
TYPED_TEST(MixtureSumsOfRows, Plain) {
  for (const MixtureSizes& sizes :
       {MixtureSizes{1, 1}, MixtureSizes{3, 70, MixtureForm::full, true, true},
        MixtureSizes{16, 5, MixtureForm::full, true}, MixtureSizes{16, 20, MixtureForm::full, false, true},
        MixtureSizes{30, 17}, MixtureSizes{65, 3, MixtureForm::diagonal, true, false, true},
        MixtureSizes{130, 40, MixtureForm::diagonal, true}, MixtureSizes{2, 128, MixtureForm::diagonal},
        MixtureSizes{3, 5, MixtureForm::tied, true, true}, MixtureSizes{66, 18, MixtureForm::tied, true}})
    expect_plain_sums<TypeParam>(sizes);
}
// More tiles than a grid has room for in one direction.
TYPED_TEST(MixtureSumsOfRows, InManyTiles) { expect_plain_sums<TypeParam>({30, 17, MixtureForm::full, true}, 2); }
// More chunks than there is room for the sums of.
TYPED_TEST(MixtureSumsOfRows, InSlabs) {
  expect_plain_sums<TypeParam>({7, 5, MixtureForm::full, true}, kMostTilesAcross, true);
}

// A whole pass, in pieces of 40 rows, added to what is there; locals worked out, or given.
template <class T>
void expect_pass(const MixtureSizes& sizes, bool given) {
  SCOPED_TRACE(testing::Message() << sizes << (given ? ", given" : ""));
  const MixtureCase<T> c(sizes, 150);
  const std::int64_t k = sizes.k;
  std::vector<double> r, log_normaliser;
  long double value = 0;
  double size = 1;
  if (given) {
    for (const T x : some_responsibilities<T>(c.n, k)) r.push_back(static_cast<double>(x));
  } else {
    for (std::int64_t n = 0; n < c.n; ++n) {
      const std::vector<Sized> row = c.locals(n);
      for (std::int64_t i = 0; i < k; ++i) r.push_back(static_cast<double>(row[c.at(i)].value));
      log_normaliser.push_back(static_cast<double>(row.back().value));
      value += c.weight(n) * row.back().value;
      size += static_cast<double>(c.weight(n)) * row.back().size;
    }
  }
  std::vector<double> found(c.at(c.n * k), -1), found_normaliser(c.at(c.n), -1);
  const Launch launch = launch_for(kTileRows);
  MixtureParameters parameters = c.parameters();
  if (given) parameters = {sizes.form, k, nullptr, nullptr, nullptr};
  MixturePass<T> pass(launch, sizes.d, parameters, true, 40 * (k + (sizes.form == MixtureForm::tied ? sizes.d : 0)));
  // In two slabs.
  Rows<T> first = c.rows(), second = c.rows();
  first.n_rows = 90;
  second.n_rows = c.n - 90;
  second.first_row += 90;
  if (sizes.slab) second.x = static_cast<const T*>(second.x) + 90 * c.stride;
  if (given) {
    pass.run(launch, first, {r.data(), nullptr, nullptr});
    pass.run(launch, second, {r.data() + 90 * k, nullptr, nullptr});
  } else {
    pass.run(launch, first, {nullptr, found.data(), found_normaliser.data()});
    pass.run(launch, second, {nullptr, found.data() + 90 * k, found_normaliser.data() + 90});
  }
  SumsInOne out(sizes, 1);
  pass.add_sums(out.sums);
  // Responsibilities are off by T's error of their log densities.
  std::vector<Sized> sums = plain_mixture_sums(c, r);
  for (Sized& each : sums) each.add(1, 1 + (given ? 0 : 20 * each.size));
  expect_close<T>(out.values, sums);
  if (given) {
    EXPECT_EQ(pass.value(), 0);
    return;
  }
  expect_close<T>({pass.value()}, {{value, size}});
  for (std::size_t i = 0; i < r.size(); ++i) ASSERT_NEAR(found[i], r[i], sizeof(T) == 4 ? 1e-4 : 1e-12) << i;
  for (std::size_t i = 0; i < log_normaliser.size(); ++i)
    ASSERT_NEAR(found_normaliser[i], log_normaliser[i], sizeof(T) == 4 ? 1e-4 : 1e-12) << i;
}

TYPED_TEST(MixtureSumsOfRows, WholePasses) {
  for (const MixtureForm form : {MixtureForm::full, MixtureForm::tied, MixtureForm::diagonal})
    for (const bool slab : {false, true})
      for (const bool given : {false, true}) expect_pass<TypeParam>({5, 7, form, true, slab}, given);
}

}  // namespace
}  // namespace velbo::kernels
