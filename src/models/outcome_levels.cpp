// models/outcome_levels.cpp
#include "models/outcome_levels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "data/text.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

[[noreturn]] void refuse(ErrorCode code, const std::string& message) { throw Error(code, message); }

std::vector<double> distinct_values(const std::string& outcome, const std::vector<double>& y) {
  std::unordered_set<double> seen;
  for (const double value : y)
    if (seen.insert(value).second && static_cast<std::int64_t>(seen.size()) > kMostLevels)
      refuse(ErrorCode::data, fmt::format("outcome {} has more than {} levels", outcome, kMostLevels));
  std::vector<double> out(seen.begin(), seen.end());
  std::sort(out.begin(), out.end());
  return out;
}

// y becomes indices of the levels that are returned, ascending.  Values that print alike are one level.
std::vector<std::string> code_values(const std::string& outcome, std::vector<double>& y) {
  const std::vector<double> values = distinct_values(outcome, y);
  std::vector<std::string> levels;
  std::vector<double> index;
  for (const double value : values) {
    std::string text = format_number(value);
    if (levels.empty() || levels.back() != text) levels.push_back(std::move(text));
    index.push_back(static_cast<double>(levels.size() - 1));
  }
  for (double& value : y)
    value = index[static_cast<std::size_t>(std::lower_bound(values.begin(), values.end(), value) - values.begin())];
  return levels;
}

// y is 0 .. C - 1 already.
std::vector<std::string> whole_levels(const std::string& outcome, const std::vector<double>& y,
                                      const PlaceOfRow& place) {
  for (std::size_t n = 0; n < y.size(); ++n)
    if (!(y[n] >= 0) || y[n] != std::floor(y[n]))
      refuse(ErrorCode::data, fmt::format("{}: outcome {} is {}, expected 0, 1, 2, ...; factor({}) takes any numbers",
                                          place(static_cast<std::int64_t>(n)), outcome, y[n], outcome));
  const std::vector<double> values = distinct_values(outcome, y);
  std::vector<std::string> levels;
  for (const double value : values) {
    if (value != static_cast<double>(levels.size()))
      refuse(ErrorCode::data,
             fmt::format("no row's outcome {} is {}, but one's is {}: expected each of 0, 1, ..., {} at least once; "
                         "factor({}) takes the numbers that there are",
                         outcome, levels.size(), value, values.back(), outcome));
    levels.push_back(std::to_string(levels.size()));
  }
  return levels;
}

void check_order(const std::string& outcome, const std::vector<std::string>& found,
                 const std::vector<std::string>& order) {
  for (std::size_t c = 0; c < order.size(); ++c) {
    if (std::find(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(c), order[c]) !=
        order.begin() + static_cast<std::ptrdiff_t>(c))
      refuse(ErrorCode::argument,
             fmt::format("level {} of outcome {} was given twice", internal::quoted(order[c]), outcome));
    if (std::find(found.begin(), found.end(), order[c]) != found.end()) continue;
    const std::string nearest = nearest_name(order[c], found);
    refuse(ErrorCode::argument,
           fmt::format("level {} was given, but no row's outcome {} is that{}; its levels are {}",
                       internal::quoted(order[c]), outcome,
                       nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest), listed(found)));
  }
}

// y becomes indices of `order`.
void reorder(const std::string& outcome, const std::vector<std::string>& found, const std::vector<std::string>& order,
             const PlaceOfRow& place, std::vector<double>& y) {
  check_order(outcome, found, order);
  std::vector<std::ptrdiff_t> to;
  for (const std::string& level : found) to.push_back(std::find(order.begin(), order.end(), level) - order.begin());
  for (std::size_t n = 0; n < y.size(); ++n) {
    const auto level = static_cast<std::size_t>(y[n]);
    if (to[level] == static_cast<std::ptrdiff_t>(order.size()))
      refuse(ErrorCode::data,
             fmt::format("{}: outcome {} is {}, which is not among the levels that were given: {}",
                         place(static_cast<std::int64_t>(n)), outcome, internal::quoted(found[level]), listed(order)));
    y[n] = static_cast<double>(to[level]);
  }
}

}  // namespace

std::vector<std::string> code_levels(const LevelledOutcome& outcome, std::span<const double> weights,
                                     const PlaceOfRow& place, std::vector<double>& y) {
  std::vector<std::string> levels = outcome.texts;
  if (levels.empty())
    levels = outcome.holds_labels || !outcome.order.empty() ? code_values(outcome.name, y)
                                                            : whole_levels(outcome.name, y, place);
  if (levels.size() < 2)
    refuse(ErrorCode::data,
           fmt::format("outcome {} is {} in every row: two levels are needed", outcome.name, levels.front()));
  if (static_cast<std::int64_t>(levels.size()) > kMostLevels)
    refuse(ErrorCode::data,
           fmt::format("outcome {} has {} levels, expected at most {}", outcome.name, levels.size(), kMostLevels));
  if (!outcome.order.empty()) {
    reorder(outcome.name, levels, outcome.order, place, y);
    levels = outcome.order;
  }
  std::vector<char> counts(levels.size(), 0);
  for (std::size_t n = 0; n < y.size(); ++n)
    if (weights.empty() || weights[n] > 0) counts[static_cast<std::size_t>(y[n])] = 1;
  for (std::size_t c = 0; c < levels.size(); ++c)
    if (counts[c] == 0)
      refuse(ErrorCode::data, fmt::format("no row whose outcome {} is {} has a positive weight", outcome.name,
                                          internal::quoted(levels[c])));
  return levels;
}

}  // namespace velbo::internal
