// mixtures/gaussian_mixture_file.cpp - a mixture's posterior as one safetensors file.
//
//   tensors   centre [D], unit [D], prior_mean [D] and prior_inverse_scale (in units of z = (x - centre) / unit), prior [3]: kappa0, nu0
//             and the concentration, statistics (as in mixtures/gaussian_factors.h)
//   metadata  format "velbo.gaussian_mixture", format_version "1", velbo_version, recipe (JSON: n_components, covariance,
//             weights_prior, names), run (JSON, may be empty), crc32
//
// All else follows from them, bit for bit.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "io/safetensors.h"
#include "mixtures/mixture_state.h"
#include "velbo/error.h"
#include "velbo/version.h"

namespace velbo {
namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;
using internal::Safetensors;
using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "velbo.gaussian_mixture";
constexpr const char* kVersion = "1";

Safetensors read_file(const std::string& path, bool metadata_only) {
  Safetensors file = internal::read_safetensors(path, metadata_only);
  if (internal::metadata_at(path, file, "format") != kFormat)
    internal::fail_in_file(path, "is a safetensors file, but not a Gaussian mixture of velbo");
  if (internal::metadata_at(path, file, "format_version") != kVersion)
    internal::fail_in_file(path, "has format version " + internal::metadata_at(path, file, "format_version") +
                                     ", this is velbo " + velbo::version() + ", which reads version " + kVersion);
  return file;
}

std::vector<double> take(const std::string& path, const Safetensors& file, const char* what, Index size) {
  const internal::Tensor* tensor = file.find(what);
  if (tensor == nullptr) internal::fail_in_file(path, fmt::format("has no tensor \"{}\"", what));
  if (static_cast<Index>(tensor->values.size()) != size)
    internal::fail_in_file(path,
                           fmt::format("has {} numbers in \"{}\", expected {}", tensor->values.size(), what, size));
  for (const double value : tensor->values)
    if (!std::isfinite(value))
      internal::fail_in_file(path, fmt::format("has a number in \"{}\" that is not finite", what));
  return tensor->values;
}

// Numbers that no fit leaves would become NaN.
bool is_sound(const internal::GaussianMixtureState& state) {
  for (const auto* values : {&state.weights, &state.weights_sd, &state.means, &state.means_sd, &state.covariances})
    for (const double value : *values)
      if (!std::isfinite(value)) return false;
  for (const double value : state.covariances_sd)
    if (std::isnan(value)) return false;
  const internal::GaussianFactors& q = state.globals.gaussians();
  return q.is_wishart() || (q.scale.array() > 0).all();
}

internal::Tensor tensor_of(const char* what, std::span<const double> values) {
  return {what, {static_cast<std::int64_t>(values.size())}, {values.begin(), values.end()}};
}

}  // namespace

void GaussianMixture::save(const std::string& path, std::string_view run_json) const {
  const internal::MixturePrior& prior = state_->prior;
  const Json recipe = {{"n_components", n_components()},
                       {"covariance", name(covariance_kind())},
                       {"weights_prior", name(prior.weights)},
                       {"names", names()}};
  Safetensors file;
  try {
    file.metadata = {{"format", kFormat},
                     {"format_version", kVersion},
                     {"velbo_version", velbo::version()},
                     {"recipe", recipe.dump()},
                     {"run", std::string(run_json)}};
  } catch (const Json::exception&) {
    throw Error(ErrorCode::data, "a feature's name is not UTF-8 text, so the mixture cannot be saved");
  }
  const double numbers[] = {prior.kappa, prior.nu, prior.concentration};
  file.tensors = {tensor_of("centre", state_->units.centre),
                  tensor_of("unit", state_->units.unit),
                  tensor_of("prior_mean", {prior.mean.data(), static_cast<std::size_t>(prior.mean.size())}),
                  tensor_of("prior_inverse_scale",
                            {prior.inverse_scale.data(), static_cast<std::size_t>(prior.inverse_scale.size())}),
                  tensor_of("prior", numbers),
                  tensor_of("statistics", state_->statistics)};
  internal::write_safetensors(path, file);
}

GaussianMixture GaussianMixture::load(const std::string& path) {
  const Safetensors file = read_file(path, false);
  try {
    const Json recipe = Json::parse(internal::metadata_at(path, file, "recipe"));
    internal::MixturePrior prior;
    prior.layout.kind = parse_covariance_kind(recipe.at("covariance").get<std::string>());
    prior.weights = parse_weights_prior(recipe.at("weights_prior").get<std::string>());
    auto names = recipe.at("names").get<std::vector<std::string>>();
    const Index k = prior.layout.k = recipe.at("n_components").get<Index>();
    const Index d = prior.layout.d = static_cast<Index>(names.size());
    const internal::Tensor* statistics = file.find("statistics");
    if (k < 1 || d < 1 || statistics == nullptr || k > static_cast<Index>(statistics->values.size()))
      internal::fail_in_file(path, "has a recipe that does not fit its tensors");
    const std::vector<double> numbers = take(path, file, "prior", 3), mean = take(path, file, "prior_mean", d);
    prior.kappa = numbers[0];
    prior.nu = numbers[1];
    prior.concentration = numbers[2];
    const bool wishart = prior.layout.kind == CovarianceKind::full || prior.layout.kind == CovarianceKind::tied;
    const Index rows = prior.layout.kind == CovarianceKind::spherical ? 1 : d, columns = wishart ? d : 1;
    if (!(prior.kappa > 0 && prior.concentration > 0 && prior.nu > (wishart ? static_cast<double>(d) + 1 : 2)))
      internal::fail_in_file(path, "has a prior that makes no sense");
    prior.mean = VectorXd::Map(mean.data(), d);
    prior.inverse_scale = MatrixXd::Map(take(path, file, "prior_inverse_scale", rows * columns).data(), rows, columns);
    internal::MixtureUnits units{take(path, file, "centre", d), take(path, file, "unit", d)};
    std::vector<double> sums = take(path, file, "statistics", prior.layout.size());
    for (const double unit : units.unit)
      if (!(unit > 0)) internal::fail_in_file(path, "has a unit that is not positive");
    for (Index i = 0; i < k; ++i)
      if (!(sums[static_cast<std::size_t>(i)] >= 0)) internal::fail_in_file(path, "has a component of negative weight");
    const auto state = internal::make_state(std::move(prior), std::move(units), std::move(sums), std::move(names));
    if (!is_sound(*state)) internal::fail_in_file(path, "has statistics of no rows that there could be");
    return GaussianMixture(state);
  } catch (const Json::exception& error) {
    internal::fail_in_file(path, std::string("has a recipe that cannot be read: ") + error.what());
  } catch (const Error& error) {
    if (error.code() == ErrorCode::file) throw;
    internal::fail_in_file(path, error.what());
  }
}

std::string GaussianMixture::load_run_json(const std::string& path) {
  return internal::metadata_at(path, read_file(path, true), "run");
}

}  // namespace velbo
