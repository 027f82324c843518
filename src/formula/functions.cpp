#include "formula/functions.h"

#include <algorithm>  // for find_if
#include <array>      // for array
#include <cmath>      // for log, exp, ...
#include <iterator>   // for end
#include <utility>    // for pair

namespace velbo::internal {
namespace {

constexpr std::array<std::pair<std::string_view, RealFunction>, 10> kFunctions = {{
    {"log", [](double x) { return std::log(x); }},
    {"log2", [](double x) { return std::log2(x); }},
    {"log10", [](double x) { return std::log10(x); }},
    {"log1p", [](double x) { return std::log1p(x); }},
    {"exp", [](double x) { return std::exp(x); }},
    {"sqrt", [](double x) { return std::sqrt(x); }},
    {"abs", [](double x) { return std::fabs(x); }},
    {"sin", [](double x) { return std::sin(x); }},
    {"cos", [](double x) { return std::cos(x); }},
    {"expm1", [](double x) { return std::expm1(x); }},
}};

}  // namespace

RealFunction find_function(std::string_view name) {
  const auto* const found =
      std::find_if(kFunctions.begin(), kFunctions.end(), [&](const auto& f) { return f.first == name; });
  return found == kFunctions.end() ? nullptr : found->second;
}

const std::vector<std::string>& function_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = {"I", "factor", "scale"};
    for (const auto& [name, function] : kFunctions) all.emplace_back(name);
    return all;
  }();
  return names;
}

}  // namespace velbo::internal
