// step_update.cuh - the step along a gradient, as engines/gradient.cpp and src/optimizers make it: refused where the gradient
// is not finite, clipped, scaled, averaged, counted.
#pragma once
#include <cstdint>

#include "step_arguments.cuh"

namespace velbo::kernels {

// The largest of every thread's values, for all threads; `shared`: kWarps doubles.  Barriers at both ends.
__device__ __forceinline__ double block_max(double value, double* shared) {
#pragma unroll
  for (int offset = 16; offset >= 1; offset /= 2) {
    const double other = __shfl_xor_sync(0xffffffffU, value, offset);
    value = other > value ? other : value;
  }
  __syncthreads();
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  for (int w = 0; w < kWarps; ++w) value = shared[w] > value ? shared[w] : value;
  return value;
}

// block_sum() for all threads; `shared`: kWarps + 1 doubles.  Barriers at both ends.
__device__ __forceinline__ double block_total(double value, double* shared) {
  __syncthreads();
  const double sum = block_sum<1>(value, shared);
  if (threadIdx.x == 0) shared[kWarps] = sum;
  __syncthreads();
  return shared[kWarps];
}

// schedule() of optimizers/optimizer.h.
__device__ __forceinline__ double step_schedule(std::int64_t t, std::int64_t warm_up_steps, double decay) {
  const double warm =
      warm_up_steps > 0 && t + 1 < warm_up_steps ? static_cast<double>(t + 1) / static_cast<double>(warm_up_steps) : 1;
  return warm * pow(1 + static_cast<double>(t) / 10, -decay);
}

// The noisy ELBO at the point: what the rows gave, the priors, the entropy.  For all threads; `shared` as block_total().
template <class T>
__device__ double noisy_elbo(const StepArguments<T>& a, double* shared) {
  const std::int64_t d = a.n_latents, columns = a.factor_columns();
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < d; i += kThreads)
    sum += a.prior_value[i] + log(a.factor[i * columns + (a.full_rank() ? i : 0)]) + kHalfLogTwoPi + 0.5;
  if (a.by_draws()) {
    for (std::int64_t s = threadIdx.x; s < a.settings.n_draws; s += kThreads)
      sum += a.draw_value[s] / static_cast<double>(a.settings.n_draws);
  } else if (threadIdx.x == 0) {
    double value = a.values[0];
    if (a.has_sigma) {
      double variance = 0;
      for (std::int64_t k = 0; k < columns; ++k)
        variance += a.factor[(d - 1) * columns + k] * a.factor[(d - 1) * columns + k];
      value = exp(-2 * a.mean[d - 1] + 2 * variance) * value - a.state->count * (a.mean[d - 1] + kHalfLogTwoPi);
    }
    sum += value;
  }
  return a.log_normaliser + block_total(sum, shared);
}

// One block.  Shared memory: kWarps + 1 doubles.  `elbo` is made before an anchor's passes overwrite the point.
template <class T>
__global__ void __launch_bounds__(kThreads) keep_elbo(const StepArguments<T> a) {
  VELBO_SHARED_MEMORY(raw);
  if (a.state->left <= 0) return;
  const double elbo = noisy_elbo(a, reinterpret_cast<double*>(raw));
  if (threadIdx.x == 0) a.elbo[a.state->step % a.elbo_size] = elbo;
}

// One block.  Shared memory: kWarps + 1 doubles.  `first` [P] where there is a velocity or adam, `second` where adam.
template <class T>
__global__ void __launch_bounds__(kThreads, 1) update_step(const StepArguments<T> a, simt::GraphCondition condition) {
  VELBO_SHARED_MEMORY(raw);
  double* const shared = reinterpret_cast<double*>(raw);
  if (a.state->left <= 0) {
    if (threadIdx.x == 0) simt::continue_while(condition, false);
    return;
  }
  const StepState now = *a.state;
  const internal::StepSettings& settings = a.settings;
  const std::int64_t p_end = a.n_parameters, d = a.n_latents;
  double squares = 0, bad = 0;
  for (std::int64_t p = threadIdx.x; p < p_end; p += kThreads) {
    double g = a.gradient[p];
    // Before the round's first step, at w = 0, the anchor is the gradient, whatever the batch's is.
    if (settings.anchored)
      a.gradient[p] = g = now.averaged == 0 ? a.anchor[p] : g + (a.anchor[p] - a.reference_gradient[p]);
    squares += g * g;
    bad += g - g == 0 ? 0.0 : 1.0;
  }
  const bool refused = block_total(bad, shared) > 0;
  const double length = sqrt(block_total(squares, shared));
  const double longest = now.usual_length > 0 ? settings.clip * now.usual_length : length;
  const bool clips = settings.clip > 0 && length > longest;
  const double shortened = clips ? longest / length : 1;
  if (!refused) {
    const double rate = now.damping * step_schedule(now.step, settings.warm_up_steps, settings.decay);
    const auto t = static_cast<double>(now.optimizer_steps + 1);
    constexpr double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    const double correct1 = 1 - pow(beta1, t), correct2 = 1 - pow(beta2, t);
    double longest_factor = 0;
    for (std::int64_t p = threadIdx.x; p < p_end; p += kThreads) {
      const double g = shortened * a.gradient[p];
      double direction = g;
      if (settings.adam) {
        a.first[p] = beta1 * a.first[p] + (1 - beta1) * g;
        a.second[p] = beta2 * a.second[p] + (1 - beta2) * g * g;
        direction = (a.first[p] / correct1) / (sqrt(a.second[p] / correct2) + epsilon);
      } else if (settings.momentum != 0) {
        direction = a.first[p] = settings.momentum * a.first[p] + g;
      }
      const double change = rate * (p < d ? now.mean_rate : now.factor_rate) * direction;
      a.gradient[p] = change;
      if (p >= d) longest_factor = fabs(change) > longest_factor ? fabs(change) : longest_factor;
    }
    longest_factor = block_max(longest_factor, shared);
    const double scale =
        longest_factor > settings.longest_factor_step ? settings.longest_factor_step / longest_factor : 1;
    const double share = now.averaged == 0 ? 1 : 3 / static_cast<double>(now.averaged + 3);
    for (std::int64_t p = threadIdx.x; p < p_end; p += kThreads) {
      a.w[p] += (p < d ? 1 : scale) * a.gradient[p];
      a.average[p] = now.averaged == 0 ? a.w[p] : a.average[p] + share * (a.w[p] - a.average[p]);
    }
  }
  if (threadIdx.x != 0) return;
  StepState next = now;
  ++next.step;
  --next.left;
  if (refused) {
    ++next.rejected;
    next.damping *= 0.5;
    if (++next.rejected_in_a_row >= settings.most_rejected) next.diverged = 1;
  } else {
    next.rejected_in_a_row = 0;
    ++next.optimizer_steps;
    ++next.averaged;
    if (settings.clip > 0) {
      const double seen = clips ? longest : length;
      next.usual_length = now.usual_length > 0 ? now.usual_length + (seen - now.usual_length) / 20 : seen;
    }
  }
  if (next.diverged != 0) next.left = 0;
  *a.state = next;
  simt::continue_while(condition, next.left > 0);
}

}  // namespace velbo::kernels
