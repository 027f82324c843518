// data/feature_matrix.cpp - matrices of predictors that are in memory.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "data/feature_store.h"
#include "velbo/data.h"
#include "velbo/error.h"

namespace velbo {
namespace {

template <class T>
constexpr internal::Element element_of = sizeof(T) == sizeof(float) ? internal::Element::float32
                                                                    : internal::Element::float64;

template <class T>
void check(const MatrixView<const T>& x) {
  if (x.n_rows < 0 || x.n_columns < 0 || x.stride < x.n_columns)
    throw Error(ErrorCode::shape, fmt::format("x is [{}, {}] with stride {}", x.n_rows, x.n_columns, x.stride));
}

template <class T>
internal::FeatureStore borrowed(const MatrixView<const T>& x) {
  check(x);
  internal::FeatureStore store;
  store.n_rows = x.n_rows;
  store.n_columns = x.n_columns;
  store.element = element_of<T>;
  store.x = x.data;
  store.stride = x.stride;
  return store;
}

template <class T>
internal::FeatureStore copied(const MatrixView<const T>& x) try {
  internal::FeatureStore store = borrowed(x);
  auto values = std::make_shared<std::vector<T>>(static_cast<std::size_t>(x.n_rows * x.n_columns));
  for (std::int64_t n = 0; n < x.n_rows; ++n)
    std::copy_n(x.data + n * x.stride, x.n_columns, values->data() + n * x.n_columns);
  store.x = values->data();
  store.stride = x.n_columns;
  store.owner = std::move(values);
  return store;
} catch (const std::bad_alloc&) {
  throw Error(ErrorCode::memory,
              fmt::format("x of {} rows and {} columns does not fit into memory", x.n_rows, x.n_columns));
}

}  // namespace

const std::shared_ptr<const internal::FeatureStore>& FeatureMatrix::nothing() {
  static const auto store = std::make_shared<const internal::FeatureStore>();
  return store;
}

FeatureMatrix::FeatureMatrix(MatrixView<const double> x)
    : store_(std::make_shared<const internal::FeatureStore>(copied(x))) {}
FeatureMatrix::FeatureMatrix(MatrixView<const float> x)
    : store_(std::make_shared<const internal::FeatureStore>(copied(x))) {}

FeatureMatrix FeatureMatrix::borrow(MatrixView<const double> x) {
  return FeatureMatrix(std::make_shared<const internal::FeatureStore>(borrowed(x)));
}
FeatureMatrix FeatureMatrix::borrow(MatrixView<const float> x) {
  return FeatureMatrix(std::make_shared<const internal::FeatureStore>(borrowed(x)));
}

FeatureMatrix FeatureMatrix::adopt(std::vector<double> x, std::int64_t n_rows, std::int64_t stride,
                                   std::int64_t first_column) {
  if (n_rows < 0 || first_column < 0 || stride < first_column || n_rows * stride != static_cast<std::int64_t>(x.size()))
    throw Error(ErrorCode::shape, fmt::format("x has {} elements, expected {} rows of {}", x.size(), n_rows, stride));
  auto values = std::make_shared<const std::vector<double>>(std::move(x));
  internal::FeatureStore store =
      borrowed(MatrixView<const double>{values->data() + first_column, n_rows, stride - first_column, stride});
  store.owner = std::move(values);
  return FeatureMatrix(std::make_shared<const internal::FeatureStore>(std::move(store)));
}

FeatureMatrix FeatureMatrix::sparse(std::int64_t n_columns, std::vector<std::int64_t> row_start,
                                    std::vector<std::int32_t> column, std::vector<double> value) {
  const auto n_values = static_cast<std::int64_t>(value.size());
  if (n_columns < 0 || row_start.empty() || row_start.front() != 0 || row_start.back() != n_values ||
      column.size() != value.size())
    throw Error(ErrorCode::shape,
                fmt::format("sparse x of {} columns has {} values, {} columns of values and row starts from {} to {}; "
                            "expected as many of each, and starts from 0 to their number",
                            n_columns, value.size(), column.size(), row_start.empty() ? -1 : row_start.front(),
                            row_start.empty() ? -1 : row_start.back()));
  for (std::size_t n = 0; n + 1 < row_start.size(); ++n) {
    if (row_start[n + 1] < row_start[n] || row_start[n + 1] > n_values)
      throw Error(ErrorCode::shape, fmt::format("sparse x: row {} is from {} to {} of {} values", n, row_start[n],
                                                row_start[n + 1], n_values));
    std::int64_t last = -1;
    for (auto k = static_cast<std::size_t>(row_start[n]); k < static_cast<std::size_t>(row_start[n + 1]); ++k) {
      if (column[k] <= last || column[k] >= n_columns)
        throw Error(ErrorCode::shape,
                    fmt::format("sparse x: row {} has column {} after {}, expected them increasing and "
                                "below {}",
                                n, column[k], last, n_columns));
      last = column[k];
      if (!std::isfinite(value[k]))
        throw Error(ErrorCode::data, fmt::format("x[{}, {}] is {}, expected a finite number", n, column[k], value[k]));
    }
  }
  struct Arrays {
    std::vector<std::int64_t> row_start;
    std::vector<std::int32_t> column;
    std::vector<double> value;
  };
  auto arrays = std::make_shared<const Arrays>(Arrays{std::move(row_start), std::move(column), std::move(value)});
  internal::FeatureStore store;
  store.n_rows = static_cast<std::int64_t>(arrays->row_start.size()) - 1;
  store.n_columns = n_columns;
  store.row_start = arrays->row_start.data();
  store.column = arrays->column.data();
  store.value = arrays->value.data();
  store.owner = std::move(arrays);
  return FeatureMatrix(std::make_shared<const internal::FeatureStore>(std::move(store)));
}

std::int64_t FeatureMatrix::n_rows() const noexcept { return store_->n_rows; }
std::int64_t FeatureMatrix::n_columns() const noexcept { return store_->n_columns; }
bool FeatureMatrix::is_sparse() const noexcept { return store_->row_start != nullptr; }

void FeatureMatrix::row(std::int64_t n, std::span<double> out) const {
  const internal::FeatureStore& s = *store_;
  if (n < 0 || n >= s.n_rows || static_cast<std::int64_t>(out.size()) != s.n_columns)
    throw Error(ErrorCode::shape,
                fmt::format("row {} of {}, into {} elements, expected {}", n, s.n_rows, out.size(), s.n_columns));
  if (s.row_start != nullptr) {
    std::fill(out.begin(), out.end(), 0.0);
    for (std::int64_t k = s.row_start[n]; k < s.row_start[n + 1]; ++k)
      out[static_cast<std::size_t>(s.column[k])] = s.value[k];
  } else if (s.element == internal::Element::float32) {
    std::copy_n(static_cast<const float*>(s.x) + n * s.stride, s.n_columns, out.begin());
  } else {
    std::copy_n(static_cast<const double*>(s.x) + n * s.stride, s.n_columns, out.begin());
  }
}

}  // namespace velbo
