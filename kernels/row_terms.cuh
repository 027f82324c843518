// row_terms.cuh - likelihood terms of one row, and sums of them over a block.
#pragma once
#include <cstdint>

#include "math/normal.h"
#include "math/row_likelihood.h"
#include "row_panel.cuh"

namespace velbo::kernels {

using internal::ExpectedTerm;
using internal::PointTerm;
using internal::RowLikelihood;
using internal::RowOutcome;

// Row n's outcome, and its offset; of weight zero where it is not valid.
template <class T>
__device__ __forceinline__ RowOutcome<T> outcome_of(const RowSource<T>& source, std::int64_t n, bool valid, T& offset) {
  offset = T(0);
  if (!valid) return {T(0), T(1), T(0)};
  const Rows<T>& rows = source.rows;
  const std::int64_t row = source.stored(n);
  if (rows.offset != nullptr) offset = rows.offset[row];
  return {rows.y[row], rows.trials != nullptr ? rows.trials[row] : T(1),
          rows.weights != nullptr ? rows.weights[row] * rows.scale : rows.scale};
}

// How a row's expectation is taken; see PredictorRule.
struct DrawRule {
  std::int64_t n_draws;
  std::uint64_t key;
  std::uint32_t step;
  const std::uint32_t* step_at = nullptr;  // device memory that has the step, where it is not null
};

template <class T>
__device__ ExpectedTerm<T> expected_by_draws(RowLikelihood likelihood, const DrawRule& rule, std::int64_t stored, T m,
                                             T variance, const RowOutcome<T>& row) {
  const T sd = internal::sqrt_of(variance);
  const std::uint32_t step = rule.step_at != nullptr ? *rule.step_at : rule.step;
  ExpectedTerm<T> sum{T(0), T(0), T(0)};
  for (std::int64_t group = 0; 4 * group < rule.n_draws; ++group) {
    float eps[4];
    internal::four_normals(
        internal::words_at(rule.key, step, static_cast<std::uint32_t>(group), static_cast<std::uint64_t>(stored)), eps);
    for (int k = 0; k < 4; ++k) {
      if (4 * group + k >= rule.n_draws) break;
      const T e = static_cast<T>(eps[k]);
      const PointTerm<T> term = internal::row_at(likelihood, m + sd * e, row);
      sum.value += term.value;
      sum.rho += term.rho;
      sum.c -= e * term.rho;
    }
  }
  const T share = T(1) / static_cast<T>(rule.n_draws);
  return {sum.value * share, sum.rho * share, sd > T(0) ? sum.c * share / sd : T(0)};
}

template <class T>
__device__ ExpectedTerm<T> expected_term(RowLikelihood likelihood, const DrawRule& rule, std::int64_t stored, T m,
                                         T variance, const RowOutcome<T>& row) {
  if (rule.n_draws > 0) return expected_by_draws(likelihood, rule, stored, m, variance, row);
  switch (likelihood) {
    case RowLikelihood::bernoulli:
      return internal::bernoulli_row(
          m, internal::logistic_expectation(-internal::abs_of(m), internal::sqrt_of(variance)), row);
    case RowLikelihood::poisson: return internal::poisson_row(m, variance, row);
    default: return internal::unit_gaussian_row(m, variance, row);
  }
}

// The sum over the block of every thread's values, in a fixed order: those of thread t go to sum t % kGroups, a power of two
// of at most 32.  `shared`: kWarps * kGroups doubles.  Every thread must call; threads below kGroups get their sum.
// The caller puts a barrier between this and the next use of `shared`.
template <int kGroups>
__device__ __forceinline__ double block_sum(double value, double* shared) {
#pragma unroll
  for (int offset = 16; offset >= kGroups; offset /= 2) value += __shfl_xor_sync(0xffffffffU, value, offset);
  const int lane = static_cast<int>(threadIdx.x % 32), warp = static_cast<int>(threadIdx.x / 32);
  if (lane < kGroups) shared[warp * kGroups + lane] = value;
  __syncthreads();
  double sum = 0;
  if (static_cast<int>(threadIdx.x) < kGroups) {
    for (int w = 0; w < kWarps; ++w) sum += shared[w * kGroups + static_cast<int>(threadIdx.x)];
  }
  return sum;
}

}  // namespace velbo::kernels
