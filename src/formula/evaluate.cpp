#include <algorithm>  // for min, fill_n
#include <cmath>      // for isfinite
#include <limits>     // for numeric_limits
#include <new>        // for bad_alloc
#include <span>

#include "data/text.h"
#include "formula/design_state.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

// Up to kRowsPerBlock complete rows of the table, and where their columns go.
struct Block {
  std::vector<std::int64_t> rows;     // of the table
  std::vector<std::size_t> position;  // row of the matrix
  void clear() {
    rows.clear();
    position.clear();
  }
};

// Evaluates the variables of a block, then the terms' columns from them.
template <class T>
class Evaluator {
 public:
  Evaluator(const std::vector<Variable>& variables, const Coding& coding, bool has_intercept, const Table& table)
      : variables_(variables),
        coding_(coding),
        has_intercept_(has_intercept),
        table_(table),
        n_columns_(coding.names.size()),
        numbers_(variables.size()),
        codes_(variables.size()) {
    for (std::size_t v = 0; v < variables.size(); ++v) {
      bound_.emplace_back(variables[v], table);
      if (variables[v].is_factor()) {
        codes_[v].resize(kRowsPerBlock);
      } else {
        numbers_[v].resize(kRowsPerBlock);
      }
    }
  }

  // Columns of factors hold zeros already.
  void fill(const Block& block, T* x) {
    for (std::size_t v = 0; v < bound_.size(); ++v) {
      if (variables_[v].is_factor()) {
        bound_[v].codes(block.rows, codes_[v].data());
      } else {
        bound_[v].numbers(block.rows, numbers_[v].data());
      }
    }
    if (has_intercept_) {
      for (const std::size_t p : block.position) x[p * n_columns_] = T(1);
    }
    for (const CodedTerm& term : coding_.terms) fill_term(term, block, x);
  }

 private:
  void fill_term(const CodedTerm& term, const Block& block, T* x) {
    const std::size_t n = block.rows.size();
    // The product of the term's numbers.
    double product[kRowsPerBlock];
    const double* values = product;
    if (term.numbers.size() == 1) {
      values = numbers_[static_cast<std::size_t>(term.numbers[0].variable)].data();
    } else {
      std::fill_n(product, n, 1.0);
      for (const CodedTerm::Part& part : term.numbers) {
        const double* const factor = numbers_[static_cast<std::size_t>(part.variable)].data();
        for (std::size_t i = 0; i < n; ++i) product[i] *= factor[i];
      }
    }
    // The column that each row's levels choose; negative where one of them is a base level.
    std::int64_t column[kRowsPerBlock];
    std::fill_n(column, n, term.first_column);
    for (const CodedTerm::Part& part : term.factors) {
      const std::int32_t* const codes = codes_[static_cast<std::size_t>(part.variable)].data();
      const std::int32_t first = part.drops_first ? 1 : 0;
      for (std::size_t i = 0; i < n; ++i) {
        const std::int64_t level = codes[i] - first;
        column[i] = level < 0 || column[i] < 0 ? -1 : column[i] + level * part.stride;
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (column[i] < 0) continue;
      const T value = static_cast<T>(values[i]);
      if (!std::isfinite(value)) fail(block.rows[i], column[i], values[i]);
      x[block.position[i] * n_columns_ + static_cast<std::size_t>(column[i])] = value;
    }
  }

  [[noreturn]] void fail(std::int64_t row, std::int64_t column, double value) const {
    throw Error(ErrorCode::data, table_.place(row) + ": " + coding_.names[static_cast<std::size_t>(column)] + " is " +
                                     format_number(value) + (std::isfinite(value) ? ", too large for float" : ""));
  }

  const std::vector<Variable>& variables_;
  const Coding& coding_;
  bool has_intercept_;
  const Table& table_;
  std::size_t n_columns_;
  std::vector<BoundVariable> bound_;
  std::vector<std::vector<double>> numbers_;
  std::vector<std::vector<std::int32_t>> codes_;
};

}  // namespace

template <class T>
EvaluatedRows<T> Design::evaluate(const Table& table, MissingRows missing, const std::vector<std::string>& also) const {
  const auto n_rows = static_cast<std::size_t>(table.n_rows());
  std::vector<char> complete(n_rows, 1);
  Evaluator<T> evaluator(state_->variables, state_->coding, state_->terms.has_intercept, table);
  for (const Variable& variable : state_->variables) mark_missing(variable, table, complete);
  for (const std::string& name : also) mark_missing(table.at(name), complete);
  if (missing == MissingRows::drop) {
    mark_missing(state_->outcome, table, complete);
    for (const std::string& name : state_->needed) mark_missing(table.at(name), complete);
  }

  EvaluatedRows<T> out;
  const std::size_t n_complete = static_cast<std::size_t>(std::count(complete.begin(), complete.end(), 1));
  const std::size_t n_kept = missing == MissingRows::keep ? n_rows : n_complete;
  const std::size_t n_columns = names().size();
  try {
    out.x.resize(n_kept * n_columns);
    out.row.reserve(n_kept);
    out.complete.reserve(n_kept);
  } catch (const std::exception&) {  // bad_alloc or length_error
    throw Error(ErrorCode::memory, "a design matrix of " + std::to_string(n_kept) + " rows and " +
                                       std::to_string(n_columns) + " columns does not fit into memory");
  }

  Block block;
  for (std::size_t i = 0; i < n_rows; ++i) {
    if (complete[i] == 0 && missing == MissingRows::drop) continue;
    const std::size_t position = out.row.size();
    out.row.push_back(static_cast<std::int64_t>(i));
    out.complete.push_back(complete[i]);
    if (complete[i] == 0) {
      std::fill_n(out.x.data() + position * n_columns, n_columns, std::numeric_limits<T>::quiet_NaN());
      continue;
    }
    block.rows.push_back(static_cast<std::int64_t>(i));
    block.position.push_back(position);
    if (block.rows.size() == kRowsPerBlock) {
      evaluator.fill(block, out.x.data());
      block.clear();
    }
  }
  evaluator.fill(block, out.x.data());
  return out;
}

template EvaluatedRows<float> Design::evaluate<float>(const Table&, MissingRows, const std::vector<std::string>&) const;
template EvaluatedRows<double> Design::evaluate<double>(const Table&, MissingRows,
                                                        const std::vector<std::string>&) const;

}  // namespace velbo::internal
