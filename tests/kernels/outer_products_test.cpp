// Sums of outer products against plain sums and under every schedule.
#include <gtest/gtest.h>

#include <vector>

#include "emulator/every_schedule.h"
#include "kernels/plain_terms.h"

namespace velbo::kernels {
namespace {

// A' diag(c) X, or without A (n_left 0) the lower triangle of X' diag(c) X.
template <class T>
void expect_plain_sums(const Storage& storage, std::int64_t n_left, bool with_c, const Launch& launch) {
  SCOPED_TRACE(testing::Message() << storage << ", " << n_left << " on the left");
  const RowCase<T> rows(storage, rows_for(kOuterRows));
  const std::int64_t n_rows = rows.n_rows(), d = storage.d, stride = n_left + 1, tall = n_left == 0 ? d : n_left;
  Noise noise(79);
  // As callers have it: the columns from the second on of wider rows, so that nothing is aligned.
  const std::vector<T> left = noise.numbers<T>(n_left == 0 ? 0 : n_rows * stride),
                       c = noise.numbers<T>(with_c ? n_rows : 0);
  const simt::DeviceArray<T> left_there(left), c_there(c);
  const auto wanted = [&](std::int64_t i, std::int64_t j) { return n_left > 0 || j <= i; };

  const std::vector<double> got = simt::same_under_every_schedule([&] {
    OuterArguments<T> arguments;
    arguments.source = rows.source();
    arguments.c = c_there.data();
    if (n_left > 0) {
      arguments.left = left_there.data() + 1;
      arguments.stride = stride;
      arguments.n_left = n_left;
    }
    const std::vector<double> sums = run_outer(launch, arguments);
    EXPECT_EQ(sums.size(), static_cast<std::size_t>(tall * d));
    std::vector<double> out;
    for (std::int64_t i = 0; i < tall; ++i)
      for (std::int64_t j = 0; j < d; ++j)
        if (wanted(i, j)) out.push_back(sums[static_cast<std::size_t>(i * d + j)]);
    return out;
  });

  std::vector<Sized> all(static_cast<std::size_t>(tall * d)), sums;
  for (std::int64_t n = 0; n < n_rows; ++n) {
    const std::vector<double> x = rows.row(n);
    const double factor = with_c ? static_cast<double>(c[static_cast<std::size_t>(n)]) : 1;
    for (std::int64_t i = 0; i < tall; ++i) {
      const long double a = static_cast<long double>(factor) *
                            (n_left == 0 ? x[static_cast<std::size_t>(i)]
                                         : static_cast<double>(left[static_cast<std::size_t>(n * stride + 1 + i)]));
      for (std::int64_t j = 0; j < d; ++j) {
        const long double term = a * x[static_cast<std::size_t>(j)];
        all[static_cast<std::size_t>(i * d + j)].add(term, static_cast<double>(std::abs(term)));
      }
    }
  }
  for (std::int64_t i = 0; i < tall; ++i)
    for (std::int64_t j = 0; j < d; ++j)
      if (wanted(i, j)) sums.push_back(all[static_cast<std::size_t>(i * d + j)]);
  expect_close<T>(got, sums);
}

const Storage kStorages[] = {
    {.name = "vectors", .d = 130, .copying = Copying::vectors},
    {.name = "vectors_index", .d = 35, .copying = Copying::vectors, .index = true},
    {.name = "elements_intercept", .d = 3, .copying = Copying::elements, .intercept = true},
    {.name = "convert_centre_index_intercept",
     .d = 65,
     .copying = Copying::convert,
     .index = true,
     .intercept = true,
     .centre = true},
    {.name = "scatter_index_intercept", .d = 99, .copying = Copying::scatter, .index = true, .intercept = true},
    {.name = "slab_index", .d = 35, .copying = Copying::vectors, .index = true, .packed = true},
};

template <class T>
class OuterProducts : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(OuterProducts, Scalars);

TYPED_TEST(OuterProducts, LowerTriangle) {
  for (const Storage& storage : kStorages) expect_plain_sums<TypeParam>(storage, 0, true, launch_for(kOuterRows));
  expect_plain_sums<TypeParam>(kStorages[2], 0, false, launch_for(kOuterRows));
}

TYPED_TEST(OuterProducts, WithAnotherMatrix) {
  for (const Storage& storage : kStorages) expect_plain_sums<TypeParam>(storage, 5, true, launch_for(kOuterRows));
  expect_plain_sums<TypeParam>(kStorages[3], 66, false, launch_for(kOuterRows));
}

TYPED_TEST(OuterProducts, SeveralSlabs) {
  Launch launch = launch_for(kOuterRows);
  launch.most_partial_sums = 0;
  launch.most_rows_of_a_chunk = kOuterRows;
  EXPECT_EQ(slabs(launch, rows_for(kOuterRows), kOuterRows, 1).size(), 2U);
  expect_plain_sums<TypeParam>(kStorages[2], 0, true, launch);
}

}  // namespace
}  // namespace velbo::kernels
