// fit/conjugate_run.cpp - how a fit of a conjugate model went, as text and as JSON.
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "fit/names.h"
#include "velbo/conjugate.h"
#include "velbo/error.h"

namespace velbo {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json numbers(const std::vector<double>& values) {
  Json out = Json::array();
  for (const double value : values) out.push_back(number(value));
  return out;
}

double read_number(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

std::vector<double> read_numbers(const Json& json) {
  std::vector<double> out;
  for (const Json& value : json) out.push_back(read_number(value));
  return out;
}

}  // namespace

std::string ConjugateRun::text() const {
  return fmt::format("{}: {}\nengine {}, {:.4g} passes, {:.3g} s, {} thread{}, {}; ELBO {:.2f}\n", name(status),
                     message, engine, passes, seconds, threads, threads == 1 ? "" : "s", scalar, elbo);
}

std::string ConjugateRun::to_json() const {
  const Json json = {{"engine", engine},
                     {"device", device},
                     {"device_reason", device_reason},
                     {"scalar", scalar},
                     {"threads", threads},
                     {"seed", seed},
                     {"status", name(status)},
                     {"converged", converged()},
                     {"message", message},
                     {"tolerance", tolerance},
                     {"n_units", n_units},
                     {"steps", steps},
                     {"passes", passes},
                     {"seconds", seconds},
                     {"seconds_evaluating", seconds_evaluating},
                     {"elbo", number(elbo)},
                     {"elbo_trace", numbers(elbo_trace)},
                     {"elbo_of_restarts", numbers(elbo_of_restarts)}};
  return json.dump();
}

ConjugateRun ConjugateRun::from_json(std::string_view text) try {
  const Json json = Json::parse(text);
  ConjugateRun out;
  out.engine = json.at("engine").get<std::string>();
  out.device = json.at("device").get<std::string>();
  out.device_reason = json.at("device_reason").get<std::string>();
  out.scalar = json.at("scalar").get<std::string>();
  out.threads = json.at("threads").get<int>();
  out.seed = json.at("seed").get<std::uint64_t>();
  out.status = internal::parse_status(json.at("status").get<std::string>());
  out.message = json.at("message").get<std::string>();
  out.tolerance = json.at("tolerance").get<double>();
  out.n_units = json.at("n_units").get<std::int64_t>();
  out.steps = json.at("steps").get<std::int64_t>();
  out.passes = json.at("passes").get<double>();
  out.seconds = json.at("seconds").get<double>();
  out.seconds_evaluating = json.at("seconds_evaluating").get<double>();
  out.elbo = read_number(json.at("elbo"));
  out.elbo_trace = read_numbers(json.at("elbo_trace"));
  out.elbo_of_restarts = read_numbers(json.at("elbo_of_restarts"));
  return out;
} catch (const Json::exception& error) {
  throw Error(ErrorCode::file, std::string("the run of a fit cannot be read: ") + error.what());
} catch (const Error& error) {
  throw Error(ErrorCode::file, std::string("the run of a fit cannot be read: ") + error.what());
}

}  // namespace velbo
