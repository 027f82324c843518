#include <algorithm>  // for adjacent_find
#include <array>      // for array
#include <cmath>      // for isfinite
#include <cstdint>
#include <functional>  // for greater_equal
#include <nlohmann/json.hpp>
#include <string>
#include <utility>  // for pair, move
#include <vector>

#include "formula/design_state.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::pair<Variable::Kind, const char*>, 3> kKinds = {{
    {Variable::Kind::number, "number"},
    {Variable::Kind::text_factor, "text factor"},
    {Variable::Kind::number_factor, "number factor"},
}};

[[noreturn]] void fail(const std::string& what) {
  throw Error(ErrorCode::file, "the fit's design cannot be read: " + what);
}

Json variable_to_json(const Variable& variable) {
  Json json = {{"name", variable.name}};
  for (const auto& [kind, name] : kKinds) {
    if (kind == variable.kind) json["kind"] = name;
  }
  if (variable.is_factor()) json["levels"] = variable.levels;
  if (variable.kind == Variable::Kind::number_factor) json["level_values"] = variable.level_values;
  const auto scales = variable.expression.scales();
  if (!scales.empty()) json["scales"] = scales;
  return json;
}

template <class T>
bool is_ascending(const std::vector<T>& values) {
  return std::adjacent_find(values.begin(), values.end(), std::greater_equal<T>()) == values.end();
}

Variable variable_from_json(const FormulaVariable& from, const Json& json) {
  if (json.at("name").get<std::string>() != from.name) fail("variable " + from.name + " is not where it should be");
  const auto kind_name = json.at("kind").get<std::string>();
  const auto* const kind =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& k) { return k.second == kind_name; });
  if (kind == kKinds.end()) fail("variable " + from.name + " is of no known kind");
  Variable variable = make_variable_of_kind(from, kind->first);
  if (variable.is_factor()) {
    variable.levels = json.at("levels").get<std::vector<std::string>>();
    if (variable.levels.size() < 2) fail(from.name + " has less than two levels");
  }
  if (variable.kind == Variable::Kind::text_factor && !is_ascending(variable.levels)) {
    fail("the levels of " + from.name + " are not in order");
  }
  if (variable.kind == Variable::Kind::number_factor) {
    variable.level_values = json.at("level_values").get<std::vector<double>>();
    if (variable.level_values.size() != variable.levels.size() || !is_ascending(variable.level_values)) {
      fail("the levels of " + from.name + " are not in order");
    }
  }
  std::vector<std::pair<double, double>> scales;
  if (json.contains("scales")) scales = json.at("scales").get<std::vector<std::pair<double, double>>>();
  for (const auto& [centre, sd] : scales) {
    if (!std::isfinite(centre) || !std::isfinite(sd) || !(sd > 0))
      fail("the scale of " + from.name + " is not a positive number");
  }
  if (!variable.expression.set_scales(scales)) fail("the scales of " + from.name + " are not all there");
  return variable;
}

}  // namespace

Json Design::to_json() const {
  Json variables = Json::array();
  for (const Variable& variable : state_->variables) variables.push_back(variable_to_json(variable));
  return {{"formula", state_->formula},   {"no_intercept", state_->no_intercept},         {"dot", state_->dot_columns},
          {"needed", state_->needed},     {"outcome", variable_to_json(state_->outcome)}, {"variables", variables},
          {"names", state_->coding.names}};
}

// The formula is worked out again, so that nothing in the file can contradict it.
Design Design::from_json(const Json& json) try {
  auto state = std::make_shared<State>();
  state->formula = json.at("formula").get<std::string>();
  state->no_intercept = json.at("no_intercept").get<bool>();
  state->dot_columns = json.at("dot").get<std::vector<std::string>>();
  state->needed = json.at("needed").get<std::vector<std::string>>();
  const ParsedFormula parsed = parse_formula(state->formula);
  state->terms = expand_formula(state->formula, parsed, state->no_intercept, state->dot_columns);
  const FormulaVariable outcome = {deparse(*parsed.outcome), {std::shared_ptr<void>(), parsed.outcome.get()}};
  state->outcome = variable_from_json(outcome, json.at("outcome"));
  const Json& variables = json.at("variables");
  if (!variables.is_array() || variables.size() != state->terms.variables.size())
    fail("its variables are not those of the formula");
  for (std::size_t v = 0; v < variables.size(); ++v) {
    state->variables.push_back(variable_from_json(state->terms.variables[v], variables[v]));
  }
  state->finish();
  if (json.at("names").get<std::vector<std::string>>() != state->coding.names)
    fail("its names are not those of the formula");
  Design design;
  design.state_ = std::move(state);
  return design;
} catch (const nlohmann::json::exception& error) {
  fail(error.what());
} catch (const Error& error) {
  if (error.code() == ErrorCode::file) throw;
  // A formula's error shows the formula and a caret on lines of their own; a file's is one line.
  const std::string message = error.what();
  fail(message.substr(0, message.find('\n')));
}

}  // namespace velbo::internal
