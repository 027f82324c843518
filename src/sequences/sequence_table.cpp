// sequences/sequence_table.cpp - sequences from a table's columns.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "data/text.h"
#include "sequences/sequence_data.h"
#include "velbo/error.h"

namespace velbo {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

// The cells of a column as texts, as symbols and names of sequences are.
std::vector<std::string> texts_of(const Table& table, const Column& column) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < size(table.n_rows()); ++i) {
    const bool missing = column.kind == ColumnKind::number ? std::isnan(column.numbers[i]) : column.codes[i] < 0;
    if (missing)
      throw Error(ErrorCode::data, fmt::format("{}: column {} is missing", table.place(static_cast<std::int64_t>(i)),
                                               internal::quoted(column.name)));
    out.push_back(column.kind == ColumnKind::number ? internal::format_number(column.numbers[i])
                                                    : column.levels[size(column.codes[i])]);
  }
  return out;
}

std::vector<std::int64_t> starts_of(const Table& table, const std::string& name) {
  if (name.empty()) return {};
  const std::vector<std::string> of = texts_of(table, table.at(name));
  std::vector<std::int64_t> out;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < of.size(); ++i) {
    if (i > 0 && of[i] == of[i - 1]) continue;
    if (!seen.insert(of[i]).second)
      throw Error(
          ErrorCode::data,
          fmt::format("{}: sequence {} comes back after another one; sort the rows by column {}",
                      table.place(static_cast<std::int64_t>(i)), internal::quoted(of[i]), internal::quoted(name)));
    out.push_back(static_cast<std::int64_t>(i));
  }
  return out;
}

// In increasing order of numbers, else alphabetically.
std::vector<std::string> distinct(const Column& column, const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  if (column.kind == ColumnKind::number) {
    const std::set<double> values(column.numbers.begin(), column.numbers.end());
    for (const double value : values) out.push_back(internal::format_number(value));
  } else {
    const std::set<std::string> values(texts.begin(), texts.end());
    out.assign(values.begin(), values.end());
  }
  return out;
}

Sequences symbols_of(const Table& table, const SequenceColumns& columns, const std::vector<std::string>& known) {
  if (!columns.numbers.empty())
    throw Error(ErrorCode::argument, "columns of numbers and one of symbols were named, expected either");
  const Column& column = table.at(columns.symbol);
  const std::vector<std::string> texts = texts_of(table, column);
  const std::vector<std::string> names = known.empty() ? distinct(column, texts) : known;
  std::map<std::string, std::int64_t> place;
  for (std::size_t i = 0; i < names.size(); ++i) place[names[i]] = static_cast<std::int64_t>(i);
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto found = place.find(texts[i]);
    if (found == place.end())
      throw Error(ErrorCode::data, fmt::format("{}: {} is not among the symbols of the fit, {}",
                                               table.place(static_cast<std::int64_t>(i)), internal::quoted(texts[i]),
                                               internal::listed(names)));
    out.push_back(found->second);
  }
  return Sequences::symbols(out, static_cast<std::int64_t>(names.size()), starts_of(table, columns.sequence), names);
}

}  // namespace

Sequences Sequences::of_table(const Table& table, const SequenceColumns& columns,
                              const std::vector<std::string>& known_symbols) {
  if (table.n_rows() == 0) throw Error(ErrorCode::data, table.source() + ": the table has no rows");
  if (!columns.symbol.empty()) return symbols_of(table, columns, known_symbols);
  std::vector<std::string> names = columns.numbers;
  if (names.empty())
    for (const Column& column : table.columns())
      if (column.kind == ColumnKind::number && column.name != columns.sequence) names.push_back(column.name);
  if (names.empty()) throw Error(ErrorCode::data, table.source() + ": there is no column of numbers");
  const auto d = static_cast<std::int64_t>(names.size());
  std::vector<double> x(size(table.n_rows() * d));
  for (std::int64_t j = 0; j < d; ++j) {
    const Column& column = table.at(names[size(j)]);
    if (column.kind != ColumnKind::number)
      throw Error(ErrorCode::data, fmt::format("{}: column {} holds text, expected numbers",
                                               table.place(std::max<std::int64_t>(column.first_bad_row, 0)),
                                               internal::quoted(column.name)));
    for (std::int64_t i = 0; i < table.n_rows(); ++i) {
      const double value = column.numbers[size(i)];
      if (!std::isfinite(value))
        throw Error(ErrorCode::data, fmt::format("{}: column {} is {}, expected a finite number", table.place(i),
                                                 internal::quoted(column.name),
                                                 std::isnan(value) ? "missing" : internal::format_number(value)));
      x[size(i * d + j)] = value;
    }
  }
  return numbers({x.data(), table.n_rows(), d, d}, starts_of(table, columns.sequence), std::move(names));
}

}  // namespace velbo
