// posterior/latent_draws.h - draws of the unconstrained latents, and whether a posterior is one of a given model.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "velbo/model.h"
#include "velbo/posterior.h"

namespace velbo::internal {

// z [n_draws, D] of draws first_draw, first_draw + 1, ...: what Posterior::sample() constrains, a function of seed and number alone.
std::vector<double> latent_draws(const PosteriorState& state, std::int64_t n_draws, std::uint64_t seed,
                                 std::int64_t first_draw);

// Throws Error(argument) "<what> has other parameters or constraints: ..." unless they are the model's.
void require_parameters_of(const Model& model, const Posterior& posterior, std::string_view what);

}  // namespace velbo::internal
