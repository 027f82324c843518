#include "formula/variable.h"

#include <algorithm>      // for lower_bound, find, sort
#include <cmath>          // for isnan, isfinite
#include <unordered_set>  // for unordered_set

#include "data/text.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

using Node = FormulaNode;

// The column's node, where the variable is a column or factor(column).
const Node* plain_column(const Node& node) {
  const Node* inner = node.kind == Node::Kind::call && node.text == "factor" ? node.children[0].get() : &node;
  return inner->kind == Node::Kind::name ? inner : nullptr;
}

void check_columns(std::string_view formula, const Node& node, const Table& table) {
  if (node.kind == Node::Kind::name && table.find(node.text) == nullptr) {
    std::vector<std::string> names;
    for (const Column& column : table.columns()) names.push_back(column.name);
    const std::string nearest = nearest_name(node.text, names);
    fail_in_formula(
        formula, node.position,
        "no column " + quoted(node.text) + " in " + table.source() +
            (nearest.empty() ? "; columns are " + listed(names) : "; did you mean " + quoted(nearest) + "?"));
  }
  for (const auto& child : node.children) check_columns(formula, *child, table);
}

void check_utf8(const Variable& variable, const Table& table) {
  if (!is_utf8(variable.name))
    throw Error(ErrorCode::data,
                table.source() + ": the name of column " + quoted(variable.name) + " is not UTF-8 text");
  for (const std::string& level : variable.levels) {
    if (!is_utf8(level)) {
      throw Error(ErrorCode::data, table.source() + ": column " + quoted(variable.column) + " is not UTF-8 text");
    }
  }
}

void fit_text_levels(Variable& variable, const Table& table, std::span<const std::int64_t> rows) {
  const Column& column = table.at(variable.column);
  std::vector<char> used(column.levels.size(), 0);
  for (const std::int64_t row : rows) used[static_cast<std::size_t>(column.codes[static_cast<std::size_t>(row)])] = 1;
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (used[i] != 0) variable.levels.push_back(column.levels[i]);
  }
}

void fit_number_levels(Variable& variable, const Table& table, std::span<const std::int64_t> rows) {
  Expression::Bound bound(variable.expression, table);
  std::unordered_set<double> seen;
  double block[kRowsPerBlock];
  for (std::size_t begin = 0; begin < rows.size(); begin += kRowsPerBlock) {
    const auto part = rows.subspan(begin, std::min(kRowsPerBlock, rows.size() - begin));
    bound.evaluate(part, block);
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (!std::isfinite(block[i])) fail_not_finite(table, part[i], bound, variable.name, block[i]);
      seen.insert(block[i]);
    }
    if (seen.size() > static_cast<std::size_t>(kMostColumns)) {
      throw Error(ErrorCode::data,
                  table.source() + ": " + variable.name + " has more than " + std::to_string(kMostColumns) + " levels");
    }
  }
  std::vector<double> values(seen.begin(), seen.end());
  std::sort(values.begin(), values.end());
  for (const double value : values) {
    std::string label = format_number(value);
    if (!variable.levels.empty() && variable.levels.back() == label) continue;  // the same to 15 digits
    variable.levels.push_back(std::move(label));
    variable.level_values.push_back(value);
  }
}

}  // namespace

Variable make_variable_of_kind(const FormulaVariable& from, Variable::Kind kind) {
  const Node& node = *from.node;
  const bool is_factor_call = node.kind == Node::Kind::call && node.text == "factor";
  const Node* const plain = plain_column(node);
  Variable variable;
  variable.name = from.name;
  variable.kind = kind;
  if (kind == Variable::Kind::text_factor && plain != nullptr) {
    variable.column = plain->text;
  } else if (kind != Variable::Kind::text_factor && is_factor_call == (kind == Variable::Kind::number_factor)) {
    variable.expression = Expression(is_factor_call ? *node.children[0] : node);
  } else {
    throw Error(ErrorCode::argument, from.name + " cannot be coded that way");
  }
  return variable;
}

Variable make_variable(std::string_view formula, const FormulaVariable& from, const Table& table) {
  const Node& node = *from.node;
  check_columns(formula, node, table);
  const bool is_factor_call = node.kind == Node::Kind::call && node.text == "factor";
  if (const Node* const plain = plain_column(node)) {
    const ColumnKind column = table.at(plain->text).kind;
    if (column == ColumnKind::text || (column == ColumnKind::mixed && is_factor_call)) {
      return make_variable_of_kind(from, Variable::Kind::text_factor);
    }
  }
  Variable variable =
      make_variable_of_kind(from, is_factor_call ? Variable::Kind::number_factor : Variable::Kind::number);
  for (const std::string& name : variable.expression.columns()) require_numbers(table, table.at(name));
  return variable;
}

void fit_coding(Variable& variable, const Table& table, std::span<const std::int64_t> rows) {
  variable.levels.clear();
  variable.level_values.clear();
  if (variable.kind != Variable::Kind::text_factor) variable.expression.fit_scales(table, rows, variable.name);
  if (variable.kind == Variable::Kind::text_factor) fit_text_levels(variable, table, rows);
  if (variable.kind == Variable::Kind::number_factor) fit_number_levels(variable, table, rows);
  check_utf8(variable, table);
}

void mark_missing(const Column& column, std::span<char> complete) {
  if (column.kind == ColumnKind::number) {
    for (std::size_t i = 0; i < complete.size(); ++i) complete[i] &= static_cast<char>(!std::isnan(column.numbers[i]));
  } else {
    for (std::size_t i = 0; i < complete.size(); ++i) complete[i] &= static_cast<char>(column.codes[i] >= 0);
  }
}

void mark_missing(const Variable& variable, const Table& table, std::span<char> complete) {
  if (variable.kind == Variable::Kind::text_factor) {
    mark_missing(table.at(variable.column), complete);
  } else {
    for (const std::string& name : variable.expression.columns()) mark_missing(table.at(name), complete);
  }
}

BoundVariable::BoundVariable(const Variable& variable, const Table& table) : variable_(&variable), table_(&table) {
  if (variable.kind != Variable::Kind::text_factor) {
    if (variable.kind == Variable::Kind::number_factor) {
      // A text in the column is a level that was not there, rather than a bad number.
      for (const std::string& name : variable.expression.columns()) {
        const Column& column = table.at(name);
        if (column.kind == ColumnKind::number || variable.expression.columns().size() > 1) continue;
        std::int64_t row = column.first_bad_row;
        for (std::size_t i = 0; row < 0 && i < column.codes.size(); ++i) {
          if (column.codes[i] >= 0) row = static_cast<std::int64_t>(i);
        }
        if (row >= 0)
          fail_unseen(row, column.levels[static_cast<std::size_t>(column.codes[static_cast<std::size_t>(row)])]);
      }
    }
    expression_ = std::make_unique<Expression::Bound>(variable.expression, table);
    return;
  }
  column_ = &table.at(variable.column);
  for (const std::string& level : column_->levels) {
    const auto found = std::lower_bound(variable.levels.begin(), variable.levels.end(), level);
    const bool is_known = found != variable.levels.end() && *found == level;
    code_of_level_.push_back(is_known ? static_cast<std::int32_t>(found - variable.levels.begin()) : -1);
  }
}

void BoundVariable::fail_unseen(std::int64_t row, std::string_view level) const {
  throw Error(ErrorCode::data,
              table_->place(row) + ": level " + quoted(level) + " of " +
                  (variable_->column == variable_->name ? "column " + quoted(variable_->name) : variable_->name) +
                  " is not in the fit; its levels are " + listed(variable_->levels));
}

void BoundVariable::numbers(std::span<const std::int64_t> rows, double* out) {
  expression_->evaluate(rows, out);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!std::isfinite(out[i])) fail_not_finite(*table_, rows[i], *expression_, variable_->name, out[i]);
  }
}

std::int32_t BoundVariable::code_of_number(double value) const {
  const std::vector<double>& values = variable_->level_values;
  const auto found = std::lower_bound(values.begin(), values.end(), value);
  if (found != values.end() && *found == value) return static_cast<std::int32_t>(found - values.begin());
  // Values that print alike are one level.
  const auto label = std::find(variable_->levels.begin(), variable_->levels.end(), format_number(value));
  return label == variable_->levels.end() ? -1 : static_cast<std::int32_t>(label - variable_->levels.begin());
}

void BoundVariable::codes(std::span<const std::int64_t> rows, std::int32_t* out) {
  if (variable_->kind == Variable::Kind::number_factor) {
    double block[kRowsPerBlock];
    numbers(rows, block);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      out[i] = code_of_number(block[i]);
      if (out[i] < 0) fail_unseen(rows[i], format_number(block[i]));
    }
    return;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<std::size_t>(rows[i]);
    if (column_->kind == ColumnKind::number) {  // here all of its cells look like numbers; at the fit some did not
      const std::string level = format_number(column_->numbers[row]);
      const auto found = std::lower_bound(variable_->levels.begin(), variable_->levels.end(), level);
      if (found == variable_->levels.end() || *found != level) fail_unseen(rows[i], level);
      out[i] = static_cast<std::int32_t>(found - variable_->levels.begin());
      continue;
    }
    const auto level = static_cast<std::size_t>(column_->codes[row]);
    out[i] = code_of_level_[level];
    if (out[i] < 0) fail_unseen(rows[i], column_->levels[level]);
  }
}

}  // namespace velbo::internal
