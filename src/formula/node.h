// formula/node.h - the parsed expression of a formula, before it is known what is a column and what is a factor.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace velbo::internal {

struct FormulaNode {
  enum class Kind {
    number,  // value
    name,    // text
    dot,     // "."
    call,    // text(children...)
    paren,   // (children[0])
    negate,  // -children[0]
    plus,    // +children[0]
    power,   // children[0] ^ children[1]
    chain,   // children[0] operators[0] children[1] operators[1] ..., from the left; one level of precedence:
             // + and -, or * and /, or :
  };

  Kind kind = Kind::number;
  double value = 0;
  std::string text;
  std::string operators;
  std::vector<std::unique_ptr<FormulaNode>> children;
  std::size_t position = 0;  // in the formula's text, for carets
  int depth = 1;
};

// outcome ~ terms
struct ParsedFormula {
  std::unique_ptr<FormulaNode> outcome;
  std::unique_ptr<FormulaNode> terms;
};

// Throws Error(formula) with a caret under the place.  Deep nesting is refused.
ParsedFormula parse_formula(std::string_view formula);

// Error(formula): `bad formula: WHAT`, the formula and a caret under byte `position` of it.
[[noreturn]] void fail_in_formula(std::string_view formula, std::size_t position, const std::string& what);

// As R prints the expression: I(distance/100), log(x + 1), `my column`.
std::string deparse(const FormulaNode& node);

}  // namespace velbo::internal
