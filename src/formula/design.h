// formula/design.h - from a formula and a table to a design matrix, and again to the same columns for new rows.
//
// A Design is made once, at the fit: it fixes the coding of factors (levels, treatment coding), the centre and scale of
// scale(x), and the columns' names (R's).  It is immutable, is saved with the posterior, and evaluates any later table
// with exactly the same columns.
#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "velbo/table.h"

namespace velbo::internal {

// The left-hand side.
struct Response {
  std::string name;                 // as written, e.g. "switch" or "log(weight)"
  std::vector<std::string> levels;  // of a text outcome, or one of factor(), sorted; else empty
};

enum class MissingRows {
  drop,  // rows with a missing value in any needed column are left out (fit)
  keep,  // every row is kept; `complete` says which can be used (predict)
};

template <class T>
struct EvaluatedRows {
  std::vector<T> x;               // [n_kept, n_columns] row-major; rows that are not complete hold NaN
  std::vector<std::int64_t> row;  // [n_kept] row of the table
  std::vector<char> complete;     // [n_kept]
};

class Design {
 public:
  // Parses `formula` and fixes the coding on `table`.  `needed` are further columns (weights, offset, trials) in which a
  // missing value drops the row; "." does not stand for them.  no_intercept: as if the formula said -1.
  // Throws Error(formula) with the formula and a caret under the place for what cannot be parsed, for unknown columns and
  // functions; Error(data) for columns that cannot be used (text in a number column, with its line; Inf, with its line;
  // a factor with one level, or an outcome that is a factor of more than two unless it may be of any number).
  static Design make(std::string_view formula, const Table& table, bool no_intercept,
                     const std::vector<std::string>& needed = {}, bool any_levels = false);

  [[nodiscard]] const std::string& formula() const noexcept;  // as given
  [[nodiscard]] const Response& response() const noexcept;
  [[nodiscard]] const std::vector<std::string>& names() const noexcept;  // of the columns; "Intercept" first if present
  [[nodiscard]] bool has_intercept() const noexcept;

  // Throws Error(formula) for a missing column, Error(data) for an unseen factor level (naming level, column, place) or
  // a value that is not finite after a transformation such as log(0) (naming the place).
  // drop: the outcome and the needed columns count as well.  keep: only what the terms read, and the columns in `also`.
  template <class T>
  [[nodiscard]] EvaluatedRows<T> evaluate(const Table& table, MissingRows missing,
                                          const std::vector<std::string>& also = {}) const;
  // The outcome of the given rows (of `evaluate`); of a factor the levels' indices.
  [[nodiscard]] std::vector<double> evaluate_response(const Table& table, const std::vector<std::int64_t>& rows) const;

  [[nodiscard]] nlohmann::json to_json() const;
  static Design from_json(const nlohmann::json& json);  // throws Error(file) for what to_json did not write

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

// A number column of the given rows, e.g. weights; throws Error(data) for text, missing or infinite values with the place.
std::vector<double> number_column(const Table& table, std::string_view name, const std::vector<std::int64_t>& rows);

}  // namespace velbo::internal
