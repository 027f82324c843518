// corrections/importance.cpp - weighted draws and moments under the weights.
#include "velbo/importance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

#include "corrections/importance.h"
#include "cpu/parallel.h"
#include "models/model_state.h"
#include "posterior/latent_draws.h"
#include "posterior/posterior_state.h"
#include "velbo/context.h"
#include "velbo/error.h"

namespace velbo {
namespace {

constexpr std::int64_t kPiece = 256;  // draws that a thread takes at a time

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

void weigh(const Model& model, const Posterior& posterior, const ImportanceOptions& options, ImportanceDraws& out) {
  const PosteriorState& state = posterior.state();
  const Context context(Device{}, options.threads);
  const std::size_t d = size(model.n_latents()), n = size(out.n_parameters);
  const std::vector<double> lambda = state.family.pack(state.mean, state.scale);
  const std::int64_t pieces = (out.n_draws + kPiece - 1) / kPiece;
  // Pieces are cut by their number alone, and each writes to places of its own.
  internal::parallel_for(pieces, internal::Workers(context.threads(), &context.team()),
                         [&](std::int64_t piece, int /*worker*/) {
                           const std::int64_t first = piece * kPiece, count = std::min(kPiece, out.n_draws - first);
                           const std::vector<double> z = internal::latent_draws(state, count, options.seed, first);
                           std::vector<double> log_q(size(count));
                           const std::span<double> ratio = std::span(out.log_ratios).subspan(size(first), size(count));
                           state.family.log_prob(lambda, z, log_q);
                           model.state().log_joint(count, z.data(), ratio.data(), nullptr, {});
                           for (std::size_t s = 0; s < ratio.size(); ++s) {
                             ratio[s] -= log_q[s];
                             model.parameters().constrain(std::span(z).subspan(s * d, d),
                                                          std::span(out.draws).subspan((size(first) + s) * n, n));
                           }
                         });
}

CorrectedMoments refused(std::size_t n) {
  const std::vector<double> nan(n, std::numeric_limits<double>::quiet_NaN());
  return {nan, nan, nan};
}

CorrectedMoments moments_of(std::span<const double> values, std::span<const double> log_weights) {
  WeightedMoments moments = weighted_moments(values, log_weights);
  const std::size_t n = moments.mean.size();
  CorrectedMoments out{std::move(moments.mean), std::move(moments.sd), std::vector<double>(n, 0.0)};
  for (std::size_t s = 0; s < log_weights.size(); ++s) {
    const double weight = std::exp(log_weights[s]);
    for (std::size_t i = 0; weight > 0 && i < n; ++i)
      out.mean_se[i] += std::pow(weight * (values[s * n + i] - out.mean[i]), 2);
  }
  for (double& v : out.mean_se) v = std::sqrt(v);
  return out;
}

}  // namespace

namespace internal {

// k_hat is the shape of the weights' tail whatever its size: where the weights hardly differ, it describes noise.  Then q is
// as good as the posterior for every use.
bool weights_are_even(double ess, std::int64_t n_draws) { return ess > 0.995 * static_cast<double>(n_draws); }

bool weights_are_reliable(const PsisResult& psis, std::int64_t n_draws) {
  return psis.k_hat < khat_threshold(n_draws) || weights_are_even(psis.ess, n_draws);
}

}  // namespace internal

ImportanceDraws importance_draws(const Model& model, const Posterior& posterior, const ImportanceOptions& options) try {
  if (options.draws < 1)
    throw Error(ErrorCode::argument, fmt::format("draws is {}, expected at least 1", options.draws));
  internal::require_parameters_of(model, posterior, "the posterior to correct");
  ImportanceDraws out;
  out.n_draws = options.draws;
  out.n_parameters = model.parameters().n_constrained();
  out.draws.resize(size(out.n_draws) * size(out.n_parameters));
  out.log_ratios.resize(size(out.n_draws));
  weigh(model, posterior, options, out);
  for (double& ratio : out.log_ratios)
    if (!std::isfinite(ratio)) {
      ratio = -std::numeric_limits<double>::infinity();
      ++out.n_not_finite;
    }
  if (out.n_not_finite == out.n_draws)
    throw Error(ErrorCode::data, fmt::format("the log density of \"{}\" is finite at none of {} draws of the posterior",
                                             model.name(), out.n_draws));
  out.psis = psis(out.log_ratios);
  out.reliable = internal::weights_are_reliable(out.psis, out.n_draws);
  return out;
} catch (const std::bad_alloc&) {
  throw Error(ErrorCode::memory, fmt::format("out of memory: {} weighted draws", options.draws));
}

CorrectedMoments corrected_moments(const ImportanceDraws& draws, Unreliable unreliable) {
  if (!draws.reliable && unreliable == Unreliable::refuse) return refused(size(draws.n_parameters));
  return moments_of(draws.draws, draws.psis.log_weights);
}

CorrectedMoments corrected_moments(const ImportanceDraws& draws, std::int64_t n_quantities,
                                   const DerivedQuantities& quantities, Unreliable unreliable) {
  if (n_quantities < 1)
    throw Error(ErrorCode::argument,
                fmt::format("number of derived quantities is {}, expected at least 1", n_quantities));
  if (!quantities) throw Error(ErrorCode::argument, "the function of derived quantities is empty");
  if (!draws.reliable && unreliable == Unreliable::refuse) return refused(size(n_quantities));
  const std::size_t m = size(n_quantities), n = size(draws.n_parameters);
  std::vector<double> values(size(draws.n_draws) * m);
  for (std::size_t s = 0; s < size(draws.n_draws); ++s)
    quantities(std::span(draws.draws).subspan(s * n, n), std::span(values).subspan(s * m, m));
  return moments_of(values, draws.psis.log_weights);
}

}  // namespace velbo
