#include <algorithm>  // for find

#include "data/text.h"
#include "formula/functions.h"
#include "formula/terms.h"

namespace velbo::internal {
namespace {

using Node = FormulaNode;

[[noreturn]] void fail_unknown_function(std::string_view formula, const Node& node) {
  if (node.text == "offset") fail_in_formula(formula, node.position, "offset() is given as the option --offset");
  if (node.text == "cbind") {
    fail_in_formula(formula, node.position,
                    "cbind() is not available; give the number of trials as the option --trials");
  }
  const std::string nearest = nearest_name(node.text, function_names());
  fail_in_formula(formula, node.position,
                  "no function " + quoted(node.text) +
                      (nearest.empty() ? "" : "; did you mean " + quoted(nearest) + "?") +
                      (nearest.empty() ? "; functions are " : " Functions are ") + listed(function_names(), 20));
}

void check_arithmetic(std::string_view formula, const Node& node) {
  switch (node.kind) {
    case Node::Kind::number:
    case Node::Kind::name: return;
    case Node::Kind::dot: fail_in_formula(formula, node.position, "\".\" cannot be part of an expression");
    case Node::Kind::call:
      if (node.text == "factor") fail_in_formula(formula, node.position, "factor() cannot be part of an expression");
      if (node.text != "I" && node.text != "scale" && find_function(node.text) == nullptr) {
        fail_unknown_function(formula, node);
      }
      break;
    case Node::Kind::chain:
      if (node.operators[0] == ':') {
        fail_in_formula(formula, node.children[1]->position,
                        "\":\" is not arithmetic; interactions go outside I() and functions");
      }
      break;
    case Node::Kind::paren:
    case Node::Kind::negate:
    case Node::Kind::plus:
    case Node::Kind::power: break;
  }
  for (const auto& child : node.children) check_arithmetic(formula, *child);
}

void add_mentioned(const Node& node, std::vector<std::string>& names) {
  if (node.kind == Node::Kind::name && std::find(names.begin(), names.end(), node.text) == names.end()) {
    names.push_back(node.text);
  }
  for (const auto& child : node.children) add_mentioned(*child, names);
}

}  // namespace

void check_variable(std::string_view formula, const FormulaNode& node) {
  const bool is_factor = node.kind == Node::Kind::call && node.text == "factor";
  check_arithmetic(formula, is_factor ? *node.children[0] : node);
}

std::vector<std::string> mentioned_columns(const FormulaNode& node) {
  std::vector<std::string> names;
  add_mentioned(node, names);
  return names;
}

}  // namespace velbo::internal
