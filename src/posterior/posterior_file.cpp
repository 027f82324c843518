// posterior/posterior_file.cpp - a posterior as one safetensors file.
//
//   tensors   mean [D], and scale_tril [D, D] (full rank), sd [D] (mean field) or sd_and_loadings [D, 1 + R] (low rank), all of
//             the unconstrained latents
//   metadata  format "velbo.posterior", format_version "1", velbo_version,
//             recipe (JSON: what new rows need to become predictors; of a Model its parameters), summary (JSON, may be empty), crc32
//
// Posteriors of a Model have format_version "2", of a formula whose likelihood is one of models/row_law.h "3", or "4" where the
// outcome has levels.
// format_version changes when an older velbo could no longer read a newer file rightly.
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "fit/names.h"
#include "io/safetensors.h"
#include "models/outcome_levels.h"
#include "models/row_law.h"
#include "models/row_model.h"
#include "posterior/posterior_state.h"
#include "velbo/error.h"
#include "velbo/posterior.h"
#include "velbo/version.h"

namespace velbo {
namespace {

using internal::GlmRecipe;
using internal::Safetensors;
using internal::Tensor;
using Json = nlohmann::ordered_json;

constexpr const char* format_name = "velbo.posterior";
constexpr int format_version = 1, format_version_of_models = 2, format_version_of_row_laws = 3,
              format_version_of_levels = 4;
constexpr std::array format_versions = {format_version, format_version_of_models, format_version_of_row_laws,
                                        format_version_of_levels};

std::string recipe_to_text(const GlmRecipe& recipe, FamilyKind family) {
  Json json;
  json["formula"] = recipe.formula;
  json["likelihood"] = name(recipe.likelihood);
  json["family"] = name(family);
  json["names"] = recipe.names;
  json["has_intercept"] = recipe.has_intercept;
  json["weights_kind"] = internal::name(recipe.weights_kind);
  json["has_offset"] = recipe.has_offset;
  json["offset"] = recipe.offset;
  json["trials"] = recipe.trials;
  json["labels"] = recipe.labels ? Json(*recipe.labels) : Json(nullptr);
  if (!recipe.levels.empty()) json["levels"] = recipe.levels;
  json["design"] = recipe.design ? Json(recipe.design->to_json()) : Json(nullptr);
  try {
    return json.dump();
  } catch (const Json::exception&) {
    throw Error(
        ErrorCode::data,
        "a name or a factor level of the model is not UTF-8 text, so the posterior cannot be saved; convert the "
        "table to UTF-8");
  }
}

GlmRecipe recipe_from_json(const Json& json) {
  GlmRecipe recipe;
  recipe.formula = json.at("formula").get<std::string>();
  recipe.likelihood = parse_likelihood(json.at("likelihood").get<std::string>());
  recipe.names = json.at("names").get<std::vector<std::string>>();
  recipe.has_intercept = json.at("has_intercept").get<bool>();
  recipe.weights_kind = internal::parse_weights_kind(json.at("weights_kind").get<std::string>());
  recipe.has_offset = json.at("has_offset").get<bool>();
  recipe.offset = json.at("offset").get<std::string>();
  recipe.trials = json.at("trials").get<std::string>();
  // Older files lack it.
  if (json.contains("labels") && !json.at("labels").is_null()) {
    const auto labels = json.at("labels").get<std::vector<double>>();
    recipe.labels = {0, 0};  // which check_recipe() refuses
    if (labels.size() == 2) recipe.labels = {labels[0], labels[1]};
  }
  if (json.contains("levels")) recipe.levels = json.at("levels").get<std::vector<std::string>>();
  if (!json.at("design").is_null()) recipe.design = internal::Design::from_json(nlohmann::json(json.at("design")));
  return recipe;
}

std::string model_to_text(const internal::ModelRecipe& model, FamilyKind family) {
  Json parameters = Json::array();
  for (const Parameter& p : model.parameters.parameters()) {
    Json entry = {{"name", p.name}, {"constraint", name(p.constraint)}, {"shape", p.shape}, {"size", p.size}};
    if (std::isfinite(p.lower)) entry["lower"] = p.lower;
    if (std::isfinite(p.upper)) entry["upper"] = p.upper;
    parameters.push_back(std::move(entry));
  }
  const Json json = {{"model", model.name}, {"family", name(family)}, {"parameters", std::move(parameters)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);  // a name that is not UTF-8
}

internal::ModelRecipe model_from_json(const Json& json) {
  std::vector<Parameter> parameters;
  for (const Json& entry : json.at("parameters")) {
    Parameter p;
    p.name = entry.at("name").get<std::string>();
    p.constraint = parse_constraint(entry.at("constraint").get<std::string>());
    p.shape = entry.at("shape").get<Shape>();
    p.size = entry.at("size").get<std::int64_t>();
    if (entry.contains("lower")) p.lower = entry.at("lower").get<double>();
    if (entry.contains("upper")) p.upper = entry.at("upper").get<double>();
    parameters.push_back(std::move(p));
  }
  return {json.at("model").get<std::string>(), Parameters(std::move(parameters))};
}

Safetensors read_posterior_file(const std::string& path, bool metadata_only) {
  Safetensors file = internal::read_safetensors(path, metadata_only);
  if (internal::metadata_at(path, file, "format") != format_name)
    internal::fail_in_file(path, "is a safetensors file, but not a posterior of velbo");
  const std::string& version = internal::metadata_at(path, file, "format_version");
  const bool known = std::any_of(format_versions.begin(), format_versions.end(),
                                 [&](int known_version) { return version == std::to_string(known_version); });
  if (!known)
    internal::fail_in_file(path, "has format version " + version + ", written by velbo " +
                                     internal::metadata_at(path, file, "velbo_version") + "; this is velbo " +
                                     velbo::version() + ", which reads versions " + std::to_string(format_version) +
                                     " to " + std::to_string(format_versions.back()));
  return file;
}

void check_levels(const std::string& path, const GlmRecipe& recipe) {
  const std::vector<std::string>& levels = recipe.levels;
  if (!internal::takes_levels(recipe.likelihood)) {
    if (!levels.empty()) internal::fail_in_file(path, "has levels of an outcome that has none");
    if (recipe.design && recipe.design->response().levels.size() > 2)
      internal::fail_in_file(path, "has an outcome of too many levels");
    return;
  }
  std::vector<std::string> sorted = levels;
  std::sort(sorted.begin(), sorted.end());
  if (levels.size() < 2 || recipe.n_levels() > internal::kMostLevels ||
      std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    internal::fail_in_file(path, "has levels that are not at least two, each once");
  if (recipe.likelihood == Likelihood::ordinal ? recipe.has_intercept : recipe.has_offset)
    internal::fail_in_file(path, "has an intercept or an offset that its likelihood cannot have");
  if (recipe.n_coefficients() >= 0 && recipe.n_coefficients() % recipe.n_predictors() != 0)
    internal::fail_in_file(path, "has coefficients that are not as many for each level");
  if (!recipe.design || recipe.design->response().levels.empty()) return;
  const std::vector<std::string>& found = recipe.design->response().levels;
  if (!std::is_permutation(levels.begin(), levels.end(), found.begin(), found.end()))
    internal::fail_in_file(path, "has levels that are not those of its design's outcome");
}

void check_recipe(const std::string& path, const GlmRecipe& recipe) {
  if (recipe.likelihood == Likelihood::automatic) internal::fail_in_file(path, "names no likelihood");
  check_levels(path, recipe);
  if (recipe.n_coefficients() < 0 || recipe.names.empty()) internal::fail_in_file(path, "has no parameters");
  if (recipe.n_coefficients() < (recipe.has_intercept ? 1 : 0))
    internal::fail_in_file(path, "has no coefficient for its intercept");
  if (recipe.labels && (recipe.likelihood != Likelihood::bernoulli || !((*recipe.labels)[0] < (*recipe.labels)[1])))
    internal::fail_in_file(path, "has labels that are not two, increasing, of a bernoulli outcome");
  if (!recipe.design) return;
  const std::int64_t skipped = recipe.first_design_column();
  const bool needs_intercept = recipe.has_intercept || recipe.likelihood == Likelihood::ordinal;
  if (static_cast<std::int64_t>(recipe.design->names().size()) != skipped + recipe.n_columns() ||
      recipe.design->has_intercept() != needs_intercept || recipe.design->formula() != recipe.formula)
    internal::fail_in_file(path, "has a design that does not fit its parameters");
  if (recipe.has_offset == recipe.offset.empty()) internal::fail_in_file(path, "has an offset without a column");
  if ((recipe.likelihood == Likelihood::binomial) == recipe.trials.empty())
    internal::fail_in_file(path, "has trials without a column");
}

int version_of(const PosteriorState& state) {
  if (!state.recipe.levels.empty()) return format_version_of_levels;
  return state.model ? format_version_of_models : state.of_formula ? format_version_of_row_laws : format_version;
}

std::vector<double> take_tensor(const std::string& path, Safetensors& file, const char* tensor_name,
                                const std::vector<std::int64_t>& shape) {
  for (Tensor& tensor : file.tensors) {
    if (tensor.name != tensor_name) continue;
    if (tensor.shape != shape)
      internal::fail_in_file(path, std::string("has a tensor \"") + tensor_name + "\" of the wrong shape");
    for (const double value : tensor.values)
      if (!std::isfinite(value))
        internal::fail_in_file(path, std::string("has a number in \"") + tensor_name + "\" that is not finite");
    return std::move(tensor.values);
  }
  internal::fail_in_file(path, std::string("has no tensor \"") + tensor_name + "\"");
}

// Positive sds, in the first column where there are more; or a lower triangle with a positive diagonal.
bool is_scale(const std::vector<double>& scale, const GaussianFamily& family) {
  const auto d = static_cast<std::size_t>(family.dimension());
  const std::size_t width = scale.size() / d;
  for (std::size_t i = 0; i < d; ++i) {
    if (family.kind() != FamilyKind::full_rank) {
      if (!(scale[i * width] > 0)) return false;
      continue;
    }
    if (!(scale[i * d + i] > 0)) return false;
    for (std::size_t j = i + 1; j < d; ++j)
      if (scale[i * d + j] != 0) return false;
  }
  return true;
}

// Name and shape of the scale's array in the file.
internal::Tensor scale_tensor(const GaussianFamily& family) {
  const std::int64_t d = family.dimension();
  switch (family.kind()) {
    case FamilyKind::full_rank: return {"scale_tril", {d, d}, {}};
    case FamilyKind::low_rank: return {"sd_and_loadings", {d, 1 + family.rank()}, {}};
    default: return {"sd", {d}, {}};
  }
}

}  // namespace

void Posterior::save(const std::string& path, std::string_view summary_json) const {
  const std::int64_t d = n_latents();
  Safetensors file;
  const FamilyKind family = state_->family.kind();
  file.metadata = {
      {"format", format_name},
      {"format_version", std::to_string(version_of(*state_))},
      {"velbo_version", velbo::version()},
      {"recipe", state_->model ? model_to_text(*state_->model, family) : recipe_to_text(state_->recipe, family)},
      {"summary", std::string(summary_json)}};
  file.tensors.push_back({"mean", {d}, state_->mean});
  internal::Tensor scale = scale_tensor(state_->family);
  scale.values = state_->scale;
  file.tensors.push_back(std::move(scale));
  internal::write_safetensors(path, file);
}

Posterior Posterior::load(const std::string& path) {
  Safetensors file = read_posterior_file(path, false);
  try {
    const Json json = Json::parse(internal::metadata_at(path, file, "recipe"));
    const FamilyKind family = parse_family(json.at("family").get<std::string>());
    if (family == FamilyKind::automatic) internal::fail_in_file(path, "names no family");
    GlmRecipe recipe;
    std::optional<internal::ModelRecipe> model;
    if (json.contains("model")) {
      model = model_from_json(json);
      recipe.names = model->parameters.names();
    } else {
      recipe = recipe_from_json(json);
      check_recipe(path, recipe);
    }
    std::optional<Parameters> of_formula;
    if (!model && internal::row_law(recipe.likelihood) != nullptr) of_formula = internal::row_model_parameters(recipe);
    const std::int64_t d = model ? model->parameters.n_unconstrained() : recipe.n_latents();
    std::int64_t rank = 0;
    if (family == FamilyKind::low_rank) {
      const internal::Tensor* loadings = file.find("sd_and_loadings");
      rank = loadings != nullptr && loadings->shape.size() == 2 ? loadings->shape[1] - 1 : 0;
    }
    const GaussianFamily gaussian(family, d, rank);
    std::vector<double> mean = take_tensor(path, file, "mean", {d});
    const internal::Tensor expected = scale_tensor(gaussian);
    std::vector<double> scale = take_tensor(path, file, expected.name.c_str(), expected.shape);
    if (!is_scale(scale, gaussian))
      internal::fail_in_file(path, "has a scale that is not positive or not lower triangular");
    return Posterior(std::make_shared<const PosteriorState>(PosteriorState{
        std::move(recipe), gaussian, std::move(mean), std::move(scale), std::move(model), std::move(of_formula)}));
  } catch (const Json::exception& error) {
    internal::fail_in_file(path, std::string("has a recipe that cannot be read: ") + error.what());
  } catch (const Error& error) {
    const std::string message = error.what();
    if (error.code() == ErrorCode::file && message.starts_with(path)) throw;
    internal::fail_in_file(path, "has a recipe that cannot be read: " + message);
  }
}

std::string Posterior::load_summary_json(const std::string& path) {
  return internal::metadata_at(path, read_posterior_file(path, true), "summary");
}

}  // namespace velbo
