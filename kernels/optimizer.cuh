// optimizer.cuh - steps of SGD and Adam on the device, as src/optimizers has them, that refuse gradients which are not finite.
#pragma once
#include <cmath>
#include <cstdint>

#include "row_terms.cuh"
#include "simt.cuh"

namespace velbo::kernels {

// In device memory, so that a captured step reads and advances it without the host.
struct OptimizerState {
  std::int64_t step = 0;             // accepted so far, the present one included
  std::int64_t rejected = 0;         // in all
  std::int64_t rejected_in_row = 0;  // since the last that was accepted
  std::int32_t accepted = 0;         // whether the present gradient is
  std::int32_t diverged = 0;         // too many in a row: set once, and nothing moves any more
};

struct OptimizerSettings {
  bool adam = false;
  double momentum = 0;  // of SGD
  double learning_rate = 0;
  std::int64_t warm_up_steps = 0;
  double decay = 0;                  // rate_t = learning_rate (1 + t / 10)^-decay, after a linear warm-up
  std::int64_t most_rejected = 100;  // in a row
};

// Whether the gradient [n] may be used.  One block.  Shared memory: kWarps doubles.
template <class T>
__global__ void __launch_bounds__(kThreads)
    judge_gradient(const T* __restrict__ gradient, std::int64_t n, OptimizerSettings settings, OptimizerState* state) {
  VELBO_SHARED_MEMORY(raw);
  double bad = 0;
  for (std::int64_t i = threadIdx.x; i < n; i += kThreads) {
    const T g = gradient[i];
    bad += g - g == T(0) ? 0.0 : 1.0;  // infinities and NaN
  }
  const double total = block_sum<1>(bad, reinterpret_cast<double*>(raw));
  if (threadIdx.x != 0) return;
  state->accepted = total == 0 && state->diverged == 0 ? 1 : 0;
  if (state->accepted != 0) ++state->step;
  if (total == 0) {
    state->rejected_in_row = 0;
  } else {
    ++state->rejected;
    if (++state->rejected_in_row >= settings.most_rejected) state->diverged = 1;
  }
}

// parameters [n] += rate_t * direction, uphill.  first, second [n]: velocity, or Adam's moments; zeros at first.
template <class T>
__global__ void __launch_bounds__(kThreads)
    take_step(const T* __restrict__ gradient, std::int64_t n, OptimizerSettings settings,
              const OptimizerState* __restrict__ state, T* __restrict__ first, T* __restrict__ second,
              T* __restrict__ parameters) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= n || state->accepted == 0) return;
  const auto t = static_cast<double>(state->step - 1);
  double rate = settings.learning_rate * pow(1 + t / 10, -settings.decay);
  if (t + 1 < static_cast<double>(settings.warm_up_steps))
    rate *= (t + 1) / static_cast<double>(settings.warm_up_steps);
  const double g = static_cast<double>(gradient[i]);
  double direction = 0;
  if (settings.adam) {
    constexpr double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    const double m = beta1 * static_cast<double>(first[i]) + (1 - beta1) * g;
    const double v = beta2 * static_cast<double>(second[i]) + (1 - beta2) * g * g;
    first[i] = static_cast<T>(m);
    second[i] = static_cast<T>(v);
    direction = m / (1 - pow(beta1, t + 1)) / (sqrt(v / (1 - pow(beta2, t + 1))) + epsilon);
  } else {
    direction = settings.momentum * static_cast<double>(first[i]) + g;
    first[i] = static_cast<T>(direction);
  }
  parameters[i] = static_cast<T>(static_cast<double>(parameters[i]) + rate * direction);
}

// One step: judged, counted, taken or not.
template <class T>
cudaError_t optimizer_step(const OptimizerSettings& settings, const T* gradient, std::int64_t n, OptimizerState* state,
                           T* first, T* second, T* parameters, cudaStream_t stream) {
  VELBO_LAUNCH(judge_gradient<T>, 1, kThreads, kWarps * sizeof(double), stream, gradient, n, settings, state);
  VELBO_LAUNCH(take_step<T>, static_cast<unsigned>((n + kThreads - 1) / kThreads), kThreads, 0, stream, gradient, n,
               settings, state, first, second, parameters);
  return cudaGetLastError();
}

}  // namespace velbo::kernels
