// velbo/matrix_functions.h - small dense linear algebra in place, of numbers and of scalars that carry derivatives.
//
// Matrices are [n, n], row-major; of a lower triangular one the part above the diagonal is never read.  No pivots, no
// exceptions, no memory: for the few rows that a model writes by hand, not for thousands.  Host and device.
#pragma once
#include <cstdint>

#include "velbo/functions.h"
#include "velbo/host_device.h"
#include "velbo/scalar.h"

namespace velbo {

// x'b for x [n], b [n].
template <internal::AnyScalar X, internal::AnyScalar B>
VELBO_HOST_DEVICE promoted_t<X, B> dot(const X* x, const B* b, std::int64_t n) {
  using R = promoted_t<X, B>;
  R sum(0);
  for (std::int64_t i = 0; i < n; ++i) sum += internal::operand<R>(x[i]) * internal::operand<R>(b[i]);
  return sum;
}

// The lower Cholesky factor L of a symmetric matrix, whose lower triangle it overwrites; the upper one is left alone.
// Where the matrix is not positive definite, L has NaN from there on.
template <ModelScalar X>
VELBO_HOST_DEVICE void cholesky(X* a, std::int64_t n) {
  using T = real_t<X>;
  for (std::int64_t j = 0; j < n; ++j) {
    X* const row = a + j * n;
    const X pivot = row[j] - velbo::dot(row, row, j);
    row[j] = internal::number_of<T>(pivot) > 0 ? velbo::sqrt(pivot) : X(internal::kNaN<T>);
    for (std::int64_t i = j + 1; i < n; ++i) {
      X* const below = a + i * n;
      below[j] = (below[j] - velbo::dot(below, row, j)) / row[j];
    }
  }
}

// L x for lower triangular L [n, n] and x [n], into out [n], which may be x.
template <internal::AnyScalar A, internal::AnyScalar X, ModelScalar R>
VELBO_HOST_DEVICE void lower_times_vector(const A* lower, const X* x, std::int64_t n, R* out) {
  for (std::int64_t i = n; i-- > 0;) out[i] = R(velbo::dot(lower + i * n, x, i + 1));
}

// The solution x of L x = b, into out [n], which may be b.
template <internal::AnyScalar A, internal::AnyScalar B, ModelScalar R>
VELBO_HOST_DEVICE void lower_solve(const A* lower, const B* b, std::int64_t n, R* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    const A* const row = lower + i * n;
    const R right = R(internal::operand<R>(b[i])) - R(velbo::dot(row, out, i));
    out[i] = right / internal::operand<R>(row[i]);
  }
}

}  // namespace velbo
