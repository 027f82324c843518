// fit/summary_json.cpp - the summary as JSON, schema 1.
//
// Fields are only ever added to a schema.  Numbers that are not finite are null, and null reads back as NaN.
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "fit/names.h"
#include "velbo/error.h"
#include "velbo/fit.h"

namespace velbo {
namespace {

using Json = nlohmann::ordered_json;

constexpr int schema = 1;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json model_to_json(const Summary::Model& model) {
  Json priors = Json::object();
  Json defaults = Json::array();
  for (const NamedPrior& prior : model.priors) {
    priors[prior.parameter] = prior.prior.text();
    if (prior.is_default) defaults.push_back(prior.parameter);
  }
  return {{"formula", model.formula},
          {"likelihood", model.likelihood},
          {"likelihood_guessed", model.likelihood_guessed},
          {"n_rows", model.n_rows},
          {"n_rows_dropped", model.n_rows_dropped},
          {"n_latents", model.n_latents},
          {"priors", std::move(priors)},
          {"default_priors", std::move(defaults)},
          {"levels", model.levels}};
}

Json run_to_json(const Summary::Run& run, bool converged) {
  Json starts = Json::array();
  for (const Summary::Run::Start& start : run.starts)
    starts.push_back(
        {{"elbo", number(start.elbo)}, {"elbo_se", number(start.elbo_se)}, {"same_optimum", start.same_optimum}});
  return {{"engine", run.engine},
          {"engine_reason", run.engine_reason},
          {"family", run.family},
          {"family_reason", run.family_reason},
          {"estimator", run.estimator},
          {"device", run.device},
          {"device_reason", run.device_reason},
          {"scalar", run.scalar},
          {"scalar_reason", run.scalar_reason},
          {"threads", run.threads},
          {"seed", run.seed},
          {"tolerance", number(run.tolerance)},
          {"status", name(run.status)},
          {"converged", converged},
          {"message", run.message},
          {"steps", run.steps},
          {"gradient_evaluations", run.gradient_evaluations},
          {"rows_read", run.rows_read},
          {"full_passes", number(run.full_passes)},
          {"rejected_steps", run.rejected_steps},
          {"seconds",
           {{"read", number(run.seconds.read)},
            {"fit", number(run.seconds.fit)},
            {"diagnose", number(run.seconds.diagnose)},
            {"total", number(run.seconds.total)}}},
          {"starts", std::move(starts)},
          {"best_start", run.best_start}};
}

Json quality_to_json(const Summary::Quality& quality) {
  return {{"elbo", number(quality.elbo)},
          {"elbo_se", number(quality.elbo_se)},
          {"k_hat", number(quality.k_hat)},
          {"k_hat_se", number(quality.k_hat_se)},
          {"n_draws", quality.n_draws},
          {"ess", number(quality.ess)},
          {"method", quality.method},
          {"linear_response_k_hat", number(quality.linear_response_k_hat)},
          {"log_evidence", number(quality.log_evidence)},
          {"error_sd", number(quality.error_sd)},
          {"iterate_rhat", number(quality.iterate_rhat)},
          {"verdict", name(quality.verdict)},
          {"advice", quality.advice}};
}

Json parameter_to_json(const ParameterSummary& p) {
  return {{"name", p.name},
          {"mean", number(p.mean)},
          {"sd", number(p.sd)},
          {"q05", number(p.q05)},
          {"q25", number(p.q25)},
          {"q50", number(p.q50)},
          {"q75", number(p.q75)},
          {"q95", number(p.q95)},
          {"corrected_mean", number(p.corrected_mean)},
          {"corrected_sd", number(p.corrected_sd)},
          {"linear_response_sd", number(p.linear_response_sd)}};
}

// Reading.  Fields of the first schema 1 must be there; those added later may be missing.

template <class T>
T required(const Json& json, const char* key) {
  return json.at(key).get<T>();
}
template <>
double required<double>(const Json& json, const char* key) {
  const Json& value = json.at(key);
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

template <class T>
void optional(const Json& json, const char* key, T& target) {
  if (json.contains(key)) target = required<T>(json, key);
}

Summary::Model model_from_json(const Json& json) {
  Summary::Model model;
  model.formula = required<std::string>(json, "formula");
  model.likelihood = required<std::string>(json, "likelihood");
  optional(json, "likelihood_guessed", model.likelihood_guessed);
  model.n_rows = required<std::int64_t>(json, "n_rows");
  model.n_rows_dropped = required<std::int64_t>(json, "n_rows_dropped");
  model.n_latents = required<std::int64_t>(json, "n_latents");
  optional(json, "levels", model.levels);
  std::vector<std::string> defaults;
  optional(json, "default_priors", defaults);
  for (const auto& [parameter, text] : json.at("priors").items())
    model.priors.push_back({parameter, Prior::parse(text.get<std::string>()),
                            std::find(defaults.begin(), defaults.end(), parameter) != defaults.end()});
  return model;
}

Summary::Run run_from_json(const Json& json) {
  Summary::Run run;
  run.engine = required<std::string>(json, "engine");
  run.engine_reason = required<std::string>(json, "engine_reason");
  run.family = required<std::string>(json, "family");
  optional(json, "family_reason", run.family_reason);
  run.estimator = required<std::string>(json, "estimator");
  run.device = required<std::string>(json, "device");
  run.device_reason = required<std::string>(json, "device_reason");
  run.scalar = required<std::string>(json, "scalar");
  optional(json, "scalar_reason", run.scalar_reason);
  run.threads = required<int>(json, "threads");
  run.seed = required<std::uint64_t>(json, "seed");
  optional(json, "tolerance", run.tolerance);
  run.status = internal::parse_status(required<std::string>(json, "status"));
  run.message = required<std::string>(json, "message");
  run.steps = required<std::int64_t>(json, "steps");
  run.gradient_evaluations = required<std::int64_t>(json, "gradient_evaluations");
  run.rows_read = required<std::int64_t>(json, "rows_read");
  run.full_passes = required<double>(json, "full_passes");
  run.rejected_steps = required<std::int64_t>(json, "rejected_steps");
  const Json& seconds = json.at("seconds");
  run.seconds.read = required<double>(seconds, "read");
  run.seconds.fit = required<double>(seconds, "fit");
  run.seconds.diagnose = required<double>(seconds, "diagnose");
  run.seconds.total = required<double>(seconds, "total");
  if (json.contains("starts"))
    for (const Json& start : json.at("starts"))
      run.starts.push_back(
          {required<double>(start, "elbo"), required<double>(start, "elbo_se"), required<bool>(start, "same_optimum")});
  optional(json, "best_start", run.best_start);
  return run;
}

Summary::Quality quality_from_json(const Json& json) {
  Summary::Quality quality;
  quality.elbo = required<double>(json, "elbo");
  quality.elbo_se = required<double>(json, "elbo_se");
  quality.k_hat = required<double>(json, "k_hat");
  optional(json, "k_hat_se", quality.k_hat_se);
  optional(json, "n_draws", quality.n_draws);
  optional(json, "ess", quality.ess);
  optional(json, "method", quality.method);
  optional(json, "linear_response_k_hat", quality.linear_response_k_hat);
  optional(json, "log_evidence", quality.log_evidence);
  quality.error_sd = required<double>(json, "error_sd");
  optional(json, "iterate_rhat", quality.iterate_rhat);
  quality.verdict = internal::parse_verdict(required<std::string>(json, "verdict"));
  quality.advice = required<std::string>(json, "advice");
  return quality;
}

ParameterSummary parameter_from_json(const Json& json) {
  ParameterSummary p;
  p.name = required<std::string>(json, "name");
  p.mean = required<double>(json, "mean");
  p.sd = required<double>(json, "sd");
  p.q05 = required<double>(json, "q05");
  p.q25 = required<double>(json, "q25");
  p.q50 = required<double>(json, "q50");
  p.q75 = required<double>(json, "q75");
  p.q95 = required<double>(json, "q95");
  optional(json, "corrected_mean", p.corrected_mean);
  optional(json, "corrected_sd", p.corrected_sd);
  optional(json, "linear_response_sd", p.linear_response_sd);
  return p;
}

[[noreturn]] void fail(const std::string& why) { throw Error(ErrorCode::file, "not the summary of a fit: " + why); }

}  // namespace

std::string Summary::to_json() const {
  Json parameter_list = Json::array();
  for (const ParameterSummary& parameter : parameters) parameter_list.push_back(parameter_to_json(parameter));
  const Json json = {{"schema", schema},
                     {"velbo_version", velbo_version},
                     {"model", model_to_json(model)},
                     {"fit", run_to_json(fit, converged())},
                     {"quality", quality_to_json(quality)},
                     {"warnings", warnings},
                     {"parameters", std::move(parameter_list)}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";  // replace: names that are not UTF-8
}

Summary Summary::from_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) fail("it is not a JSON object");
  try {
    if (json.at("schema") != schema) fail("its schema is " + json.at("schema").dump() + ", expected 1");
    Summary summary;
    summary.velbo_version = required<std::string>(json, "velbo_version");
    summary.model = model_from_json(json.at("model"));
    summary.fit = run_from_json(json.at("fit"));
    summary.quality = quality_from_json(json.at("quality"));
    optional(json, "warnings", summary.warnings);
    for (const Json& parameter : json.at("parameters")) summary.parameters.push_back(parameter_from_json(parameter));
    return summary;
  } catch (const Json::exception& error) {
    fail(error.what());
  } catch (const Error& error) {
    if (error.code() == ErrorCode::file) throw;
    fail(error.what());
  }
}

}  // namespace velbo
