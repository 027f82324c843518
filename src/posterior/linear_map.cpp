// posterior/linear_map.cpp
#include "posterior/linear_map.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace velbo::internal {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

}  // namespace

LinearMap::LinearMap(const PosteriorState& state)
    : state_(state),
      n_(state.recipe.n_coefficients()),
      n_auxiliary_(state.recipe.n_latents() - n_),
      projected_(size(state.recipe.n_latents())) {}

LinearPredictor LinearMap::apply(const double* x) {
  LinearPredictor out;
  for (std::int64_t i = 0; i < n_; ++i) out.mean += x[i] * state_.mean[size(i)];
  double variance = 0;
  if (state_.family.kind() != FamilyKind::full_rank) {  // sds, and for low rank the loadings behind each
    const std::int64_t rank = state_.family.rank(), width = 1 + rank;
    std::fill(projected_.begin(), projected_.end(), 0.0);
    for (std::int64_t i = 0; i < n_; ++i) {
      const double* row = state_.scale.data() + i * width;
      const double term = x[i] * row[0];
      variance += term * term;
      for (std::int64_t r = 0; r < rank; ++r) projected_[size(r)] += x[i] * row[1 + r];
    }
    for (std::int64_t r = 0; r < rank; ++r) variance += projected_[size(r)] * projected_[size(r)];
    for (std::int64_t a = 0; rank > 0 && a < n_auxiliary_; ++a) {
      const double* row = state_.scale.data() + (n_ + a) * width + 1;
      out.covariance[size(a)] = std::inner_product(row, row + rank, projected_.begin(), 0.0);
    }
  } else {
    const std::int64_t d = state_.recipe.n_latents();
    std::fill(projected_.begin(), projected_.end(), 0.0);
    for (std::int64_t i = 0; i < n_; ++i) {
      const double* row = state_.scale.data() + i * d;
      for (std::int64_t j = 0; j <= i; ++j) projected_[size(j)] += x[i] * row[j];
    }
    for (const double value : projected_) variance += value * value;
    for (std::int64_t a = 0; a < n_auxiliary_; ++a) {
      const double* row = state_.scale.data() + (n_ + a) * d;
      out.covariance[size(a)] = std::inner_product(projected_.begin(), projected_.begin() + n_, row, 0.0);
    }
  }
  out.sd = std::sqrt(variance);
  return out;
}

// Row i of the scale holds what latent i is made of: its own noise, and for low rank the loadings on noise that all share.
std::vector<double> auxiliary_covariance(const PosteriorState& state) {
  const bool full = state.family.kind() == FamilyKind::full_rank;
  const std::int64_t d = state.recipe.n_latents(), n = state.recipe.n_coefficients(), a = d - n;
  const std::int64_t width = full ? d : 1 + state.family.rank();
  std::vector<double> out(size(a * a));
  for (std::int64_t i = 0; i < a; ++i)
    for (std::int64_t j = 0; j < a; ++j) {
      const double *left = state.scale.data() + (n + i) * width, *right = state.scale.data() + (n + j) * width;
      const std::int64_t first = full || i == j ? 0 : 1;
      out[size(i * a + j)] = std::inner_product(left + first, left + width, right + first, 0.0);
    }
  return out;
}

}  // namespace velbo::internal
