// fused_rows_cases.h - every fused pass with every tile against plain sums, the same bits under every schedule.
//
// A pass that is compiled and has no PlainPass here does not compile; a new size of tile is tested as it is listed.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "emulator/every_schedule.h"
#include "kernels/plain_terms.h"
#include "row_passes.cuh"

namespace velbo::kernels {

// What a pass is given besides its rows.
template <class T>
struct Given {
  std::vector<T> coefficients, c, r;
};

// A row's terms, those of kSquares' second sum times x^2, the others times x; and what it adds to the values.
struct PlainRow {
  std::vector<Sized> terms, values;
  Sized curvature;
};

// row(rows, given, n, x): what the pass makes of row n, which is x.
template <class Pass>
struct PlainPass;

template <class T, int S>
struct PlainPass<DrawsPass<T, S>> {
  static constexpr bool kSquares = false;
  static std::string name() { return "draws" + std::to_string(S); }
  static PlainRow row(const RowCase<T>& rows, const Given<T>& given, std::int64_t n, const std::vector<double>& x) {
    PlainRow out;
    for (int s = 0; s < S; ++s) {
      const PlainTerm term = point_term(rows, n, product(x, given.coefficients.data() + s * rows.d()));
      out.terms.push_back(term.rho);
      out.values.push_back(term.value);
    }
    return out;
  }
};
template <class T>
struct PlainPass<MeanFieldPass<T>> {
  static constexpr bool kSquares = true;
  static std::string name() { return "mean_field"; }
  static PlainRow row(const RowCase<T>& rows, const Given<T>& given, std::int64_t n, const std::vector<double>& x) {
    const T* const mean = given.coefficients.data();
    const PlainTerm term = expected_term_of(rows, n, product(x, mean), squares(x, mean + rows.d()));
    return {{term.rho, term.c}, {term.value, {std::abs(term.value.value), term.value.size}}, term.c};
  }
};
template <class T>
struct PlainPass<ProductPass<T>> {
  static constexpr bool kSquares = false;
  static std::string name() { return "product"; }
  static PlainRow row(const RowCase<T>&, const Given<T>& given, std::int64_t n, const std::vector<double>& x) {
    Sized term = product(x, given.coefficients.data());
    const double c = given.c.empty() ? 1 : static_cast<double>(given.c[static_cast<std::size_t>(n)]);
    return {{{c * term.value, std::abs(c) * term.size}}, {}, {}};
  }
};
template <class T>
struct PlainPass<GivenPass<T>> {
  static constexpr bool kSquares = true;
  static std::string name() { return "given"; }
  static PlainRow row(const RowCase<T>&, const Given<T>& given, std::int64_t n, const std::vector<double>&) {
    const double c = given.c.empty() ? 1 : static_cast<double>(given.c[static_cast<std::size_t>(n)]);
    const double r = given.r.empty() ? 0 : static_cast<double>(given.r[static_cast<std::size_t>(n)]);
    return {{{r, std::abs(r)}, {c, std::abs(c)}}, {}, {}};
  }
};

template <class T, class P, int R>
struct Instance {
  using Scalar = T;
  using Pass = P;
  static constexpr int kRows = R;
};

// Every pass with every tile.
template <class T, class Tiles = FusedTileRows, class Passes = FusedPasses<T>>
struct AllInstances;
template <class T, int... R, class... P>
struct AllInstances<T, std::integer_sequence<int, R...>, std::tuple<P...>> {
  template <int kRows>
  using WithRows = std::tuple<Instance<T, P, kRows>...>;
  template <class>
  struct AsTypes;
  template <class... I>
  struct AsTypes<std::tuple<I...>> {
    using Types = testing::Types<I...>;
  };
  using Types = typename AsTypes<decltype(std::tuple_cat(WithRows<R>{}...))>::Types;
};

struct InstanceNames {
  template <class I>
  static std::string GetName(int) {
    return PlainPass<typename I::Pass>::name() + "_" + std::to_string(I::kRows) + "_rows";
  }
};

// `bare`: nothing that may be missing is there.
template <class T, class Pass>
void expect_plain_sums(const Storage& storage, const Launch& launch, bool bare = false) {
  SCOPED_TRACE(storage);
  const std::int64_t n_rows = rows_for(launch.tile_rows);
  constexpr std::int64_t width = Pass::kWidth;
  const RowCase<T> rows(storage, n_rows);
  ASSERT_EQ(rows.source().copying, storage.copying);
  const std::int64_t d = storage.d;
  Noise noise(77);
  Given<T> given;
  if (Pass::kPredicts) given.coefficients = noise.numbers<T>(width * d, 1 / std::sqrt(static_cast<double>(d)));
  if (!bare) {
    given.c = noise.numbers<T>(n_rows);
    given.r = noise.numbers<T>(n_rows);
  }
  const bool with_curvatures = !bare && std::is_same_v<Pass, MeanFieldPass<T>>;
  const bool with_sums = !bare || Pass::kValues == 0;

  const simt::DeviceArray<T> coefficients(given.coefficients), c(given.c), r(given.r);
  const std::vector<double> got = simt::same_under_every_schedule([&] {
    const simt::DeviceArray<T> curvatures(with_curvatures ? static_cast<std::size_t>(n_rows) : 0);
    FusedArguments<T> arguments;
    arguments.source = rows.source();
    arguments.coefficients = coefficients.data();
    arguments.rule = rule_of(storage);
    arguments.c = c.data();
    arguments.r = r.data();
    arguments.curvature_rows = curvatures.data();
    const Totals totals = run_fused<T, Pass>(launch, arguments, with_sums);
    std::vector<double> all = totals.sums;
    all.insert(all.end(), totals.values.begin(), totals.values.end());
    for (const T x : curvatures.on_host()) all.push_back(static_cast<double>(x));
    return all;
  });

  std::vector<Sized> sums(static_cast<std::size_t>(with_sums ? width * d : 0)), values(Pass::kValues), curvatures;
  for (std::int64_t n = 0; n < n_rows; ++n) {
    const std::vector<double> x = rows.row(n);
    const PlainRow row = PlainPass<Pass>::row(rows, given, n, x);
    for (std::size_t w = 0; w < static_cast<std::size_t>(width) && with_sums; ++w)
      for (std::size_t j = 0; j < x.size(); ++j) {
        const double by = PlainPass<Pass>::kSquares && w == 1 ? x[j] * x[j] : x[j];
        sums[w * x.size() + j].add(row.terms[w].value * by, row.terms[w].size * std::abs(by));
      }
    for (std::size_t i = 0; i < values.size(); ++i) values[i].add(row.values[i].value, row.values[i].size);
    if (with_curvatures) curvatures.push_back(row.curvature);
  }
  sums.insert(sums.end(), values.begin(), values.end());
  sums.insert(sums.end(), curvatures.begin(), curvatures.end());
  expect_close<T>(got, sums);
}

// Every way of copying, with columns that fill no vector, some, and several for a thread.
inline const Storage kFusedStorages[] = {
    {.name = "vectors", .d = 130, .copying = Copying::vectors},
    {.name = "vectors_index_poisson",
     .d = 35,
     .copying = Copying::vectors,
     .index = true,
     .likelihood = internal::RowLikelihood::poisson},
    {.name = "elements_intercept",
     .d = 3,
     .copying = Copying::elements,
     .intercept = true,
     .likelihood = internal::RowLikelihood::bernoulli},
    {.name = "elements_index_draws", .d = 35, .copying = Copying::elements, .index = true, .n_draws = 6},
    {.name = "convert", .d = 35, .copying = Copying::convert, .likelihood = internal::RowLikelihood::bernoulli},
    {.name = "convert_centre_index_intercept",
     .d = 130,
     .copying = Copying::convert,
     .index = true,
     .intercept = true,
     .centre = true},
    {.name = "scatter_index_intercept", .d = 99, .copying = Copying::scatter, .index = true, .intercept = true},
    {.name = "slab_draws", .d = 33, .copying = Copying::vectors, .n_draws = 6, .packed = true},
    {.name = "slab_index", .d = 12, .copying = Copying::vectors, .index = true, .packed = true},
};

template <class I>
class FusedRows : public testing::Test {};
TYPED_TEST_SUITE_P(FusedRows);

TYPED_TEST_P(FusedRows, PlainSums) {
  using Pass = typename TypeParam::Pass;
  using T = typename TypeParam::Scalar;
  const Launch launch = launch_for(TypeParam::kRows);
  for (const Storage& storage : kFusedStorages) expect_plain_sums<T, Pass>(storage, launch);
  expect_plain_sums<T, Pass>({.name = "bare", .d = 33, .copying = Copying::vectors, .intercept = true, .extras = false},
                             launch, true);
}

// The most columns for which a block has memory and threads; what has no predictors may have more, in several blocks.
TYPED_TEST_P(FusedRows, LargestThatFits) {
  using Pass = typename TypeParam::Pass;
  using T = typename TypeParam::Scalar;
  const Launch launch = launch_for(TypeParam::kRows);
  const std::int64_t most = kThreads * kLanes<T>;
  std::int64_t d = most;
  while (FusedLayout<T, Pass, TypeParam::kRows>::bytes(padded_columns<T>(d)) > launch.shared_bytes) --d;
  if (d == most && !Pass::kPredicts) d += kLanes<T> + 1;
  EXPECT_GT(d, 32);
  expect_plain_sums<T, Pass>({.name = "largest", .d = d, .copying = Copying::vectors}, launch);
}

// Sums that would take too much memory are added up slab by slab.
TYPED_TEST_P(FusedRows, SeveralSlabs) {
  using Pass = typename TypeParam::Pass;
  Launch launch = launch_for(TypeParam::kRows);
  launch.most_partial_sums = 0;
  launch.most_rows_of_a_chunk = TypeParam::kRows;
  EXPECT_EQ(slabs(launch, rows_for(TypeParam::kRows), TypeParam::kRows, 1).size(), 2U);
  expect_plain_sums<typename TypeParam::Scalar, Pass>({.name = "slabs", .d = 12, .copying = Copying::vectors}, launch);
}

REGISTER_TYPED_TEST_SUITE_P(FusedRows, PlainSums, LargestThatFits, SeveralSlabs);

}  // namespace velbo::kernels
