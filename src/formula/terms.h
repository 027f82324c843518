// formula/terms.h - the algebra of R's formulas: from a parsed formula to variables and terms.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formula/node.h"

namespace velbo::internal {

// More columns than this is taken for a mistake, such as a text column of names in a term.
constexpr std::int64_t kMostColumns = 20'000;

// Ascending indices of variables: {0} is a main effect, {0, 2} an interaction.
using Term = std::vector<int>;

// A leaf of the formula: a column or a call such as log(x), once each, in the order of first appearance.
struct FormulaVariable {
  std::string name;  // as R prints it
  std::shared_ptr<const FormulaNode> node;
};

struct FormulaTerms {
  std::vector<FormulaVariable> variables;  // those that a term uses
  std::vector<Term> terms;                 // main effects first, then by degree; within a degree as written
  bool has_intercept = true;
};

// Works out + - * / : ^ . and the intercept as R's terms() does.  `dot_columns` is what "." stands for.
// Throws Error(formula) with a caret.
FormulaTerms expand_terms(std::string_view formula, const FormulaNode& right_hand_side,
                          const std::vector<std::string>& dot_columns);

// The names of all columns that an expression mentions.
std::vector<std::string> mentioned_columns(const FormulaNode& node);

// Throws Error(formula) with a caret unless the expression is a column, or calls and arithmetic that Expression can
// compute; factor() only around a whole variable.
void check_variable(std::string_view formula, const FormulaNode& node);

}  // namespace velbo::internal
