// backend/ops.h - the table of device operations: filled once by the CPU (src/cpu) and once by CUDA (kernels).
//
// Nothing above this file knows a device.  A missing entry fails the build (-Werror=missing-field-initializers).
// Pointers named rows.* and those marked [device] are device memory; results in double are host memory, because the
// host's controller works on them next.  Every operation gives the same bits for any number of threads: rows are cut
// into chunks by their number alone, a chunk is summed in a fixed order, and chunks are added in order, in double.
#pragma once
#include <cstdint>

#include "velbo/context.h"
#include "velbo/random.h"

namespace velbo::internal {

// Likelihoods of one row given its linear predictor, as far as it depends on it: constants are the caller's.
enum class RowLikelihood : std::int32_t {
  bernoulli,      // y eta - trials softplus(eta)
  poisson,        // y eta - e^eta
  unit_gaussian,  // -(y - eta)^2 / 2
};

// Rows of data, N = n_rows, D = n_columns.
template <class T>
struct Rows {
  const T* x = nullptr;        // [N, D] row-major
  const T* y = nullptr;        // [N]; bernoulli: number of successes
  const T* trials = nullptr;   // [N] bernoulli: number of trials; nullptr: one each
  const T* weights = nullptr;  // [N] multiply each row's log likelihood; nullptr: one each
  const T* offset = nullptr;   // [N] added to the linear predictor; nullptr: zero
  T scale = 1;                 // multiplies every weight: N / B where B rows stand for N
  std::int64_t n_rows = 0;
  std::int64_t n_columns = 0;
  RowLikelihood likelihood = RowLikelihood::bernoulli;
};

// Sums over rows of the expected log likelihood under eta_n ~ N(m_n, s_n^2) and its derivatives (methods of
// Rao-Blackwellised GLM expectations: rho = d/dm, c = -2 d/d(s^2)); constants of the likelihood are left to the caller.
struct RowSums {
  double value = 0;            // sum_n w_n E[log p(y_n | eta_n)]
  double absolute = 0;         // sum_n |w_n E[...]|: scale of the rounding error of `value`
  double* gradient = nullptr;  // [D] X' (w rho); nullptr: not wanted
  // [D, D] lower triangle of X' diag(w c) X (full rank) or [D] its diagonal (mean field); nullptr: not wanted
  double* curvature = nullptr;
};

template <class T>
struct Ops {
  // out[n, k] = x[n, source[k]] - centre[k], converted.  x [N, D], source [D], centre [D]: host memory; [device] out [N, D]
  void (*keep_rows)(const Context&, const double* x, std::int64_t n_rows, std::int64_t n_columns,
                    const std::int64_t* source, const double* centre, T* out);
  // out[i, :] = from[rows[i], :].  [device] from [*, width], out [count, width]; rows [count] in host memory
  void (*gather_rows)(const Context&, const T* from, std::int64_t width, const std::int64_t* rows, std::int64_t count,
                      T* out);
  // Where a fit may start from: curvature c [device] [N] and working response r [device] [N] times c.  bernoulli: the
  // largest curvature there is, trials / 4, and 0; poisson: y + 1/2 and log(y + 1/2) - offset; unit_gaussian: 1 and
  // y - offset.  Weights and scale included.
  void (*starting_curvature)(const Context&, const Rows<T>&, T* c, T* c_times_r);
  // out[s * D + d] = normal(key, step, draw first_draw + s, element d), s < n_draws.  [device] out [S, D]
  void (*normals)(const Context&, Key key, std::uint32_t step, std::uint32_t first_draw, std::int64_t n_draws,
                  std::int64_t dimension, T* out);

  // m = X mean + offset, s^2_n = |scale_tril' x_n|^2.  mean [D], scale_tril [D, D] row-major (any zeros are skipped in
  // blocks, so a triangular factor in the rows' order is cheapest), both host memory.
  void (*expected_log_likelihood_full_rank)(const Context&, const Rows<T>&, const double* mean,
                                            const double* scale_tril, RowSums&);
  // The same with s^2_n = sum_d (sd_d x_nd)^2.  curvature_rows, where given, receives w_n c_n: [device] [N].
  void (*expected_log_likelihood_mean_field)(const Context&, const Rows<T>&, const double* mean, const double* sd,
                                             RowSums&, T* curvature_rows);
  // gram = X' diag(c) X: its lower triangle [D, D], or its diagonal [D]; moment [D] = X' r.  c, r: [device] [N]; nullptr c:
  // ones; nullptr gram or moment: not wanted.
  void (*weighted_gram)(const Context&, const Rows<T>&, const T* c, const T* r, bool diagonal, double* gram,
                        double* moment);
  // out [D] = X' (c * (X v)): one product with the curvature matrix.  v [D] host, c [device] [N].
  void (*curvature_product)(const Context&, const Rows<T>&, const T* c, const double* v, double* out);
  // out[s] = sum_n w_n log p(y_n | x_n' z_s + offset_n) for z [S, D] in host memory, without the constants.
  void (*log_likelihood)(const Context&, const Rows<T>&, const double* z, std::int64_t n_draws, double* out);
};

const Ops<float>& cpu_ops_float();
const Ops<double>& cpu_ops_double();

}  // namespace velbo::internal
