// Products of rows with a matrix, and what each finish makes of them, against plain sums and under every schedule.
#include <gtest/gtest.h>

#include <tuple>
#include <vector>

#include "emulator/every_schedule.h"
#include "kernels/plain_terms.h"

namespace velbo::kernels {
namespace {

struct Matrix {
  std::int64_t n_columns;
  std::int64_t lead = -1;
  bool sd = false;
  bool bare = false;  // nothing that may be missing is there
};

// What a row makes of its products p_k = x'w_k: `outputs`, each of which a row has as many of as another, and values.
struct PlainRow {
  std::vector<Sized> rho, curvature, projections, values;
};

template <class Finish>
struct PlainFinish;

template <class T>
struct PlainFinish<ExpectationFinish<T>> {
  static std::vector<Matrix> matrices() {
    return {{.n_columns = 1, .sd = true}, {.n_columns = 1, .bare = true}, {.n_columns = 66, .sd = true}};
  }
  static std::int64_t n_values(std::int64_t) { return 2; }
  static PlainRow row(const RowCase<T>& rows, const std::vector<T>&, std::int64_t n, const std::vector<Sized>& p,
                      const Sized& squares) {
    Sized variance = squares;
    for (std::size_t k = 1; k < p.size(); ++k) variance.add(p[k].value * p[k].value, p[k].size * p[k].size);
    const PlainTerm term = expected_term_of(rows, n, p[0], variance);
    return {{term.rho}, {term.c}, p, {term.value, {std::abs(term.value.value), term.value.size}}};
  }
};
template <class T>
struct PlainFinish<ProductFinish<T>> {
  static std::vector<Matrix> matrices() { return {{.n_columns = 1}, {.n_columns = 1, .bare = true}}; }
  static std::int64_t n_values(std::int64_t) { return 0; }
  static PlainRow row(const RowCase<T>&, const std::vector<T>& c, std::int64_t n, const std::vector<Sized>& p,
                      const Sized&) {
    const double factor = c.empty() ? 1 : static_cast<double>(c[static_cast<std::size_t>(n)]);
    return {{{factor * p[0].value, std::abs(factor) * p[0].size}}, {}, {}, {}};
  }
};
template <class T>
struct PlainFinish<DrawsFinish<T>> {
  static std::vector<Matrix> matrices() {
    return {{.n_columns = 5}, {.n_columns = 64}, {.n_columns = 7, .bare = true}};
  }
  static std::int64_t n_values(std::int64_t n_columns) { return n_columns; }
  static PlainRow row(const RowCase<T>& rows, const std::vector<T>&, std::int64_t n, const std::vector<Sized>& p,
                      const Sized&) {
    PlainRow out;
    for (const Sized& eta : p) {
      const PlainTerm term = point_term(rows, n, eta);
      out.rho.push_back(term.rho);
      out.values.push_back(term.value);
    }
    return out;
  }
};

template <class T, class Finish>
void expect_plain_products(const Storage& storage, const Matrix& matrix) {
  SCOPED_TRACE(testing::Message() << storage << ", " << matrix.n_columns << " columns");
  using Plain = PlainFinish<Finish>;
  const Launch launch = launch_for(kTileRows);
  const RowCase<T> rows(storage, rows_for(kTileRows));
  const std::int64_t d = storage.d, n_columns = matrix.n_columns;
  // Not so large that a Poisson rate, or its expectation, is.
  const double scale = 1 / std::sqrt(static_cast<double>(d * (Finish::kSquares ? n_columns : 1)));
  Noise noise(78);
  std::vector<T> w = noise.numbers<T>(d * n_columns, scale);
  for (std::int64_t i = 0; i < d; ++i)
    for (std::int64_t k = i + matrix.lead + 1; matrix.lead >= 0 && k < n_columns; ++k)
      w[static_cast<std::size_t>(i * n_columns + k)] = 0;
  const std::vector<T> sd = noise.numbers<T>(matrix.sd ? d : 0, scale),
                       c = noise.numbers<T>(matrix.bare ? 0 : rows.n_rows());
  ProjectArguments<T> arguments;
  const Buffer<T> packed =
      packed_matrix<T>(d, n_columns, arguments.stride, nullptr,
                       [&](std::int64_t i, std::int64_t k) { return w[static_cast<std::size_t>(i * n_columns + k)]; });
  const simt::DeviceArray<T> sd_there(sd), c_there(c);

  std::vector<Sized> rho, curvature, projections, values(static_cast<std::size_t>(Plain::n_values(n_columns)));
  for (std::int64_t n = 0; n < rows.n_rows(); ++n) {
    const std::vector<double> x = rows.row(n);
    std::vector<Sized> p;
    for (std::int64_t k = 0; k < n_columns; ++k) p.push_back(product(x, w.data() + k, n_columns));
    const PlainRow row = Plain::row(rows, c, n, p, matrix.sd ? squares(x, sd.data()) : Sized{});
    rho.insert(rho.end(), row.rho.begin(), row.rho.end());
    curvature.insert(curvature.end(), row.curvature.begin(), row.curvature.end());
    projections.insert(projections.end(), row.projections.begin(), row.projections.end());
    for (std::size_t i = 0; i < values.size(); ++i) values[i].add(row.values[i].value, row.values[i].size);
  }
  const bool with_rho = !matrix.bare || values.empty();
  if (!with_rho) rho.clear();
  if (matrix.bare) {
    curvature.clear();
    projections.clear();
  }

  const std::vector<double> got = simt::same_under_every_schedule([&] {
    const simt::DeviceArray<T> rho_there(rho.size()), curvature_there(curvature.size()), projected(projections.size());
    arguments.source = rows.source();
    arguments.w = packed.get();
    arguments.n_columns = n_columns;
    arguments.lead = matrix.lead;
    arguments.sd = sd_there.data();
    arguments.rule = rule_of(storage);
    arguments.c = c_there.data();
    arguments.rho = rho_there.data();
    arguments.curvature_rows = curvature_there.data();
    arguments.projections = projected.data();
    std::vector<double> all = run_project<T, Finish>(launch, arguments, Plain::n_values(n_columns)).values;
    for (const auto* array : {&rho_there, &curvature_there, &projected})
      for (const T x : array->on_host()) all.push_back(static_cast<double>(x));
    return all;
  });
  for (const auto* some : {&rho, &curvature, &projections}) values.insert(values.end(), some->begin(), some->end());
  expect_close<T>(got, values);
}

const Storage kStorages[] = {
    {.name = "vectors", .d = 130, .copying = Copying::vectors},
    {.name = "vectors_index_bernoulli",
     .d = 35,
     .copying = Copying::vectors,
     .index = true,
     .likelihood = internal::RowLikelihood::bernoulli},
    {.name = "elements_intercept_draws", .d = 3, .copying = Copying::elements, .intercept = true, .n_draws = 6},
    {.name = "convert_centre_intercept_poisson",
     .d = 65,
     .copying = Copying::convert,
     .intercept = true,
     .centre = true,
     .likelihood = internal::RowLikelihood::poisson},
    {.name = "scatter_index_intercept", .d = 99, .copying = Copying::scatter, .index = true, .intercept = true},
    {.name = "slab_draws", .d = 33, .copying = Copying::vectors, .n_draws = 6, .packed = true},
    {.name = "slab_index", .d = 12, .copying = Copying::vectors, .index = true, .packed = true},
};

template <class T, class F>
struct Instance {
  using Scalar = T;
  using Finish = F;
};
template <class List>
struct AllFinishes;
template <class... F, class... D>
struct AllFinishes<std::pair<std::tuple<F...>, std::tuple<D...>>> {
  using Types = testing::Types<Instance<float, F>..., Instance<double, D>...>;
};

template <class I>
class ProjectRows : public testing::Test {};
using Instances = AllFinishes<std::pair<ProjectFinishes<float>, ProjectFinishes<double>>>::Types;
TYPED_TEST_SUITE(ProjectRows, Instances);

TYPED_TEST(ProjectRows, PlainProducts) {
  using Finish = typename TypeParam::Finish;
  for (const Storage& storage : kStorages)
    for (const Matrix& matrix : PlainFinish<Finish>::matrices())
      expect_plain_products<typename TypeParam::Scalar, Finish>(storage, matrix);
}

template <class T>
class ProjectTriangle : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(ProjectTriangle, Scalars);

// A mean and a triangular factor: what is zero is skipped, and nothing else.
TYPED_TEST(ProjectTriangle, PlainProducts) {
  for (const std::int64_t lead : {1, 2}) {
    const Matrix matrix{.n_columns = 131, .lead = lead, .sd = true};
    expect_plain_products<TypeParam, ExpectationFinish<TypeParam>>(kStorages[0], matrix);
  }
}

}  // namespace
}  // namespace velbo::kernels
