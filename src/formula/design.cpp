#include "formula/design.h"

#include <algorithm>  // for find, min
#include <cmath>      // for isfinite, isnan
#include <limits>     // for numeric_limits
#include <utility>    // for move

#include "data/text.h"
#include "formula/design_state.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::int64_t> rows_where(const std::vector<char>& complete) {
  std::vector<std::int64_t> rows;
  rows.reserve(complete.size());
  for (std::size_t i = 0; i < complete.size(); ++i) {
    if (complete[i] != 0) rows.push_back(static_cast<std::int64_t>(i));
  }
  return rows;
}

void require_some_rows(const Table& table, const std::vector<std::int64_t>& rows,
                       const std::vector<std::string>& columns) {
  if (!rows.empty()) return;
  if (table.n_rows() == 0) throw Error(ErrorCode::data, table.source() + ": no rows");
  for (const std::string& name : columns) {
    std::vector<char> present(static_cast<std::size_t>(table.n_rows()), 1);
    mark_missing(table.at(name), present);
    if (std::find(present.begin(), present.end(), 1) == present.end()) {
      throw Error(ErrorCode::data, table.source() + ": column " + quoted(name) + " has no values");
    }
  }
  throw Error(ErrorCode::data, table.source() + ": every row has a missing value in one of " + listed(columns));
}

std::vector<std::string> columns_of(const Variable& variable) {
  return variable.kind == Variable::Kind::text_factor ? std::vector<std::string>{variable.column}
                                                      : variable.expression.columns();
}

void check_factor(const Variable& variable, const Table& table) {
  if (!variable.is_factor() || variable.levels.size() >= 2) return;
  throw Error(ErrorCode::data,
              table.source() + ": " +
                  (variable.name == variable.column ? "column " + quoted(variable.name) : variable.name) +
                  " has one level, " + quoted(variable.levels[0]) + ", in the rows used; a factor needs two");
}

void check_outcome(const Variable& outcome, const Table& table, bool any_levels) {
  if (!outcome.is_factor() || outcome.levels.size() == 2) return;
  if (outcome.levels.size() == 1) {
    throw Error(ErrorCode::data, table.source() + ": the outcome " + quoted(outcome.name) + " is " +
                                     quoted(outcome.levels[0]) + " in every row used; two levels are needed");
  }
  if (any_levels) return;
  throw Error(ErrorCode::data, table.source() + ": the outcome " + quoted(outcome.name) + " has " +
                                   std::to_string(outcome.levels.size()) + " levels (" + listed(outcome.levels, 5) +
                                   "); a text outcome has two, or more with the likelihoods categorical and ordinal");
}

}  // namespace

FormulaTerms expand_formula(std::string_view formula, const ParsedFormula& parsed, bool no_intercept,
                            const std::vector<std::string>& dot_columns) {
  const FormulaNode& outcome = *parsed.outcome;
  check_variable(formula, outcome);
  if (mentioned_columns(outcome).empty()) fail_in_formula(formula, outcome.position, "the outcome names no column");
  FormulaTerms terms = expand_terms(formula, *parsed.terms, dot_columns);
  if (no_intercept) terms.has_intercept = false;
  const std::string name = deparse(outcome);
  for (const FormulaVariable& variable : terms.variables) {
    if (variable.name == name)
      fail_in_formula(formula, variable.node->position, "the outcome " + name + " is among the terms");
  }
  if (terms.terms.empty() && !terms.has_intercept) {
    fail_in_formula(formula, parsed.terms->position, "no terms and no intercept are left");
  }
  return terms;
}

void Design::State::finish() {
  coding = code_terms(terms, variables);
  response.name = outcome.name;
  response.levels = outcome.levels;
  for (FormulaVariable& variable : terms.variables) variable.node = nullptr;  // their owner goes away
}

Design Design::make(std::string_view formula, const Table& table, bool no_intercept,
                    const std::vector<std::string>& needed, bool any_levels) {
  auto state = std::make_shared<State>();
  state->formula = std::string(formula);
  state->no_intercept = no_intercept;
  state->needed = needed;
  const ParsedFormula parsed = parse_formula(formula);
  const std::vector<std::string> in_outcome = mentioned_columns(*parsed.outcome);
  for (const Column& column : table.columns()) {
    if (!contains(in_outcome, column.name) && !contains(needed, column.name)) state->dot_columns.push_back(column.name);
  }
  state->terms = expand_formula(formula, parsed, no_intercept, state->dot_columns);
  state->outcome =
      make_variable(formula, {deparse(*parsed.outcome), {std::shared_ptr<void>(), parsed.outcome.get()}}, table);
  for (const FormulaVariable& variable : state->terms.variables) {
    state->variables.push_back(make_variable(formula, variable, table));
  }

  std::vector<char> complete(static_cast<std::size_t>(table.n_rows()), 1);
  std::vector<std::string> columns = columns_of(state->outcome);
  mark_missing(state->outcome, table, complete);
  for (const Variable& variable : state->variables) {
    mark_missing(variable, table, complete);
    for (const std::string& name : columns_of(variable)) columns.push_back(name);
  }
  for (const std::string& name : needed) {
    mark_missing(table.at(name), complete);
    columns.push_back(name);
  }
  const std::vector<std::int64_t> rows = rows_where(complete);
  require_some_rows(table, rows, columns);

  fit_coding(state->outcome, table, rows);
  check_outcome(state->outcome, table, any_levels);
  for (Variable& variable : state->variables) {
    fit_coding(variable, table, rows);
    check_factor(variable, table);
  }
  state->finish();
  Design design;
  design.state_ = std::move(state);
  return design;
}

const std::string& Design::formula() const noexcept { return state_->formula; }
const Response& Design::response() const noexcept { return state_->response; }
const std::vector<std::string>& Design::names() const noexcept { return state_->coding.names; }
bool Design::has_intercept() const noexcept { return state_->terms.has_intercept; }

std::vector<double> Design::evaluate_response(const Table& table, const std::vector<std::int64_t>& rows) const {
  BoundVariable outcome(state_->outcome, table);
  std::vector<char> present(static_cast<std::size_t>(table.n_rows()), 1);
  mark_missing(state_->outcome, table, present);
  for (const std::int64_t row : rows) {
    if (present[static_cast<std::size_t>(row)] == 0) {
      throw Error(ErrorCode::data, table.place(row) + ": the outcome " + quoted(state_->outcome.name) + " is missing");
    }
  }
  std::vector<double> out(rows.size());
  std::int32_t codes[kRowsPerBlock];
  for (std::size_t begin = 0; begin < rows.size(); begin += kRowsPerBlock) {
    const auto part = std::span(rows).subspan(begin, std::min(kRowsPerBlock, rows.size() - begin));
    if (!state_->outcome.is_factor()) {
      outcome.numbers(part, out.data() + begin);
      continue;
    }
    outcome.codes(part, codes);
    for (std::size_t i = 0; i < part.size(); ++i) out[begin + i] = codes[i];
  }
  return out;
}

std::vector<double> number_column(const Table& table, std::string_view name, const std::vector<std::int64_t>& rows) {
  const Column& column = table.at(name);
  require_numbers(table, column);
  std::vector<double> out;
  out.reserve(rows.size());
  for (const std::int64_t row : rows) {
    const double value = column.numbers[static_cast<std::size_t>(row)];
    if (!std::isfinite(value)) {
      throw Error(ErrorCode::data, table.place(row) + ": column " + quoted(name) +
                                       (std::isnan(value) ? " is missing" : " is " + format_number(value)));
    }
    out.push_back(value);
  }
  return out;
}

}  // namespace velbo::internal
