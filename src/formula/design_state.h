// formula/design_state.h - what a Design remembers; shared by its evaluation and its JSON.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "formula/coding.h"
#include "formula/design.h"
#include "formula/terms.h"
#include "formula/variable.h"

namespace velbo::internal {

struct Design::State {
  // From the table of the fit.
  std::string formula;
  bool no_intercept = false;
  std::vector<std::string> dot_columns;  // what "." stands for
  std::vector<std::string> needed;
  Variable outcome;
  std::vector<Variable> variables;

  // Follows from the above.
  FormulaTerms terms;
  Response response;
  Coding coding;

  // Fills what follows.  `terms` is there already.
  void finish();
};

// Works out the terms and checks what can be checked without a table.  The variables point into `parsed`.
// Throws Error(formula) with a caret.
FormulaTerms expand_formula(std::string_view formula, const ParsedFormula& parsed, bool no_intercept,
                            const std::vector<std::string>& dot_columns);

}  // namespace velbo::internal
