// step_begin.cuh - a step's batch of rows and the normals of its draws, from the step's number alone.
#pragma once
#include <cstdint>

#include "math/block_permutation.h"
#include "sobol.cuh"
#include "step_arguments.cuh"

namespace velbo::kernels {

// The last block adds up what the batch's rows count, where a scale's gradient asks for it; the others make an index and up to
// four normals a thread.
template <class T>
__global__ void __launch_bounds__(kThreads) begin_step(const StepArguments<T> a) {
  VELBO_SHARED_MEMORY(raw);
  if (a.state->left <= 0) return;
  const std::int64_t step = a.state->step, n_batch = a.rows.n_rows;
  const auto noise = static_cast<std::uint32_t>(step);
  const std::int64_t per_epoch = (a.n_stored + a.batch_size - 1) / a.batch_size;
  const std::int64_t epoch = step / per_epoch, first = (step - epoch * per_epoch) * a.batch_size;
  const internal::BlockPermutation order = internal::make_block_permutation(
      internal::folded_in(a.batch_key, static_cast<std::uint64_t>(epoch)), static_cast<std::uint64_t>(a.n_stored),
      static_cast<std::uint64_t>(a.block_rows));
  const auto stored = [&](std::int64_t i) {
    return a.index != nullptr
               ? static_cast<std::int64_t>(internal::permuted(order, static_cast<std::uint64_t>(first + i)))
               : i;
  };
  if (blockIdx.x + 1 == gridDim.x) {
    double count = 0;
    const bool counts = a.has_sigma && a.rows.weights != nullptr;
    for (std::int64_t i = threadIdx.x; counts && i < n_batch; i += kThreads) {
      const T weight = a.rows.weights[stored(i)];
      count += a.weights_are_precisions ? (weight > T(0) ? 1.0 : 0.0) : static_cast<double>(weight);
    }
    const double total = block_sum<1>(count, reinterpret_cast<double*>(raw));
    if (threadIdx.x == 0) {
      const auto n_stored = static_cast<double>(a.n_stored);
      a.state->count = counts ? total * (n_stored / static_cast<double>(n_batch)) : n_stored;
      a.state->noise = noise;
    }
    return;
  }
  const std::int64_t at = std::int64_t{blockIdx.x} * kThreads + threadIdx.x, d = a.n_latents;
  if (a.index != nullptr && at < n_batch) a.index[at] = stored(at);
  if (!a.by_draws()) return;
  const std::int64_t fours = (d + 3) / 4, draw = at / fours, four = at - draw * fours;
  if (draw >= a.settings.n_draws) return;
  double* const to = a.eps + draw * d;
  if (a.settings.draw_kind == DrawKind::sobol) {
    for (std::int64_t j = 4 * four; j < d && j < 4 * four + 4; ++j)
      to[j] = static_cast<double>(sobol_normal(a.settings.noise_key, noise, draw, j, a.directions));
    return;
  }
  float normal[4];
  internal::four_normals(internal::words_at(a.settings.noise_key, noise, static_cast<std::uint32_t>(draw),
                                            static_cast<std::uint64_t>(four)),
                         normal);
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    if (4 * four + k < d) to[4 * four + k] = static_cast<double>(normal[k]);
  }
}

}  // namespace velbo::kernels
