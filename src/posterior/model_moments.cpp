// posterior/model_moments.cpp
#include "posterior/model_moments.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <numbers>

#include "math/sobol.h"
#include "posterior/normal_quantile.h"

namespace velbo::internal {
namespace {

constexpr std::int64_t kDraws = 16384, kLeastDraws = 1024;
constexpr double kDrawElements = 2e7;
// Of smooth functions the trapezoid rule converges faster than any power of its step; beyond 9 sds a normal holds 1e-19.
constexpr double kReach = 9, kStep = 0.125;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// Element i of theta as a function of its one coordinate.
class ThetaElement {
 public:
  ThetaElement(const PosteriorState& state, std::int64_t i, Coordinate coordinate)
      : parameters_(*state.parameters()),
        i_(size(i)),
        c_(size(coordinate.z)),
        z_(state.mean),
        theta_(size(parameters_.n_constrained())) {}

  double operator()(double z) {
    z_[c_] = z;
    parameters_.constrain(z_, theta_);
    return theta_[i_];
  }

 private:
  const Parameters& parameters_;
  std::size_t i_, c_;
  std::vector<double> z_, theta_;
};

const ParameterBlock& block_of(const Parameters& parameters, std::int64_t i) {
  const auto& blocks = parameters.blocks();
  return *std::prev(std::upper_bound(blocks.begin(), blocks.end(), i,
                                     [](std::int64_t at, const ParameterBlock& b) { return at < b.theta_offset; }));
}

// Calls use(i, draws) for each listed element of theta with its draws.
void with_draws(const PosteriorState& state, const std::vector<std::int64_t>& elements,
                const std::function<void(std::int64_t, std::vector<double>&)>& use) {
  if (elements.empty()) return;
  const Parameters& parameters = *state.parameters();
  const GaussianFamily& family = state.family;
  const auto most = static_cast<std::uint64_t>(std::max<double>(
      static_cast<double>(kLeastDraws),
      kDrawElements /
          static_cast<double>(std::max<std::int64_t>(family.n_noise(), static_cast<std::int64_t>(elements.size())))));
  const auto n = static_cast<std::int64_t>(std::min<std::uint64_t>(kDraws, std::bit_floor(most)));
  std::vector<double> eps(size(n * family.n_noise())), z(size(n * family.dimension()));
  SobolNormals(family.n_noise()).fill(make_key(0, Purpose::sample), 0, n, eps);
  family.sample(family.pack(state.mean, state.scale), eps, z);
  std::vector<std::vector<double>> columns(elements.size(), std::vector<double>(size(n)));
  std::vector<double> theta(size(parameters.n_constrained()));
  const std::size_t d = size(family.dimension());
  for (std::size_t s = 0; s < size(n); ++s) {
    parameters.constrain(std::span<const double>(z).subspan(s * d, d), theta);
    for (std::size_t k = 0; k < elements.size(); ++k) columns[k][s] = theta[size(elements[k])];
  }
  for (std::size_t k = 0; k < elements.size(); ++k) use(elements[k], columns[k]);
}

// Elements that take draws.
std::vector<std::int64_t> joint_elements(const Parameters& parameters) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < parameters.n_constrained(); ++i)
    if (!parameters.elementwise(i)) out.push_back(i);
  return out;
}

}  // namespace

ConstrainedMoments model_moments(const PosteriorState& state) {
  const Parameters& parameters = *state.parameters();
  const std::vector<double> z_sd = state.family.sd(state.family.pack(state.mean, state.scale));
  ConstrainedMoments out{std::vector<double>(size(parameters.n_constrained())), {}};
  out.sd = out.mean;
  for (std::int64_t i = 0; i < parameters.n_constrained(); ++i) {
    const std::optional<Coordinate> coordinate = parameters.elementwise(i);
    if (!coordinate) continue;
    const double m = state.mean[size(coordinate->z)], s = z_sd[size(coordinate->z)];
    double &mean = out.mean[size(i)], &sd = out.sd[size(i)];
    const ParameterBlock& block = block_of(parameters, i);
    switch (block.constraint) {
      case Constraint::real: mean = m, sd = s; continue;
      case Constraint::lower:
      case Constraint::upper: {  // log-normal above or below the bound
        const double distance = std::exp(m + 0.5 * s * s);
        mean = block.constraint == Constraint::lower ? block.lower + distance : block.upper - distance;
        sd = distance * std::sqrt(std::expm1(s * s));
        continue;
      }
      default: break;
    }
    ThetaElement element(state, i, *coordinate);
    const double centre = element(m);
    double first = 0, second = 0;  // moments about the centre
    for (double x = -kReach; x <= kReach; x += kStep) {
      const double weight = kStep / std::sqrt(2 * std::numbers::pi) * std::exp(-0.5 * x * x);
      const double shift = element(m + s * x) - centre;
      first += weight * shift;
      second += weight * shift * shift;
    }
    mean = centre + first;
    sd = std::sqrt(std::max(0.0, second - first * first));
  }
  with_draws(state, joint_elements(parameters), [&](std::int64_t i, const std::vector<double>& draws) {
    double sum = 0, squares = 0;
    for (const double v : draws) sum += v;
    const double mean = sum / static_cast<double>(draws.size());
    for (const double v : draws) squares += (v - mean) * (v - mean);
    out.mean[size(i)] = mean;
    out.sd[size(i)] = std::sqrt(squares / static_cast<double>(draws.size()));
  });
  return out;
}

std::vector<double> model_quantiles(const PosteriorState& state, double probability) {
  const Parameters& parameters = *state.parameters();
  const std::vector<double> z_sd = state.family.sd(state.family.pack(state.mean, state.scale));
  const double quantile = normal_quantile(probability);
  std::vector<double> out(size(parameters.n_constrained()));
  for (std::int64_t i = 0; i < parameters.n_constrained(); ++i)
    if (const std::optional<Coordinate> coordinate = parameters.elementwise(i)) {
      const std::size_t c = size(coordinate->z);
      ThetaElement element(state, i, *coordinate);
      out[size(i)] = element(state.mean[c] + (coordinate->increasing ? quantile : -quantile) * z_sd[c]);
    }
  with_draws(state, joint_elements(parameters), [&](std::int64_t i, std::vector<double>& draws) {
    std::sort(draws.begin(), draws.end());
    const double at = probability * static_cast<double>(draws.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const double share = at - static_cast<double>(below);
    out[size(i)] = (1 - share) * draws[below] + share * draws[std::min(below + 1, draws.size() - 1)];
  });
  return out;
}

}  // namespace velbo::internal
