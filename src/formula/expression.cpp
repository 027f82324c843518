#include "formula/expression.h"

#include <algorithm>  // for find, min, max
#include <cmath>      // for isfinite, pow, sqrt

#include "data/text.h"
#include "formula/functions.h"
#include "velbo/error.h"

namespace velbo::internal {

using Node = FormulaNode;

Expression::Expression(const FormulaNode& node) { compile(node, 1); }

void Expression::compile(const FormulaNode& node, std::size_t depth) {
  stack_depth_ = std::max(stack_depth_, depth);
  switch (node.kind) {
    case Node::Kind::number: push({.operation = Operation::constant, .a = node.value}); return;
    case Node::Kind::name: {
      auto found = std::find(columns_.begin(), columns_.end(), node.text);
      if (found == columns_.end()) found = columns_.insert(found, node.text);
      push({.operation = Operation::column, .index = static_cast<std::size_t>(found - columns_.begin())});
      return;
    }
    case Node::Kind::paren:
    case Node::Kind::plus: compile(*node.children[0], depth); return;
    case Node::Kind::negate:
      compile(*node.children[0], depth);
      push({.operation = Operation::negate});
      return;
    case Node::Kind::power:
      compile(*node.children[0], depth);
      compile(*node.children[1], depth + 1);
      push({.operation = Operation::power});
      return;
    case Node::Kind::call:
      compile(*node.children[0], depth);
      if (node.text == "scale")
        push({.operation = Operation::scale});
      else if (node.text != "I")
        push({.operation = Operation::function, .function = find_function(node.text)});
      return;
    case Node::Kind::chain:
      compile(*node.children[0], depth);
      for (std::size_t i = 0; i < node.operators.size(); ++i) {
        compile(*node.children[i + 1], depth + 1);
        const char op = node.operators[i];
        push({.operation = op == '+'   ? Operation::add
                           : op == '-' ? Operation::subtract
                           : op == '*' ? Operation::multiply
                                       : Operation::divide});
      }
      return;
    case Node::Kind::dot: break;
  }
  throw Error(ErrorCode::internal, "an expression of a formula that was not checked");
}

Expression::Bound::Bound(const Expression& expression, const Table& table)
    : expression_(&expression), stack_((expression.stack_depth_ + 1) * kRowsPerBlock) {
  for (const std::string& name : expression.columns_) {
    const Column& column = table.at(name);
    require_numbers(table, column);
    inputs_.push_back(&column);
  }
}

const Column* Expression::Bound::not_finite(std::int64_t row) const {
  for (const Column* column : inputs_) {
    if (!std::isfinite(column->numbers[static_cast<std::size_t>(row)])) return column;
  }
  return nullptr;
}

void Expression::Bound::run(std::size_t n_steps, std::span<const std::int64_t> rows, double* out) {
  const std::size_t n = rows.size();
  double* top = stack_.data();  // the first block is never used: the stack is empty
  const auto apply = [&](auto binary) {
    const double* const b = top;
    top -= kRowsPerBlock;
    for (std::size_t i = 0; i < n; ++i) top[i] = binary(top[i], b[i]);
  };
  for (std::size_t s = 0; s < n_steps; ++s) {
    const Step& step = expression_->program_[s];
    switch (step.operation) {
      case Operation::column: {
        top += kRowsPerBlock;
        const double* const values = inputs_[step.index]->numbers.data();
        for (std::size_t i = 0; i < n; ++i) top[i] = values[rows[i]];
        break;
      }
      case Operation::constant:
        top += kRowsPerBlock;
        for (std::size_t i = 0; i < n; ++i) top[i] = step.a;
        break;
      case Operation::add: apply([](double a, double b) { return a + b; }); break;
      case Operation::subtract: apply([](double a, double b) { return a - b; }); break;
      case Operation::multiply: apply([](double a, double b) { return a * b; }); break;
      case Operation::divide: apply([](double a, double b) { return a / b; }); break;
      case Operation::power: apply([](double a, double b) { return b == 2 ? a * a : std::pow(a, b); }); break;
      case Operation::negate:
        for (std::size_t i = 0; i < n; ++i) top[i] = -top[i];
        break;
      case Operation::scale:
        for (std::size_t i = 0; i < n; ++i) top[i] = (top[i] - step.a) / step.b;
        break;
      case Operation::function:
        for (std::size_t i = 0; i < n; ++i) top[i] = step.function(top[i]);
        break;
    }
  }
  for (std::size_t i = 0; i < n; ++i) out[i] = top[i];
}

void Expression::fit_scales(const Table& table, std::span<const std::int64_t> rows, std::string_view name) {
  for (std::size_t s = 0; s < program_.size(); ++s) {
    if (program_[s].operation != Operation::scale) continue;
    Bound bound(*this, table);
    double block[kRowsPerBlock];
    const auto each = [&](auto take) {
      for (std::size_t begin = 0; begin < rows.size(); begin += kRowsPerBlock) {
        const auto part = rows.subspan(begin, std::min(kRowsPerBlock, rows.size() - begin));
        bound.run(s, part, block);
        for (std::size_t i = 0; i < part.size(); ++i) take(block[i], part[i]);
      }
    };
    long double sum = 0;
    each([&](double value, std::int64_t row) {
      if (!std::isfinite(value)) fail_not_finite(table, row, bound, "what is scaled in " + std::string(name), value);
      sum += static_cast<long double>(value);
    });
    const double centre = static_cast<double>(sum / static_cast<long double>(rows.size()));
    long double squares = 0;
    double lowest = 0;
    double highest = 0;
    bool first = true;
    each([&](double value, std::int64_t) {
      const double difference = value - centre;
      squares += static_cast<long double>(difference * difference);
      lowest = first ? value : std::min(lowest, value);
      highest = first ? value : std::max(highest, value);
      first = false;
    });
    const double sd =
        rows.size() < 2 ? 0.0 : std::sqrt(static_cast<double>(squares / static_cast<long double>(rows.size() - 1)));
    if (lowest == highest || !(sd > 0) || !std::isfinite(sd)) {
      throw Error(ErrorCode::data, table.source() + ": " + std::string(name) +
                                       " cannot be computed: its standard deviation is " +
                                       format_number(lowest == highest ? 0.0 : sd) + " in the " +
                                       std::to_string(rows.size()) + (rows.size() == 1 ? " row used" : " rows used"));
    }
    program_[s].a = centre;
    program_[s].b = sd;
  }
}

std::vector<std::pair<double, double>> Expression::scales() const {
  std::vector<std::pair<double, double>> out;
  for (const Step& step : program_) {
    if (step.operation == Operation::scale) out.emplace_back(step.a, step.b);
  }
  return out;
}

bool Expression::set_scales(std::span<const std::pair<double, double>> scales) {
  std::size_t next = 0;
  for (Step& step : program_) {
    if (step.operation != Operation::scale) continue;
    if (next == scales.size()) return false;
    step.a = scales[next].first;
    step.b = scales[next].second;
    ++next;
  }
  return next == scales.size();
}

void require_numbers(const Table& table, const Column& column) {
  if (column.kind == ColumnKind::number) return;
  std::int64_t row = column.first_bad_row;
  for (std::size_t i = 0; row < 0 && i < column.codes.size(); ++i) {
    if (column.codes[i] >= 0) row = static_cast<std::int64_t>(i);
  }
  if (row < 0) {
    throw Error(ErrorCode::data,
                table.source() + ": column " + quoted(column.name) + " is text without any value, not numbers");
  }
  const auto code = static_cast<std::size_t>(column.codes[static_cast<std::size_t>(row)]);
  throw Error(ErrorCode::data, table.place(row) + ": column " + quoted(column.name) + " is " +
                                   quoted(column.levels[code]) + ", not a number");
}

void fail_not_finite(const Table& table, std::int64_t row, const Expression::Bound& expression, std::string_view name,
                     double value) {
  const Column* const column = expression.not_finite(row);
  if (column != nullptr) {
    const double input = column->numbers[static_cast<std::size_t>(row)];
    throw Error(ErrorCode::data, table.place(row) + ": column " + quoted(column->name) +
                                     (std::isnan(input) ? " is missing" : " is " + format_number(input)));
  }
  throw Error(ErrorCode::data, table.place(row) + ": " + std::string(name) + " is " + format_number(value));
}

}  // namespace velbo::internal
