// posterior/posterior.cpp - moments and draws: of a formula's model coefficients are Gaussian and sigma is log-normal; of what
// has Parameters model_moments.h has them.
#include "velbo/posterior.h"

#include <cmath>
#include <utility>

#include "posterior/latent_draws.h"
#include "posterior/model_moments.h"
#include "posterior/normal_quantile.h"
#include "posterior/posterior_state.h"
#include "velbo/error.h"

namespace velbo {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// [D] marginal standard deviations of the latents.
std::vector<double> latent_sd(const PosteriorState& state) {
  return state.family.sd(state.family.pack(state.mean, state.scale));
}

// theta [S, n_constrained] of draws z [S, D].
std::vector<double> constrained(const Parameters& parameters, const std::vector<double>& z) {
  const std::size_t d = size(parameters.n_unconstrained()), n = size(parameters.n_constrained()), s = z.size() / d;
  std::vector<double> theta(s * n);
  for (std::size_t i = 0; i < s; ++i)
    parameters.constrain(std::span(z).subspan(i * d, d), std::span(theta).subspan(i * n, n));
  return theta;
}

}  // namespace

Posterior::Posterior(std::shared_ptr<const PosteriorState> state) : state_(std::move(state)) {
  if (state_ == nullptr) throw Error(ErrorCode::internal, "a posterior needs a state");
}

std::int64_t Posterior::n_latents() const noexcept { return state_->family.dimension(); }
const std::vector<std::string>& Posterior::names() const noexcept { return state_->recipe.names; }
FamilyKind Posterior::family() const noexcept { return state_->family.kind(); }
Likelihood Posterior::likelihood() const noexcept { return state_->recipe.likelihood; }
const std::string& Posterior::formula() const noexcept { return state_->recipe.formula; }
const std::optional<std::array<double, 2>>& Posterior::labels() const noexcept { return state_->recipe.labels; }
const std::vector<std::string>& Posterior::levels() const noexcept { return state_->recipe.levels; }
const std::vector<double>& Posterior::unconstrained_mean() const noexcept { return state_->mean; }

std::vector<double> Posterior::unconstrained_covariance() const {
  return state_->family.covariance(state_->family.pack(state_->mean, state_->scale));
}

double Posterior::log_prob(std::span<const double> z) const {
  if (z.size() != state_->mean.size())
    throw Error(ErrorCode::shape, "z has " + std::to_string(z.size()) +
                                      " elements, expected one a latent: " + std::to_string(state_->mean.size()));
  double out = 0;
  state_->family.log_prob(state_->family.pack(state_->mean, state_->scale), z, {&out, 1});
  return out;
}

const Parameters* Posterior::parameters() const noexcept {
  return state_->model ? &state_->model->parameters : nullptr;
}

std::vector<double> Posterior::mean() const {
  if (state_->parameters() != nullptr) return internal::model_moments(*state_).mean;
  std::vector<double> out = state_->mean;
  if (state_->recipe.has_sigma()) {
    const double s = latent_sd(*state_).back();
    out.back() = std::exp(out.back() + 0.5 * s * s);
  }
  return out;
}

std::vector<double> Posterior::sd() const {
  if (state_->parameters() != nullptr) return internal::model_moments(*state_).sd;
  std::vector<double> out = latent_sd(*state_);
  if (state_->recipe.has_sigma()) {
    const double variance = out.back() * out.back();
    out.back() = std::exp(state_->mean.back() + 0.5 * variance) * std::sqrt(std::expm1(variance));
  }
  return out;
}

std::vector<double> Posterior::quantile(double probability) const {
  if (!(probability > 0 && probability < 1))
    throw Error(ErrorCode::argument,
                "probability of a quantile is " + std::to_string(probability) + ", expected one between 0 and 1");
  if (state_->parameters() != nullptr) return internal::model_quantiles(*state_, probability);
  const double z = internal::normal_quantile(probability);
  std::vector<double> out = latent_sd(*state_);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = state_->mean[i] + z * out[i];
  if (state_->recipe.has_sigma()) out.back() = std::exp(out.back());
  return out;
}

std::vector<double> Posterior::sample(std::int64_t n_draws, std::uint64_t seed, std::int64_t first_draw) const {
  if (n_draws < 0 || first_draw < 0)
    throw Error(ErrorCode::argument,
                "number of draws is " + std::to_string(n_draws < 0 ? n_draws : first_draw) + ", expected 0 or more");
  const std::size_t d = state_->mean.size();
  if (size(n_draws) > std::vector<double>().max_size() / d)
    throw Error(ErrorCode::memory, std::to_string(n_draws) + " draws do not fit into memory");
  std::vector<double> out = internal::latent_draws(*state_, n_draws, seed, first_draw);
  if (state_->parameters() != nullptr) return constrained(*state_->parameters(), out);
  if (state_->recipe.has_sigma())
    for (std::size_t last = d - 1; last < out.size(); last += d) out[last] = std::exp(out[last]);
  return out;
}

}  // namespace velbo
