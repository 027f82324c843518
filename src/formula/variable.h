// formula/variable.h - one variable of a formula with its coding fixed: numbers, or a factor with levels.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "formula/expression.h"
#include "formula/terms.h"
#include "velbo/table.h"

namespace velbo::internal {

struct Variable {
  enum class Kind {
    number,         // expression
    text_factor,    // the texts of `column`
    number_factor,  // the values of expression
  };

  std::string name;  // as R prints it
  Kind kind = Kind::number;
  Expression expression;
  std::string column;                // of a text factor
  std::vector<std::string> levels;   // of a factor, in the order of the columns
  std::vector<double> level_values;  // of a number factor: ascending, as many as levels

  [[nodiscard]] bool is_factor() const noexcept { return kind != Kind::number; }
};

// What the table makes of it: text columns and factor() are factors.  Levels and scales are not fixed yet.
// Throws Error(formula) for unknown columns, Error(data) for a column of mixed numbers and text outside factor().
Variable make_variable(std::string_view formula, const FormulaVariable& variable, const Table& table);

// The same with the kind given.  Throws Error(argument) where the expression cannot be of that kind.
Variable make_variable_of_kind(const FormulaVariable& variable, Variable::Kind kind);

// Fixes levels and scales on these rows.  Throws Error(data).
void fit_coding(Variable& variable, const Table& table, std::span<const std::int64_t> rows);

// Clears complete[row] where a column of the variable is missing.
void mark_missing(const Variable& variable, const Table& table, std::span<char> complete);
void mark_missing(const Column& column, std::span<char> complete);

// A variable with its columns found in a table; both must outlive it.
class BoundVariable {
 public:
  BoundVariable(const Variable& variable, const Table& table);

  // The values of a number variable in these rows (at most kRowsPerBlock), all complete.  Throws Error(data) for a value
  // that is not finite.
  void numbers(std::span<const std::int64_t> rows, double* out);
  // The levels' indices of a factor.  Throws Error(data) for a level that the fit has not seen.
  void codes(std::span<const std::int64_t> rows, std::int32_t* out);

 private:
  [[nodiscard]] std::int32_t code_of_number(double value) const;
  [[noreturn]] void fail_unseen(std::int64_t row, std::string_view level) const;

  const Variable* variable_;
  const Table* table_;
  std::unique_ptr<Expression::Bound> expression_;
  const Column* column_ = nullptr;           // of a text factor
  std::vector<std::int32_t> code_of_level_;  // [column_->levels.size()] -1: not seen
};

}  // namespace velbo::internal
