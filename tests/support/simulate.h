// support/simulate.h - small simulated data sets, the same on every machine.
#pragma once
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "velbo/random.h"
#include "velbo/table.h"

namespace velbo::test {

inline std::vector<double> normals(std::int64_t n, std::uint64_t seed) {
  std::vector<double> out(static_cast<std::size_t>(n));
  standard_normals(make_key(seed, Purpose::test), 0, 0, 0, std::span<double>(out));
  return out;
}

// Columns x1 .. xD of standard normals and an outcome "y": 1 where eta + logistic noise > 0, eta = 0.3 + sum_j b_j x_j with
// b = 0.5, -0.5, 0.25, ...
inline Table logistic_table(std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Table table;
  std::vector<double> eta(static_cast<std::size_t>(n), 0.3);
  for (std::int64_t j = 0; j < d; ++j) {
    std::vector<double> x = normals(n, seed + 10 + static_cast<std::uint64_t>(j));
    const double b = (j % 2 == 0 ? 0.5 : -0.5) / (1 + static_cast<double>(j / 2));
    for (std::size_t i = 0; i < x.size(); ++i) eta[i] += b * x[i];
    table.add_numbers("x" + std::to_string(j + 1), std::move(x));
  }
  const std::vector<double> noise = normals(n, seed);
  std::vector<double> y(eta.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double u = 0.5 * std::erfc(-noise[i] / std::sqrt(2.0));
    y[i] = eta[i] + std::log(u / (1 - u)) > 0 ? 1 : 0;
  }
  table.add_numbers("y", std::move(y));
  return table;
}

}  // namespace velbo::test
