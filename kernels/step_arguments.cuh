// step_arguments.cuh - what the kernels of a gradient step share: its state and its numbers in device memory.
//
// A step is these kernels, one after another (step_program.cuh):
//   begin_step           the batch's rows, the draws' normals                                    step_begin.cuh
//   place_lines          the point at w; the draws there; coefficients for the pass              step_place.cuh
//   (pack_lines          full rank without draws: those of a product of matrices)
//   passes over rows, and the sums over their blocks                                              row_passes.cuh
//   (image_of_factor     full rank without draws: the gram times the factor                       step_gradients.cuh)
//   draw_gradients       of log p(y | z_s), and with the landing stuck to of log p(z) - log q(z)  step_gradients.cuh
//   latent_gradients     of the ELBO in the point's mean and factor
//   whitened_gradient    of the ELBO in w
//   update_step          the optimizer's step, taken or refused; the next step's number          step_update.cuh
//   (keep_elbo           where it is wanted, after the first whitened_gradient)
// With an anchor, place_lines to whitened_gradient are run again at w = 0.  No kernel takes a number from the host that changes
// from step to step: what changes is in StepState.
#pragma once
#include <cstdint>

#include "backend/device_steps.h"
#include "row_panel.cuh"
#include "row_terms.cuh"

namespace velbo::kernels {

struct StepState : internal::StepCounters {
  std::int64_t left = 0;                  // of this run
  double mean_rate = 0, factor_rate = 0;  // of the round, before damping and schedule
  double count = 0;                       // observations that the batch's rows stand for
  std::uint32_t noise = 0;                // the step as keys of noise take it
  std::int32_t diverged = 0;
  std::int32_t mean_factor_is_diagonal = 0;  // of the round
};

constexpr double kRootHalf = 0.70710678118654752440;
constexpr double kHalfLogTwoPi = 0.91893853320467274178;

// Pointers are device memory.  L lines, K columns of a factor: D, or 1 for mean field.
template <class T>
struct StepArguments {
  internal::StepSettings settings;
  StepState* state = nullptr;
  std::int64_t n_latents = 0, n_lines = 0, n_columns = 0, n_parameters = 0;
  bool has_sigma = false, weights_are_precisions = false;
  double log_normaliser = 0;

  Rows<T> rows;  // of the batch: index is filled by begin_step, or null where it is all rows
  std::int64_t n_stored = 0;
  std::int64_t batch_size = 0;  // of an epoch's batches; the last may have fewer rows
  std::uint64_t batch_key = 0;
  std::int64_t block_rows = 1;  // of a BatchOrder
  std::int64_t* index = nullptr;

  const std::int64_t* line = nullptr;    // [columns] of each column
  const std::int64_t* column = nullptr;  // [L] of each line; -1: none
  const double* centre = nullptr;        // [columns]; null: zeros
  const internal::StepPrior* priors = nullptr;
  const std::uint32_t* directions = nullptr;  // of Sobol points

  // Of the round.
  const double* line_mean = nullptr;
  const double* mean_factor = nullptr;
  const double* line_factor = nullptr;
  const double* anchor = nullptr;

  // Of the step.
  double* w = nullptr;  // [P]
  double *first = nullptr, *second = nullptr, *average = nullptr;
  double* elbo = nullptr;  // [elbo_size]
  std::int64_t elbo_size = 0;
  double* eps = nullptr;     // [S, D]
  double* mean = nullptr;    // [L]
  double* factor = nullptr;  // [L, K]
  double* z = nullptr;       // [S, L]
  // What the pass takes.  weights: draws [S up to a multiple, columns]; mean field: mean, sd [2, columns]; full rank: mean and
  // factor [columns, packed_stride], as project_rows() reads them.
  T* coefficients = nullptr;
  std::int64_t packed_stride = 0;
  // And leaves.  weights: [S, columns] gradients, [S] values; else [2, columns] X'rho and squares, [2] value and the absolute
  // one; full rank: X'rho alone, and the gram.
  double *sums = nullptr, *values = nullptr, *gram = nullptr;  // gram [columns, columns], its lower triangle
  double* image = nullptr;                                     // [columns, D] gram times the factor
  double* draw_gradient = nullptr;                             // [S, D]
  double* draw_value = nullptr;                                // [S]
  double* latent_mean = nullptr;                               // [D] gradient in the mean
  double* latent_factor = nullptr;                             // [D, K] gradient in the factor
  double* prior_value = nullptr;                               // [D]
  double* gradient = nullptr;                                  // [P]
  double* reference_gradient = nullptr;                        // [P] at w = 0

  __device__ bool full_rank() const { return settings.family == FamilyKind::full_rank; }
  __device__ std::int64_t factor_columns() const { return full_rank() ? n_latents : 1; }
  __device__ bool by_draws() const { return settings.estimator == Estimator::weights; }
  __device__ bool sticks() const { return by_draws() && settings.entropy == EntropyGradient::sticking_the_landing; }
  // Of coordinate (j, k) of a full-rank factor: columns of the triangle, one after another.
  __device__ std::int64_t coordinate(std::int64_t j, std::int64_t k) const {
    return n_latents + k * n_latents - k * (k - 1) / 2 + (j - k);
  }
  // A gradient in the kept coefficients, as one in latent i: A' g of models/centring.h.
  __device__ double to_latent(const double* kept, std::int64_t stride, std::int64_t i) const {
    if (centre == nullptr) return kept[column[i] * stride];
    const std::int64_t last = n_columns - 1;
    if (column[i] < 0) return kept[last * stride];  // the intercept, whose column has a line of its own
    return kept[column[i] * stride] + centre[column[i]] * kept[last * stride];
  }
};

}  // namespace velbo::kernels
