// backend/rows.h - what the operations of backend/ops.h work on: plain structures that also cross the boundary to the CUDA
// plugin and are passed to kernels.
#pragma once
#include <cstdint>

#include "backend/element.h"
#include "math/row_likelihood.h"
#include "velbo/random.h"

namespace velbo::internal {

template <class T>
class RowStream;  // backend/row_stream.h

// B = n_rows rows of data, read where they are.  D = n_columns: the features' columns and, last, the intercept's column of
// ones, which is not stored.  The predictor's columns are x minus centre.
//
// Dense rows of either element type are converted as they are read; so are the rows of a compressed sparse matrix,
// whose columns are distinct within a row.
template <class T>
struct Rows {
  const void* x = nullptr;  // dense: element (i, j) is x[i * stride + j], of type `element`
  Element element = Element::float64;
  std::int64_t stride = 0;
  const std::int64_t* row_start =
      nullptr;  // sparse, where not null: entries row_start[i] <= k < row_start[i + 1] of row i
  const std::int32_t* column = nullptr;
  const double* value = nullptr;
  // The entries of these n_rows rows by column (backend/transposed.h), for devices: null on the CPU, and where an operation
  // shall make them itself, which takes longer than all else that it does.
  const std::int64_t* column_start = nullptr;
  const std::int32_t* column_row = nullptr;
  const double* column_value = nullptr;
  const double* centre = nullptr;  // [n_features], host memory; dense only; nullptr: zeros
  bool intercept = false;
  const T* y = nullptr;        // stored rows; bernoulli: number of successes
  const T* trials = nullptr;   // bernoulli: number of trials; nullptr: one each
  const T* weights = nullptr;  // multiply each row's log likelihood; nullptr: one each
  const T* offset = nullptr;   // added to the linear predictor; nullptr: zero
  T scale = 1;                 // multiplies every weight: N / B where B rows stand for N
  // [B] stored row (of x, y, trials, weights, offset) that is row n here; any order, repeats allowed; nullptr: n itself.
  const std::int64_t* index = nullptr;
  std::int64_t n_rows = 0;
  std::int64_t n_features = 0;
  RowLikelihood likelihood = RowLikelihood::bernoulli;

  // CUDA devices only.  Where `stream` is set, the dense x and the copy of `index` here are host memory, and x goes to the
  // device slab by slab through it.  A slab is packed: row n of x is row n here; all else of it goes by stored row, which is
  // index[n] or, without an index, first_row + n.
  RowStream<T>* stream = nullptr;
  const std::int64_t* host_index = nullptr;
  bool packed = false;
  std::int64_t first_row = 0;

  VELBO_HD std::int64_t n_columns() const { return n_features + (intercept ? 1 : 0); }
};

// Scale of the latents' Gaussian: s_n^2 = sum_d (sd_d x_nd)^2 + |factor' x_n|^2.  Host memory; either may be missing.
struct PredictorScale {
  const double* sd = nullptr;      // [D]
  const double* factor = nullptr;  // [D, rank] row-major; blocks of zeros are skipped, so a triangular one is cheapest
  std::int64_t rank = 0;
};

// How the expectation over a row's predictor eta_n ~ N(m_n, s_n^2) is taken.
struct PredictorRule {
  // 0: by quadrature, or in closed form.  Else as the mean over this many draws m_n + s_n eps_ns of the row itself, where
  // eps_ns = normal(key, step, draw s / 4, element 4 i + s % 4) for stored row i; d/d(s^2) is then by reparameterisation,
  // mean_s[eps_ns dlogp/deta] / (2 s_n), and 0 where s_n is.
  std::int64_t n_draws = 0;
  Key key;
  std::uint32_t step = 0;
};

// Sums over rows of the expected log likelihood under eta_n ~ N(m_n, s_n^2) and its derivatives (methods of
// Rao-Blackwellised GLM expectations: rho = d/dm, c = -2 d/d(s^2)); constants of the likelihood are left to the caller.
// Arrays are host memory but for curvature_rows; nullptr: not wanted.
template <class T>
struct RowSums {
  double value = 0;                  // sum_n w_n E[log p(y_n | eta_n)]
  double absolute = 0;               // sum_n |w_n E[...]|: scale of the rounding error of `value`
  double* gradient = nullptr;        // [D] X' (w rho)
  double* gram = nullptr;            // [D, D] lower triangle of X' diag(w c) X
  double* diagonal = nullptr;        // [D] its diagonal
  double* factor_product = nullptr;  // [D, rank] X' diag(w c) X factor
  T* curvature_rows = nullptr;       // [device] [B] w_n c_n
};

}  // namespace velbo::internal
