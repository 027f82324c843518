#include "formula/coding.h"

#include <algorithm>  // for includes, any_of
#include <set>        // for set
#include <utility>    // for move

#include "data/text.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

// Terms are sorted by degree, so an equal one always comes earlier than the term that it was made from.
bool is_marginal_to_earlier(const Term& part, const std::vector<Term>& terms, std::size_t n_earlier,
                            const std::set<Term>& all) {
  if (part.empty() || all.contains(part)) return true;
  return std::any_of(terms.begin(), terms.begin() + static_cast<std::ptrdiff_t>(n_earlier), [&](const Term& earlier) {
    return std::includes(earlier.begin(), earlier.end(), part.begin(), part.end());
  });
}

std::int64_t n_columns_of(const CodedTerm::Part& part, const std::vector<Variable>& variables) {
  const auto n = static_cast<std::int64_t>(variables[static_cast<std::size_t>(part.variable)].levels.size());
  return part.drops_first ? n - 1 : n;
}

// Names of the term's columns; the first variable's levels vary fastest.
void add_names(const Term& term, const CodedTerm& coded, const std::vector<Variable>& variables,
               std::vector<std::string>& names) {
  for (std::int64_t c = 0; c < coded.n_columns; ++c) {
    std::string name;
    for (const int v : term) {
      const Variable& variable = variables[static_cast<std::size_t>(v)];
      if (!name.empty()) name += ':';
      name += variable.name;
      for (const CodedTerm::Part& part : coded.factors) {
        if (part.variable != v) continue;
        const std::int64_t level = c / part.stride % n_columns_of(part, variables) + (part.drops_first ? 1 : 0);
        name += variable.levels[static_cast<std::size_t>(level)];
      }
    }
    names.push_back(std::move(name));
  }
}

[[noreturn]] void fail_too_many(const Term& term, const std::vector<Variable>& variables) {
  std::string name;
  for (const int v : term) name += (name.empty() ? "" : ":") + variables[static_cast<std::size_t>(v)].name;
  throw Error(ErrorCode::formula,
              "the formula makes more than " + std::to_string(kMostColumns) + " columns at the term " + name);
}

}  // namespace

Coding code_terms(const FormulaTerms& terms, const std::vector<Variable>& variables) {
  const std::set<Term> all(terms.terms.begin(), terms.terms.end());
  Coding out;
  if (terms.has_intercept) out.names.emplace_back("Intercept");
  bool needs_full_factor = !terms.has_intercept;
  for (std::size_t t = 0; t < terms.terms.size(); ++t) {
    const Term& term = terms.terms[t];
    CodedTerm coded;
    coded.first_column = static_cast<std::int64_t>(out.names.size());
    for (const int v : term) {
      CodedTerm::Part part;
      part.variable = v;
      if (!variables[static_cast<std::size_t>(v)].is_factor()) {
        coded.numbers.push_back(part);
        continue;
      }
      Term rest = term;
      std::erase(rest, v);
      part.drops_first = !needs_full_factor && is_marginal_to_earlier(rest, terms.terms, t, all);
      needs_full_factor = false;
      part.stride = coded.n_columns;
      const std::int64_t n = n_columns_of(part, variables);
      if (n > 0 && coded.n_columns > kMostColumns / n) fail_too_many(term, variables);
      coded.n_columns *= n;
      coded.factors.push_back(part);
    }
    if (coded.first_column + coded.n_columns > kMostColumns) fail_too_many(term, variables);
    add_names(term, coded, variables, out.names);
    out.terms.push_back(std::move(coded));
  }
  std::set<std::string_view> seen;
  for (const std::string& name : out.names) {
    if (!seen.insert(name).second) {
      throw Error(ErrorCode::formula, "two coefficients would be called " + quoted(name) + "; rename a column");
    }
  }
  return out;
}

}  // namespace velbo::internal
