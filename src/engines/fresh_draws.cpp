// engines/fresh_draws.cpp
#include "engines/fresh_draws.h"

#include <algorithm>
#include <cmath>

#include "objectives/draws.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kFirst = 4096, kMost = 65536, kLeast = 256;
constexpr double kMostElements = 2e7;  // of draws in memory: 160 MB
constexpr double kElboError = 0.01;    // nats, a standard error

std::int64_t affordable(const GaussianPoint& point) {
  return static_cast<std::int64_t>(kMostElements / static_cast<double>(point.dimension() + point.rank()));
}

std::int64_t first_count(const GaussianPoint& point) {
  return std::clamp<std::int64_t>(affordable(point), kLeast, kFirst);
}

void keep_elbo(const GaussianPoint& point, const EvaluatedDraws& draws, FreshLook& look) {
  look.enough = true;
  look.n_masked += draws.n_masked;
  look.masked_share = static_cast<double>(draws.n_masked) / static_cast<double>(draws.n_masked + draws.n_draws());
  const ElboEstimate elbo = elbo_of_draws(point, draws);
  look.elbo = elbo.value;
  look.elbo_se = elbo.standard_error;
}

}  // namespace

EvaluatedDraws FreshDraws::draws(const GaussianPoint& point, std::int64_t count, std::uint32_t stage,
                                 bool gradients) const {
  const RowMajorMatrix eps = DrawNoise(context_, point, count, DrawKind::iid, key_).at(stage);
  const RowMajorMatrix z = draws_of(point, eps);
  Eigen::VectorXd value(count);
  RowMajorMatrix gradient = RowMajorMatrix::Zero(count, gradients ? point.dimension() : 0);
  density_->evaluate(count, z.data(), value.data(), gradients ? gradient.data() : nullptr);
  return finite_draws(eps, gradient, std::move(value));
}

FreshLook FreshDraws::distance(const GaussianPoint& full_rank, std::uint32_t look, bool within_limits) const {
  std::int64_t count = first_count(full_rank);
  FreshLook out;
  for (std::uint32_t round = 0; round < 2; ++round) {
    const EvaluatedDraws at = draws(full_rank, count, 2 * look + round, true);
    if (at.n_draws() < 2) break;
    const MarginalErrors errors =
        marginal_errors(full_rank, at.eps, whitened_residuals(full_rank, at, kLongestResidual));
    keep_elbo(full_rank, at, out);
    out.distance = std::max(errors.largest(), errors.largest_se());  // no answer is known better than it was looked at
    const double wanted = std::ceil(static_cast<double>(count) * std::pow(2 * errors.largest_se() / tolerance_, 2));
    const auto most = std::min(kMost, affordable(full_rank));
    if (within_limits || !(wanted > static_cast<double>(count)) || count >= most) break;
    count = static_cast<std::int64_t>(std::min(wanted, static_cast<double>(most)));
  }
  return out;
}

FreshLook FreshDraws::elbo(const GaussianPoint& point, std::uint32_t look, bool within_limits) const {
  std::int64_t count = first_count(point);
  FreshLook out;
  for (std::uint32_t round = 0; round < 2; ++round) {
    const EvaluatedDraws at = draws(point, count, 2 * look + round, false);
    if (at.n_draws() < 2) return {};
    keep_elbo(point, at, out);
    if (within_limits || out.elbo_se <= kElboError) break;
    count = std::min(kMost, affordable(point));
  }
  return out;
}

}  // namespace velbo::internal
