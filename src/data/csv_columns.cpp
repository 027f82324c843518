#include "data/csv_columns.h"

#include <algorithm>  // for sort
#include <cmath>      // for isnan
#include <limits>     // for numeric_limits
#include <utility>    // for move, exchange

#include "data/text.h"

namespace velbo::internal {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

}  // namespace

void ColumnBuilder::add_missing() {
  if (column_.kind == ColumnKind::text || texts_only_) {
    column_.codes.push_back(-1);
  } else {
    column_.numbers.push_back(kMissing);
  }
}

void ColumnBuilder::add_code(std::string_view text) {
  auto found = code_of_.find(text);
  if (found == code_of_.end()) {
    found = code_of_.emplace(std::string(text), static_cast<std::int32_t>(code_of_.size())).first;
  }
  column_.codes.push_back(found->second);
}

void ColumnBuilder::add_cell(std::string_view text) {
  if (column_.kind == ColumnKind::text || texts_only_) {
    add_code(text);
    return;
  }
  const std::optional<double> number = parse_number(text);
  if (number && std::isnan(*number)) {
    add_missing();
    return;
  }
  if (!number && !has_value_) {
    column_.kind = ColumnKind::text;
    column_.codes.assign(column_.numbers.size(), -1);
    column_.numbers = {};
    add_code(text);
    return;
  }
  has_value_ = true;
  if (!number && column_.kind == ColumnKind::number) {
    column_.kind = ColumnKind::mixed;
    column_.first_bad_row = static_cast<std::int64_t>(column_.numbers.size());
  }
  column_.numbers.push_back(number ? *number : kMissing);
}

Column ColumnBuilder::take() {
  if (column_.kind != ColumnKind::number) {
    std::vector<const std::pair<const std::string, std::int32_t>*> sorted;
    sorted.reserve(code_of_.size());
    for (const auto& entry : code_of_) sorted.push_back(&entry);
    std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
    std::vector<std::int32_t> new_code(sorted.size());
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      new_code[static_cast<std::size_t>(sorted[i]->second)] = static_cast<std::int32_t>(i);
      column_.levels.push_back(sorted[i]->first);
    }
    for (std::int32_t& code : column_.codes) {
      if (code >= 0) code = new_code[static_cast<std::size_t>(code)];
    }
    code_of_.clear();
  }
  column_.numbers.shrink_to_fit();
  column_.codes.shrink_to_fit();
  return std::exchange(column_, {});
}

}  // namespace velbo::internal
