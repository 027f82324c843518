// step_gradients.cuh - from the sums over rows to the gradient of the ELBO in a step's coordinates.
//
// The equations are those of objectives/glm_estimator.h, objectives/elbo_gradient.h and engines/whitening.h.
#pragma once
#include <cstdint>

#include "math/prior_terms.h"
#include "step_arguments.cuh"

namespace velbo::kernels {

// E[log p(latent)] with what e^latent's Jacobian adds, and its derivatives.
__device__ __forceinline__ internal::Expectation<double> step_prior(const internal::StepPrior& p, double mean,
                                                                    double sd) {
  if (!p.positive) return internal::expected_prior_term(p.prior, p.constant, mean, sd);
  internal::Expectation<double> e = internal::expected_positive_prior_term(p.prior, p.constant, mean, sd);
  e.value += mean;
  e.d_mean += 1;
  return e;
}

// Block s: gradient and value of draw s.  Shared memory: D doubles, for a full-rank family's score.
// Left to itself ptxas wants three blocks a multiprocessor at 8.0 to 8.9, and spills for it.
template <class T>
__global__ void __launch_bounds__(kThreads, 2) draw_gradients(const StepArguments<T> a) {
  VELBO_SHARED_MEMORY(raw);
  if (a.state->left <= 0) return;
  double* const left = reinterpret_cast<double*>(raw);
  const std::int64_t s = blockIdx.x, d = a.n_latents;
  const double* const z = a.z + s * a.n_lines;
  const double* const eps = a.eps + s * d;
  const double u = a.has_sigma ? z[d - 1] : 0, precision = a.has_sigma ? exp(-2 * u) : 1;
  const double half_squares = -precision * a.values[s];
  if (a.sticks() && a.full_rank()) {
    // L' x = eps from the last row up; x_i is left in place of eps_i.
    for (std::int64_t i = threadIdx.x; i < d; i += kThreads) left[i] = eps[i];
    for (std::int64_t i = d - 1; i >= 0; --i) {
      const double* const row = a.factor + i * d;
      __syncthreads();
      const double x = left[i] / row[i];
      __syncthreads();
      for (std::int64_t j = threadIdx.x; j <= i; j += kThreads) left[j] = j == i ? x : left[j] - row[j] * x;
    }
    __syncthreads();
  }
  for (std::int64_t i = threadIdx.x; i < d; i += kThreads) {
    double g = a.has_sigma && i == d - 1 ? 2 * half_squares - a.state->count
                                         : precision * a.to_latent(a.sums + s * a.n_columns, 1, i);
    if (a.sticks()) g += step_prior(a.priors[i], z[i], 0).d_mean + (a.full_rank() ? left[i] : eps[i] / a.factor[i]);
    a.draw_gradient[s * d + i] = g;
  }
  if (threadIdx.x == 0)
    a.draw_value[s] = a.has_sigma ? -half_squares - a.state->count * (u + kHalfLogTwoPi) : a.values[s];
}

// Full rank without draws: gram times the factor, block r its row r.
template <class T>
__global__ void __launch_bounds__(kThreads) image_of_factor(const StepArguments<T> a) {
  if (a.state->left <= 0) return;
  const std::int64_t r = blockIdx.x, d = a.n_latents, columns = a.n_columns;
  for (std::int64_t k = threadIdx.x; k < d; k += kThreads) {
    double sum = 0;
    for (std::int64_t c = 0; c < columns; ++c) {
      const double x = c <= r ? a.gram[r * columns + c] : a.gram[c * columns + r];
      sum += x * a.factor[a.line[c] * d + k];
    }
    a.image[r * d + k] = sum;
  }
}

// The likelihood's part for latent i: its mean, and column k of its factor.
struct LikelihoodPart {
  double mean, factor;
};

template <class T>
__device__ LikelihoodPart by_draws(const StepArguments<T>& a, std::int64_t i, std::int64_t k) {
  const std::int64_t d = a.n_latents, s_draws = a.settings.n_draws;
  const std::int64_t noise = a.full_rank() ? k : i;
  LikelihoodPart sum{0, 0};
  for (std::int64_t s = 0; s < s_draws; ++s) {
    const double g = a.draw_gradient[s * d + i];
    sum.mean += g;
    sum.factor += g * a.eps[s * d + noise];
  }
  const double share = 1 / static_cast<double>(s_draws);
  return {share * sum.mean, share * sum.factor};
}

template <class T>
__device__ LikelihoodPart by_predictors(const StepArguments<T>& a, std::int64_t i, std::int64_t k) {
  const std::int64_t d = a.n_latents, columns = a.factor_columns();
  const double* const scale_row = a.factor + (d - 1) * columns;  // of u, where there is one
  double tilt = 1;
  if (a.has_sigma) {
    double variance = 0;
    for (std::int64_t j = 0; j < columns; ++j) variance += scale_row[j] * scale_row[j];
    tilt = exp(-2 * a.mean[d - 1] + 2 * variance);
  }
  if (a.has_sigma && i == d - 1) {
    const double value = tilt * a.values[0];
    double factor = 4 * value * scale_row[k];
    for (std::int64_t j = 0; a.full_rank() && j < d - 1; ++j)
      factor -= 2 * tilt * a.to_latent(a.sums, 1, j) * a.factor[j * columns + k];
    return {-2 * value - a.state->count, factor};
  }
  const double mean = tilt * a.to_latent(a.sums, 1, i);
  if (!a.full_rank()) return {mean, -tilt * a.to_latent(a.sums + a.n_columns, 1, i) * a.factor[i]};
  return {mean, -tilt * a.to_latent(a.image + k, d, i) - (a.has_sigma ? 2 * mean * scale_row[k] : 0)};
}

// Block i: latent i.  Shared memory: kWarps + 2 doubles.
template <class T>
__global__ void __launch_bounds__(kThreads) latent_gradients(const StepArguments<T> a) {
  VELBO_SHARED_MEMORY(raw);
  if (a.state->left <= 0) return;
  double* const shared = reinterpret_cast<double*>(raw);
  const std::int64_t i = blockIdx.x, columns = a.factor_columns();
  const double* const row = a.factor + i * columns;
  double squares = 0;
  for (std::int64_t k = threadIdx.x; k < columns; k += kThreads) squares += row[k] * row[k];
  const double variance = block_sum<1>(squares, shared);
  if (threadIdx.x == 0) {
    const internal::Expectation<double> prior = step_prior(a.priors[i], a.mean[i], sqrt(variance));
    a.prior_value[i] = prior.value;
    shared[kWarps] = a.sticks() ? 0 : prior.d_mean;
    shared[kWarps + 1] = a.sticks() ? 0 : prior.curvature;
  }
  __syncthreads();
  const double entropy = a.sticks() ? 0 : 1;
  const std::int64_t end = a.full_rank() ? i + 1 : 1;
  for (std::int64_t k = threadIdx.x; k < end; k += kThreads) {
    const LikelihoodPart part = a.by_draws() ? by_draws(a, i, k) : by_predictors(a, i, k);
    if (k == 0) a.latent_mean[i] = part.mean + shared[kWarps];
    a.latent_factor[i * columns + k] =
        part.factor - shared[kWarps + 1] * row[k] + (k + 1 == end ? entropy / row[k] : 0);
  }
}

// Block j: coordinate j of the mean, and row j of the factor's.  Shared memory: kWarps doubles.
template <class T>
__global__ void __launch_bounds__(kThreads)
    whitened_gradient(const StepArguments<T> a, bool at_reference, double* out) {
  VELBO_SHARED_MEMORY(raw);
  if (a.state->left <= 0) return;
  const std::int64_t j = blockIdx.x, d = a.n_latents;
  const int t = static_cast<int>(threadIdx.x);
  double mean = 0;
  if (a.state->mean_factor_is_diagonal != 0) {
    if (t == 0) mean = a.mean_factor[j] * a.latent_mean[j];
  } else {
    for (std::int64_t i = j + t; i < d; i += kThreads) mean += a.mean_factor[i * d + j] * a.latent_mean[i];
  }
  const double total = block_sum<1>(mean, reinterpret_cast<double*>(raw));
  if (t == 0) out[j] = total;
  if (!a.full_rank()) {
    if (t == 0)
      out[d + j] = kRootHalf * a.line_factor[j] * (at_reference ? 1 : exp(kRootHalf * a.w[d + j])) * a.latent_factor[j];
    return;
  }
  for (std::int64_t k = t; k <= j; k += kThreads) {
    double sum = 0;
    for (std::int64_t i = j; i < d; ++i) sum += a.line_factor[i * d + j] * a.latent_factor[i * d + k];
    const std::int64_t at = a.coordinate(j, k);
    if (j == k) sum *= kRootHalf * (at_reference ? 1 : exp(kRootHalf * a.w[at]));
    out[at] = sum;
  }
}

}  // namespace velbo::kernels
