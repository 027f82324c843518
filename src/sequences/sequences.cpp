// sequences/sequences.cpp - sequences of numbers or symbols, checked.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sequences/sequence_data.h"
#include "velbo/error.h"

namespace velbo {
namespace {

std::vector<std::int64_t> checked(std::vector<std::int64_t> start, std::int64_t n_rows) {
  if (n_rows < 1) throw Error(ErrorCode::data, "there are no rows");
  if (start.empty()) start = {0};
  if (start.front() != 0) throw Error(ErrorCode::shape, fmt::format("start[0] is {}, expected 0", start.front()));
  for (std::size_t i = 1; i < start.size(); ++i)
    if (start[i] <= start[i - 1])
      throw Error(ErrorCode::shape, fmt::format("start[{}] is {}, expected a row behind {}: no sequence is empty", i,
                                                start[i], start[i - 1]));
  if (start.back() >= n_rows)
    throw Error(ErrorCode::shape,
                fmt::format("start[{}] is {}, but there are {} rows", start.size() - 1, start.back(), n_rows));
  start.push_back(n_rows);
  return start;
}

std::vector<std::string> checked(std::vector<std::string> names, std::int64_t width, std::string_view prefix,
                                 std::int64_t first) {
  if (names.empty())
    for (std::int64_t i = 0; i < width; ++i) names.push_back(fmt::format("{}{}", prefix, i + first));
  if (static_cast<std::int64_t>(names.size()) != width)
    throw Error(ErrorCode::shape, fmt::format("there are {} names, expected {}", names.size(), width));
  return names;
}

}  // namespace

std::string_view name(EmissionKind kind) noexcept {
  return kind == EmissionKind::gaussian ? "gaussian" : "categorical";
}

Sequences Sequences::numbers(MatrixView<const double> x, std::vector<std::int64_t> start,
                             std::vector<std::string> names) {
  auto data = std::make_shared<Data>();
  data->kind = EmissionKind::gaussian;
  data->start = checked(std::move(start), x.n_rows);
  if (x.n_columns < 1) throw Error(ErrorCode::shape, "x has no columns");
  data->width = x.n_columns;
  data->names = checked(std::move(names), data->width, "x", 1);
  data->x.resize(x.n_rows, x.n_columns);
  for (std::int64_t i = 0; i < x.n_rows; ++i)
    for (std::int64_t j = 0; j < x.n_columns; ++j) {
      const double value = x.data[i * x.stride + j];
      if (!std::isfinite(value))
        throw Error(ErrorCode::data, fmt::format("x[{}, {}] is {}, expected a finite number: missing values are not "
                                                 "supported",
                                                 i, j, value));
      data->x(i, j) = value;
    }
  return Sequences(std::move(data));
}

Sequences Sequences::symbols(std::span<const std::int64_t> symbol, std::int64_t n_symbols,
                             std::vector<std::int64_t> start, std::vector<std::string> names) {
  auto data = std::make_shared<Data>();
  data->kind = EmissionKind::categorical;
  data->start = checked(std::move(start), static_cast<std::int64_t>(symbol.size()));
  if (n_symbols == 0) n_symbols = std::max<std::int64_t>(1, 1 + *std::max_element(symbol.begin(), symbol.end()));
  if (n_symbols > std::numeric_limits<std::int32_t>::max())
    throw Error(ErrorCode::data, fmt::format("there are {} symbols, expected at most {}", n_symbols,
                                             std::numeric_limits<std::int32_t>::max()));
  for (std::size_t i = 0; i < symbol.size(); ++i) {
    if (symbol[i] < 0 || symbol[i] >= n_symbols)
      throw Error(ErrorCode::data, fmt::format("symbol[{}] is {}, expected 0 to {}", i, symbol[i], n_symbols - 1));
    data->symbol.push_back(static_cast<std::int32_t>(symbol[i]));
  }
  data->width = n_symbols;
  data->names = checked(std::move(names), n_symbols, "", 0);
  return Sequences(std::move(data));
}

EmissionKind Sequences::kind() const noexcept { return data_->kind; }
std::int64_t Sequences::n_rows() const noexcept { return data_->n_rows(); }
std::int64_t Sequences::n_sequences() const noexcept { return static_cast<std::int64_t>(data_->start.size()) - 1; }
std::int64_t Sequences::width() const noexcept { return data_->width; }
const std::vector<std::int64_t>& Sequences::start() const noexcept { return data_->start; }
const std::vector<std::string>& Sequences::names() const noexcept { return data_->names; }

}  // namespace velbo
