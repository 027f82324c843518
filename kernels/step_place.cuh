// step_place.cuh - the point at w, the draws there, and the coefficients that the pass over rows takes.
#pragma once
#include <cstdint>

#include "step_arguments.cuh"

namespace velbo::kernels {

// The mean of line l, m + C u, and of its factor F M the columns k = t, t + kThreads, ... into `line_factor` (shared memory).
// at_reference: w = 0.  Ends with a barrier; `shared`: kWarps doubles.  The mean is thread 0's.
template <class T>
__device__ double place_line(const StepArguments<T>& a, std::int64_t line, bool at_reference, double* line_factor,
                             double* shared) {
  const std::int64_t d = a.n_latents;
  const int t = static_cast<int>(threadIdx.x);
  double change = 0;
  if (!at_reference) {
    if (a.state->mean_factor_is_diagonal != 0) {
      if (t == 0) change = a.mean_factor[line] * a.w[line];
    } else {
      for (std::int64_t j = t; j < d; j += kThreads) change += a.mean_factor[line * d + j] * a.w[j];
    }
  }
  const std::int64_t last = line < d ? line : d - 1;
  if (!a.full_rank()) {
    if (t == 0) line_factor[0] = a.line_factor[line] * (at_reference ? 1 : exp(kRootHalf * a.w[d + line]));
  } else {
    const double* const row = a.line_factor + line * d;
    for (std::int64_t k = t; k < d; k += kThreads) {
      double sum = 0;
      if (at_reference) {
        sum = row[k];
      } else if (k <= last) {
        sum = row[k] * exp(kRootHalf * a.w[a.coordinate(k, k)]);
        for (std::int64_t j = k + 1; j <= last; ++j) sum += row[j] * a.w[a.coordinate(j, k)];
      }
      line_factor[k] = sum;
    }
  }
  const double mean = a.line_mean[line] + block_sum<1>(change, shared);
  __syncthreads();
  return mean;
}

// Block l: line l.  Shared memory: kWarps + 1 + K doubles.
template <class T>
__global__ void __launch_bounds__(kThreads) place_lines(const StepArguments<T> a, bool at_reference) {
  VELBO_SHARED_MEMORY(raw);
  if (a.state->left <= 0) return;
  double* const shared = reinterpret_cast<double*>(raw);
  double* const line_factor = shared + kWarps + 1;
  const std::int64_t line = blockIdx.x, d = a.n_latents, columns = a.factor_columns();
  const int t = static_cast<int>(threadIdx.x);
  const double own = place_line(a, line, at_reference, line_factor, shared);
  if (t == 0) a.mean[line] = shared[kWarps] = own;
  __syncthreads();
  const double mean = shared[kWarps];
  for (std::int64_t k = t; k < columns; k += kThreads) a.factor[line * columns + k] = line_factor[k];
  const std::int64_t column = a.column[line];
  if (!a.by_draws()) {
    if (t == 0 && !a.full_rank() && column >= 0) {
      a.coefficients[column] = static_cast<T>(mean);
      a.coefficients[a.n_columns + column] = static_cast<T>(line_factor[0]);
    }
    return;
  }
  const int warp = t / 32, lane = t % 32;
  for (std::int64_t s = warp; s < a.settings.n_draws; s += kWarps) {
    const double* const eps = a.eps + s * d;
    double sum = 0;
    if (a.full_rank()) {
      for (std::int64_t k = lane; k < d; k += 32) sum += line_factor[k] * eps[k];
    } else if (lane == 0) {
      sum = line_factor[0] * eps[line];
    }
#pragma unroll
    for (int offset = 16; offset >= 1; offset /= 2) sum += __shfl_xor_sync(0xffffffffU, sum, offset);
    if (lane != 0) continue;
    a.z[s * a.n_lines + line] = mean + sum;
    if (column >= 0) a.coefficients[s * a.n_columns + column] = static_cast<T>(mean + sum);
  }
}

// Full rank without draws: mean and factor of each column's coefficient, one block a column.  A Gaussian's unknown scale u
// shifts the mean by -2 Cov(., u) (objectives/glm_estimator.h).  Shared memory: kWarps doubles.
template <class T>
__global__ void __launch_bounds__(kThreads) pack_lines(const StepArguments<T> a) {
  VELBO_SHARED_MEMORY(raw);
  if (a.state->left <= 0) return;
  const std::int64_t column = blockIdx.x, line = a.line[column], d = a.n_latents;
  const double* const row = a.factor + line * d;
  double covariance = 0;
  for (std::int64_t k = threadIdx.x; k < d; k += kThreads) {
    a.coefficients[column * a.packed_stride + 1 + k] = static_cast<T>(row[k]);
    if (a.has_sigma) covariance += row[k] * a.factor[(d - 1) * d + k];
  }
  const double total = block_sum<1>(covariance, reinterpret_cast<double*>(raw));
  if (threadIdx.x == 0) a.coefficients[column * a.packed_stride] = static_cast<T>(a.mean[line] - 2 * total);
}

}  // namespace velbo::kernels
