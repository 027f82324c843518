// formula/coding.h - which columns each term makes, and what they are called.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formula/terms.h"
#include "formula/variable.h"

namespace velbo::internal {

// A term's columns: the product of its numbers times one column for each combination of its factors' levels, the first
// factor's varying fastest.
struct CodedTerm {
  struct Part {
    int variable = 0;
    bool drops_first = false;  // treatment coding; else a column for every level
    std::int64_t stride = 1;   // of a factor's level
  };
  std::vector<Part> numbers;
  std::vector<Part> factors;
  std::int64_t first_column = 0;
  std::int64_t n_columns = 1;
};

struct Coding {
  std::vector<CodedTerm> terms;
  std::vector<std::string> names;  // "Intercept" first, if there is one
};

// R's rule: in a term, a factor is coded by treatment contrasts when the term without it is contained in an earlier term
// (or is empty), else by all its levels; without an intercept the first factor of the first term that has one gets all
// its levels.  Throws Error(formula) for too many columns and for two of one name.
Coding code_terms(const FormulaTerms& terms, const std::vector<Variable>& variables);

}  // namespace velbo::internal
