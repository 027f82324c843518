// engines/findings.cpp
#include "engines/findings.h"

#include <fmt/format.h>

#include "engines/identification.h"
#include "models/expected_prior.h"

namespace velbo::internal {
namespace {

// A coefficient without a prior whose sd has grown this much since the start follows a likelihood that rises for ever.
constexpr double kRunaway = 1e3;

}  // namespace

std::vector<std::string> findings_at(const GlmData& data, const GaussianPoint& point,
                                     const ExpectedLogJoint& expected) {
  if (point.family != FamilyKind::full_rank) return {};
  const Eigen::Index n_coefficients = data.recipe.n_coefficients();
  const Eigen::VectorXd prior = expected_prior_curvature(data, point);
  std::vector<std::string> out;
  for (Eigen::Index i = 0; i < n_coefficients; ++i)
    if (prior[i] < 0)
      out.push_back(
          fmt::format("the prior of {} pulls elsewhere than the data, and its tails are heavy: the posterior may have "
                      "several modes, of which this is one",
                      data.recipe.names[static_cast<std::size_t>(i)]));
  for (const std::string& direction :
       prior_dominated_directions(expected.curvature.topLeftCorner(n_coefficients, n_coefficients),
                                  prior.head(n_coefficients), data.recipe.names))
    out.push_back(
        fmt::format("the data say next to nothing about {}: there the prior decides (collinear or constant "
                    "columns, more columns than rows, or separated outcomes)",
                    direction));
  return out;
}

std::string flat_reason(const GlmData& data, const GaussianPoint& point, const ExpectedLogJoint& expected) {
  if (point.family != FamilyKind::full_rank) return {};
  const std::string flat = flat_direction(expected.curvature, data.recipe.names);
  if (flat.empty()) return {};
  return fmt::format(
      "there is no posterior: neither the data nor a prior says anything about {}; give the "
      "coefficients a proper prior",
      flat);
}

std::string runaway_reason(const GlmData& data, const GaussianPoint& point, const Eigen::VectorXd& start_sd) {
  const Eigen::VectorXd sd = point.sd();
  for (Eigen::Index i = 0; i < data.recipe.n_coefficients(); ++i) {
    if (data.priors[static_cast<std::size_t>(i)].prior.kind != Prior::Kind::flat) continue;
    if (sd[i] < kRunaway * start_sd[i]) continue;
    const Eigen::VectorXd drift = point.family == FamilyKind::full_rank
                                      ? Eigen::VectorXd(point.factor * point.factor.row(i).transpose())
                                      : Eigen::VectorXd(Eigen::VectorXd::Unit(point.dimension(), i));
    return fmt::format(
        "the likelihood keeps rising along {} and its prior is flat: there is no posterior "
        "(are the outcomes separated?); give the coefficients a proper prior",
        describe_direction(drift, data.recipe.names));
  }
  return {};
}

}  // namespace velbo::internal
