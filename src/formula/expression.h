// formula/expression.h - arithmetic on number columns: x, log(x + 1), I(a/b), scale(x).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formula/node.h"
#include "velbo/table.h"

namespace velbo::internal {

constexpr std::size_t kRowsPerBlock = 256;

// A postfix program that runs over blocks of rows, one operation at a time.
class Expression {
 public:
  Expression() = default;
  // `node` has passed check_variable() and holds no factor().
  explicit Expression(const FormulaNode& node);

  // The columns that it reads, each once.
  [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }

  // A program with its columns found in a table, which must outlive it, and room to work.
  class Bound {
   public:
    // Throws Error(formula) for a missing column, Error(data) for text in one.
    Bound(const Expression& expression, const Table& table);
    // out[i] = the value in row rows[i]; at most kRowsPerBlock rows.  Missing values give NaN.
    void evaluate(std::span<const std::int64_t> rows, double* out) { run(expression_->program_.size(), rows, out); }
    // The first column that is not finite in this row, or nullptr.
    [[nodiscard]] const Column* not_finite(std::int64_t row) const;

   private:
    friend class Expression;
    void run(std::size_t n_steps, std::span<const std::int64_t> rows, double* out);

    const Expression* expression_;
    std::vector<const Column*> inputs_;
    std::vector<double> stack_;
  };

  // Fixes the centre and the scale of every scale() on these rows.  Throws Error(data) naming `name` when a value is not
  // finite or all are equal.
  void fit_scales(const Table& table, std::span<const std::int64_t> rows, std::string_view name);
  [[nodiscard]] std::vector<std::pair<double, double>> scales() const;               // {centre, sd}
  [[nodiscard]] bool set_scales(std::span<const std::pair<double, double>> scales);  // false: not their number

 private:
  enum class Operation { column, constant, add, subtract, multiply, divide, power, negate, scale, function };
  struct Step {
    Operation operation;
    std::size_t index = 0;  // of the column
    double a = 0;           // constant; centre
    double b = 1;           // sd
    double (*function)(double) = nullptr;
  };

  void compile(const FormulaNode& node, std::size_t depth);
  void push(Step step) { program_.push_back(step); }

  std::vector<std::string> columns_;
  std::vector<Step> program_;
  std::size_t stack_depth_ = 0;
};

// Throws Error(data) `wells.csv:17: column "arsenic" is "abc", not a number` unless it is a number column.
void require_numbers(const Table& table, const Column& column);

// Throws Error(data) for a value that is not finite: names the column where one of them is not finite, else `name`.
[[noreturn]] void fail_not_finite(const Table& table, std::int64_t row, const Expression::Bound& expression,
                                  std::string_view name, double value);

}  // namespace velbo::internal
