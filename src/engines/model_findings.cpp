// engines/model_findings.cpp
#include "engines/model_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace velbo::internal {
namespace {

constexpr double kRunaway = 1e10;  // growth of an sd that no data or prior stops

}  // namespace

Eigen::VectorXd standard_mean(const Parameters& parameters) {
  Eigen::VectorXd out = Eigen::VectorXd::Zero(parameters.n_unconstrained());
  for (const ParameterBlock& block : parameters.blocks())
    if (block.constraint == Constraint::unit_vector)
      for (std::int64_t i = 0; i < block.count; ++i) out[block.z_offset + i * block.size] = 1;
  return out;
}

GaussianPoint standard_start(const Parameters& parameters) {
  const std::int64_t d = parameters.n_unconstrained();
  return {FamilyKind::full_rank, standard_mean(parameters), Eigen::MatrixXd::Identity(d, d)};
}

std::string place_of(const Model& model, const Eigen::VectorXd& z) {
  const std::vector<std::string> names = model.parameters().unconstrained_names();
  std::string out;
  const Eigen::Index shown = std::min<Eigen::Index>(z.size(), 6);
  for (Eigen::Index i = 0; i < shown; ++i)
    out += fmt::format("{}{} = {:.3g}", i > 0 ? ", " : "", names[static_cast<std::size_t>(i)], z[i]);
  return out + (shown < z.size() ? ", ..." : "");
}

// One NaN makes all derivatives NaN, so the latent to name is the one that makes the rest finite when it is moved.
std::string why_not_finite(ModelDensity& density, const Eigen::VectorXd& z) {
  const std::vector<std::string> names = density.model().parameters().unconstrained_names();
  double value = 0;
  Eigen::VectorXd gradient(z.size());
  const auto finite_at = [&](const Eigen::VectorXd& at) {
    density.evaluate(1, at.data(), &value, gradient.data());
    return std::isfinite(value) && gradient.allFinite();
  };
  if (finite_at(z)) return {};
  const std::string what = std::isfinite(value) ? std::string("the gradient of the log joint is not finite")
                           : std::isnan(value)  ? std::string("the log joint is not a number")
                                                : fmt::format("the log joint is {}", value);
  for (Eigen::Index i = 0; i < z.size(); ++i)
    for (const double shift : {1.0, -1.0}) {
      Eigen::VectorXd moved = z;
      moved[i] += shift;
      if (finite_at(moved))
        return fmt::format("{} at the start ({}); with {} = {:.3g} it is finite", what, place_of(density.model(), z),
                           names[static_cast<std::size_t>(i)], moved[i]);
    }
  return fmt::format("{} at the start ({}), nor is it finite when any one latent is moved by 1", what,
                     place_of(density.model(), z));
}

std::string runaway_sd(const Model& model, const GaussianPoint& point, const Eigen::VectorXd& start_sd) {
  const Eigen::ArrayXd growth = point.sd().array() / start_sd.array();
  Eigen::Index worst = 0;
  if (!(growth.maxCoeff(&worst) > kRunaway)) return {};
  return fmt::format(
      "the sd of {} has grown to {:.2g} and still grows: nothing in the model holds it (an improper posterior)",
      model.parameters().unconstrained_names()[static_cast<std::size_t>(worst)], growth[worst] * start_sd[worst]);
}

std::string model_ends_within(double masked_share) {
  return fmt::format(
      "at {:.0f} % of q's draws the log density is not finite: the model ends where a Gaussian does not; "
      "give the parameter a constraint",
      100 * masked_share);
}

std::vector<std::string> draws_left_out(std::int64_t count) {
  if (count == 0) return {};
  return {fmt::format("{} draws had a log density or gradient that is not finite and were left out", count)};
}

}  // namespace velbo::internal
