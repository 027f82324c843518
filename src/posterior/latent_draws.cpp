#include "posterior/latent_draws.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "posterior/posterior_state.h"
#include "velbo/error.h"
#include "velbo/random.h"

namespace velbo::internal {

std::vector<double> latent_draws(const PosteriorState& state, std::int64_t n_draws, std::uint64_t seed,
                                 std::int64_t first_draw) {
  const std::size_t d = state.mean.size();
  const GaussianFamily& family = state.family;
  std::vector<double> out(static_cast<std::size_t>(n_draws) * d), noise(static_cast<std::size_t>(family.n_noise()));
  const std::vector<double> lambda = family.pack(state.mean, state.scale);
  const Key key = make_key(seed, Purpose::sample);
  for (std::int64_t i = 0; i < n_draws; ++i) {  // draw i is the same however many are asked for
    const auto number = static_cast<std::uint64_t>(first_draw + i);
    const std::span<double> z = std::span(out).subspan(static_cast<std::size_t>(i) * d, d);
    const std::span<double> eps = family.rank() > 0 ? std::span(noise) : z;
    standard_normals(key, static_cast<std::uint32_t>(number >> 32U), static_cast<std::uint32_t>(number), 0, eps);
    if (family.rank() > 0) family.sample(lambda, eps, z);
  }
  if (n_draws > 0 && family.rank() == 0) family.sample(lambda, out, out);
  return out;
}

void require_parameters_of(const Model& model, const Posterior& posterior, std::string_view what) {
  const Parameters* parameters = posterior.parameters();
  if (parameters != nullptr && parameters->parameters() == model.parameters().parameters()) return;
  throw Error(ErrorCode::argument,
              fmt::format("{} has other parameters or constraints: {}, expected {}", what,
                          fmt::join(posterior.names(), ", "), fmt::join(model.parameters().names(), ", ")));
}

}  // namespace velbo::internal
