// gaussian_family.cuh - draws of a Gaussian and their pullback, as GaussianFamily has them (velbo/family.h).
//
// lambda [P] is packed as there.  One thread makes one number, adding in the order of columns or of draws.
#pragma once
#include <cmath>
#include <cstdint>

#include "simt.cuh"
#include "velbo/family.h"

namespace velbo::kernels {

constexpr unsigned kFamilyBlock = 256;

// What a kernel needs to know of a family.
struct FamilyShape {
  FamilyKind kind;
  std::int64_t dimension;
  std::int64_t rank;

  __host__ __device__ std::int64_t n_noise() const { return dimension + rank; }
  __host__ __device__ std::int64_t n_params() const {
    return dimension + (kind == FamilyKind::full_rank ? dimension * (dimension + 1) / 2 : dimension * (1 + rank));
  }
};

__device__ __forceinline__ double exp_of(double x) { return exp(x); }
__device__ __forceinline__ float exp_of(float x) { return expf(x); }

// z[s, i] = mu_i + (scale eps_s)_i.
template <class T>
__global__ void __launch_bounds__(kFamilyBlock)
    sample_family(const FamilyShape family, const T* __restrict__ lambda, const T* __restrict__ eps,
                  std::int64_t n_draws, T* __restrict__ z) {
  const std::int64_t at = std::int64_t{blockIdx.x} * kFamilyBlock + threadIdx.x, d = family.dimension;
  if (at >= n_draws * d) return;
  const std::int64_t s = at / d, i = at - s * d;
  const T* const noise = eps + s * family.n_noise();
  T value = lambda[i];
  if (family.kind == FamilyKind::full_rank) {
    const T* const row = lambda + d + i * (i + 1) / 2;
    for (std::int64_t j = 0; j < i; ++j) value += row[j] * noise[j];
    value += exp_of(row[i]) * noise[i];
  } else {
    value += exp_of(lambda[d + i]) * noise[i];
    for (std::int64_t r = 0; r < family.rank; ++r) value += lambda[2 * d + i * family.rank + r] * noise[d + r];
  }
  z[at] = value;
}

// Row of the packed lower triangle that element `at` is in: the largest i with i (i + 1) / 2 <= at.
__device__ __forceinline__ std::int64_t packed_row(std::int64_t at) {
  auto i = static_cast<std::int64_t>((sqrt(8.0 * static_cast<double>(at) + 1.0) - 1.0) / 2.0);
  while (i * (i + 1) / 2 > at) --i;
  while ((i + 1) * (i + 2) / 2 <= at) ++i;
  return i;
}

// gradient[p] = d/dlambda_p of sum_s grad_z[s] . z_s + entropy_weight * entropy.  The entropy of a low-rank family, which
// takes a factorisation, is the host's.
template <class T>
__global__ void __launch_bounds__(kFamilyBlock)
    pull_back_family(const FamilyShape family, const T* __restrict__ lambda, const T* __restrict__ eps,
                     const T* __restrict__ grad_z, std::int64_t n_draws, T entropy_weight, T* __restrict__ gradient) {
  const std::int64_t p = std::int64_t{blockIdx.x} * kFamilyBlock + threadIdx.x, d = family.dimension;
  if (p >= family.n_params()) return;
  T sum = T(0);
  if (p < d) {
    for (std::int64_t s = 0; s < n_draws; ++s) sum += grad_z[s * d + p];
    gradient[p] = sum;
    return;
  }
  // z_i depends on the parameter through eps_j.
  std::int64_t i = 0, j = 0;
  bool logarithm = true;
  if (family.kind == FamilyKind::full_rank) {
    i = packed_row(p - d);
    j = p - d - i * (i + 1) / 2;
    logarithm = i == j;
  } else if (p < 2 * d) {
    i = j = p - d;
  } else {
    i = (p - 2 * d) / family.rank;
    j = d + (p - 2 * d) % family.rank;
    logarithm = false;
  }
  for (std::int64_t s = 0; s < n_draws; ++s) sum += grad_z[s * d + i] * eps[s * family.n_noise() + j];
  if (logarithm) {
    sum *= exp_of(lambda[p]);
    if (family.kind != FamilyKind::low_rank) sum += entropy_weight;
  }
  gradient[p] = sum;
}

inline unsigned family_blocks(std::int64_t n) { return static_cast<unsigned>((n + kFamilyBlock - 1) / kFamilyBlock); }

template <class T>
cudaError_t sample(const FamilyShape& family, const T* lambda, const T* eps, std::int64_t n_draws, T* z,
                   cudaStream_t stream) {
  if (n_draws <= 0) return cudaSuccess;
  VELBO_LAUNCH(sample_family<T>, family_blocks(n_draws * family.dimension), kFamilyBlock, 0, stream, family, lambda,
               eps, n_draws, z);
  return cudaGetLastError();
}

template <class T>
cudaError_t pull_back(const FamilyShape& family, const T* lambda, const T* eps, const T* grad_z, std::int64_t n_draws,
                      T entropy_weight, T* gradient, cudaStream_t stream) {
  VELBO_LAUNCH(pull_back_family<T>, family_blocks(family.n_params()), kFamilyBlock, 0, stream, family, lambda, eps,
               grad_z, n_draws, entropy_weight, gradient);
  return cudaGetLastError();
}

}  // namespace velbo::kernels
