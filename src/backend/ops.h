// backend/ops.h - the table of device operations: filled once by the CPU (src/cpu) and once by CUDA (kernels).
//
// Nothing above this file knows a device.  A missing entry fails the build (-Werror=missing-field-initializers).
// Pointers named rows.* and those marked [device] are device memory; results in double are host memory, because the
// host's controller works on them next.  Every operation gives the same bits for any number of threads: rows are cut
// into chunks by their number alone, a chunk is summed in a fixed order, and chunks are added in order, in double.
// Rows that are streamed to a device are cut into slabs first (backend/row_stream.h), so that their sums differ from those
// of resident rows by rounding; they too are the same bits on every run.
#pragma once
#include <cstdint>

#include "backend/rows.h"
#include "velbo/context.h"

namespace velbo::internal {

template <class T>
struct Ops {
  // Where a fit may start from: curvature c [device] [N] and working response r [device] [N] times c.  bernoulli: the
  // largest curvature there is, trials / 4, and 0; poisson: y + 1/2 and log(y + 1/2) - offset; unit_gaussian: 1 and
  // y - offset.  Weights and scale included.
  void (*starting_curvature)(const Context&, const Rows<T>&, T* c, T* c_times_r);
  // out[s * D + d] = normal(key, step, draw first_draw + s, element d), s < n_draws.  [device] out [S, D]
  void (*normals)(const Context&, Key key, std::uint32_t step, std::uint32_t first_draw, std::int64_t n_draws,
                  std::int64_t dimension, T* out);

  // m = X mean + offset, s^2 by `scale`; mean [D] in host memory.
  void (*expected_log_likelihood)(const Context&, const Rows<T>&, const double* mean, const PredictorScale& scale,
                                  const PredictorRule& rule, RowSums<T>&);
  // gram = X' diag(c) X: its lower triangle [D, D], or its diagonal [D]; moment [D] = X' r.  c, r: [device] [N]; nullptr c:
  // ones; nullptr gram or moment: not wanted.
  void (*weighted_gram)(const Context&, const Rows<T>&, const T* c, const T* r, bool diagonal, double* gram,
                        double* moment);
  // out [D] = X' (c * (X v)): one product with the curvature matrix.  v [D] host, c [device] [N].
  void (*curvature_product)(const Context&, const Rows<T>&, const T* c, const double* v, double* out);
  // out[s] = sum_n w_n log p(y_n | x_n' z_s + offset_n) for z [S, D] in host memory, without the constants.
  void (*log_likelihood)(const Context&, const Rows<T>&, const double* z, std::int64_t n_draws, double* out);
  // The same, with gradient[s, :] = d out[s] / d z_s, [S, D] in host memory.
  void (*log_likelihood_gradient)(const Context&, const Rows<T>&, const double* z, std::int64_t n_draws, double* out,
                                  double* gradient);
};

const Ops<float>& cpu_ops_float();
const Ops<double>& cpu_ops_double();

}  // namespace velbo::internal
