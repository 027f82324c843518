// support/json_case.h - reads JSON test data: tables, vectors, matrices.
#pragma once
#include <gtest/gtest.h>

#include <Eigen/Core>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "velbo/table.h"

namespace velbo::test {

inline nlohmann::json read_json(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path);
  return nlohmann::json::parse(file);
}

// The array-valued members of `columns` as a table: numbers or text; others are passed over.
inline Table table_of(const nlohmann::json& columns) {
  Table table;
  for (const auto& [name, values] : columns.items()) {
    if (!values.is_array() || values.empty() || values.front().is_array()) continue;
    if (table.n_rows() > 0 && values.size() != static_cast<std::size_t>(table.n_rows())) continue;
    if (values.front().is_string()) {
      table.add_text(name, values.get<std::vector<std::string>>());
    } else {
      table.add_numbers(name, values.get<std::vector<double>>());
    }
  }
  return table;
}

inline Eigen::VectorXd vector_of(const nlohmann::json& values) {
  const auto numbers = values.get<std::vector<double>>();
  return Eigen::VectorXd::Map(numbers.data(), static_cast<Eigen::Index>(numbers.size()));
}

inline Eigen::MatrixXd matrix_of(const nlohmann::json& rows) {
  Eigen::MatrixXd out(rows.size(), rows.front().size());
  for (Eigen::Index i = 0; i < out.rows(); ++i) out.row(i) = vector_of(rows[static_cast<std::size_t>(i)]);
  return out;
}

}  // namespace velbo::test
