// sequences/hidden_markov_file.cpp - a hidden Markov model as one safetensors file.
//
//   tensors   statistics (HiddenMarkovFactors), and of Gaussian emissions centre [D] and scale [D]
//   metadata  format "velbo.hidden_markov", format_version "1", velbo_version, prior, names, run (JSON), crc32
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "io/safetensors.h"
#include "sequences/hidden_markov_state.h"
#include "velbo/error.h"
#include "velbo/version.h"

namespace velbo {
namespace {

using namespace internal;
using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "velbo.hidden_markov";
constexpr const char* kFormatVersion = "1";

std::vector<double> tensor_at(const std::string& path, const Safetensors& file, const std::string& name,
                              std::int64_t size) {
  const Tensor* const tensor = file.find(name);
  if (tensor == nullptr || static_cast<std::int64_t>(tensor->values.size()) != size)
    internal::fail_in_file(path, fmt::format("has no {} of {} numbers", name, size));
  if (!std::all_of(tensor->values.begin(), tensor->values.end(), [](double v) { return std::isfinite(v); }))
    internal::fail_in_file(path, fmt::format("has numbers that are not finite in {}", name));
  return tensor->values;
}

}  // namespace

void HiddenMarkov::save(const std::string& path) const {
  const HiddenMarkovPrior& prior = state_->factors.prior();
  const Json json = {{"emissions", name(prior.kind)},
                     {"n_states", prior.n_states},
                     {"width", prior.width},
                     {"initial", prior.initial},
                     {"transition", prior.transition},
                     {"sticky", prior.sticky},
                     {"emission", prior.emission},
                     {"mean_precision", prior.mean_precision},
                     {"degrees_of_freedom", prior.degrees_of_freedom}};
  Safetensors file;
  file.metadata = {{"format", kFormat},
                   {"format_version", kFormatVersion},
                   {"velbo_version", velbo::version()},
                   {"prior", json.dump()},
                   {"names", Json(state_->names).dump(-1, ' ', false, Json::error_handler_t::replace)},
                   {"run", state_->run.to_json()}};
  const auto add = [&](const char* of, const std::vector<double>& values) {
    file.tensors.push_back({of, {static_cast<std::int64_t>(values.size())}, values});
  };
  add("statistics", state_->statistics);
  if (prior.kind == EmissionKind::gaussian) {
    add("centre", prior.centre);
    add("scale", prior.scale);
  }
  write_safetensors(path, file);
}

HiddenMarkov HiddenMarkov::load(const std::string& path) {
  const Safetensors file = read_safetensors(path);
  if (internal::metadata_at(path, file, "format") != kFormat)
    internal::fail_in_file(path, "is a safetensors file, but not a hidden Markov model of velbo");
  if (const std::string& version = internal::metadata_at(path, file, "format_version"); version != kFormatVersion)
    internal::fail_in_file(path, fmt::format("has format version {}; this velbo reads {}", version, kFormatVersion));
  HiddenMarkovPrior prior;
  std::vector<std::string> names;
  try {
    names = Json::parse(internal::metadata_at(path, file, "names")).get<std::vector<std::string>>();
    const Json json = Json::parse(internal::metadata_at(path, file, "prior"));
    const auto emissions = json.at("emissions").get<std::string>();
    prior.kind = emissions == name(EmissionKind::gaussian) ? EmissionKind::gaussian : EmissionKind::categorical;
    if (emissions != name(prior.kind)) internal::fail_in_file(path, "has emissions of no known kind: " + emissions);
    prior.n_states = json.at("n_states").get<std::int64_t>();
    prior.width = json.at("width").get<std::int64_t>();
    prior.initial = json.at("initial").get<double>();
    prior.transition = json.at("transition").get<double>();
    prior.sticky = json.at("sticky").get<double>();
    prior.emission = json.at("emission").get<double>();
    prior.mean_precision = json.at("mean_precision").get<double>();
    prior.degrees_of_freedom = json.at("degrees_of_freedom").get<double>();
  } catch (const Json::exception& error) {
    internal::fail_in_file(path, error.what());
  }
  constexpr std::int64_t most = 1 << 24;
  const bool gaussian = prior.kind == EmissionKind::gaussian;
  if (prior.n_states < 1 || prior.width < 1 || prior.n_states > most || prior.width > most || !(prior.initial > 0) ||
      !(prior.transition > 0) || !(prior.sticky >= 0) || !(prior.emission > 0) ||
      (gaussian && (!(prior.mean_precision > 0) || !(prior.degrees_of_freedom > static_cast<double>(prior.width) - 1))))
    internal::fail_in_file(path, "has a prior that makes no sense");
  if (static_cast<std::int64_t>(names.size()) != prior.width)
    internal::fail_in_file(path, "has names that are not one for each column");
  if (gaussian) {
    prior.centre = tensor_at(path, file, "centre", prior.width);
    prior.scale = tensor_at(path, file, "scale", prior.width);
    if (!std::all_of(prior.scale.begin(), prior.scale.end(), [](double v) { return v > 0; }))
      internal::fail_in_file(path, "has a scale that is not positive");
  }
  const std::int64_t k = prior.n_states;
  const std::int64_t per_state = gaussian ? 1 + prior.width + prior.width * (prior.width + 1) / 2 : prior.width;
  std::vector<double> statistics = tensor_at(path, file, "statistics", k * (1 + k + per_state));
  if (!std::all_of(statistics.begin(), statistics.begin() + k * (1 + k), [](double v) { return v >= 0; }))
    internal::fail_in_file(path, "has expected numbers that are negative");
  try {
    return HiddenMarkov(
        std::make_shared<const HiddenMarkovState>(std::move(prior), std::move(statistics), std::move(names),
                                                  ConjugateRun::from_json(internal::metadata_at(path, file, "run"))));
  } catch (const Error& error) {
    internal::fail_in_file(path, error.what());
  }
}

}  // namespace velbo
