// models/unconstrain.cpp
//
// Differences from a bound are taken once and kept as they are (a simplex's tail is the sum of what comes after, not 1 minus
// what came before), so that z has its digits wherever theta has its own.
#include "models/unconstrain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "models/parameter_names.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

constexpr double kTolerance = 1e-8;

// One number, vector or matrix of a parameter, and what to say of it.
struct One {
  const Parameter& parameter;
  std::int64_t number;  // of the parameter's
  std::int64_t n_theta;
  const double* theta;

  [[nodiscard]] std::string element(std::int64_t i) const { return element_name(parameter, number * n_theta + i); }
  [[nodiscard]] std::string all() const { return indexed(parameter.name, parameter.shape, number); }
  [[noreturn]] void refuse(const std::string& what) const { throw Error(ErrorCode::argument, what); }
  [[noreturn]] void refuse(std::int64_t i, const std::string& expected) const {
    refuse(fmt::format("{} is {}, expected {}", element(i), theta[i], expected));
  }
  void expect_finite() const {
    for (std::int64_t i = 0; i < n_theta; ++i)
      if (!std::isfinite(theta[i])) refuse(i, "a finite number");
  }
  void expect_above(std::int64_t i, double bound) const {
    if (!(theta[i] > bound)) refuse(i, fmt::format("a value above {}", bound));
  }
  void expect_near_one(double value, const std::string& what) const {
    if (!(std::abs(value - 1) <= kTolerance))
      refuse(fmt::format("{} {}, expected 1 (within {})", what, value, kTolerance));
  }
};

void number(const One& one, double* z) {
  const Parameter& p = one.parameter;
  const double theta = *one.theta;
  switch (p.constraint) {
    case Constraint::lower:
      one.expect_above(0, p.lower);
      *z = std::log(theta - p.lower);
      return;
    case Constraint::upper:
      if (!(theta < p.upper)) one.refuse(0, fmt::format("a value below {}", p.upper));
      *z = std::log(p.upper - theta);
      return;
    case Constraint::interval:
      if (!(theta > p.lower && theta < p.upper))
        one.refuse(0, fmt::format("a value between {} and {}", p.lower, p.upper));
      *z = std::log(theta - p.lower) - std::log(p.upper - theta);
      return;
    default: *z = theta;
  }
}

void simplex(const One& one, std::int64_t size, double* z) {
  for (std::int64_t k = 0; k < size; ++k) one.expect_above(k, 0);
  double later = 0;  // the sum of the elements after k
  for (std::int64_t k = size - 1; k >= 0; --k) {
    if (k + 1 < size) z[k] = std::log(one.theta[k]) - std::log(later) + std::log(static_cast<double>(size - 1 - k));
    later += one.theta[k];
  }
  one.expect_near_one(later, one.all() + " has the sum");
}

void ordered(const One& one, std::int64_t size, double* z) {
  const bool positive = one.parameter.constraint == Constraint::positive_ordered;
  if (positive) one.expect_above(0, 0);
  z[0] = positive ? std::log(one.theta[0]) : one.theta[0];
  for (std::int64_t k = 1; k < size; ++k) {
    if (!(one.theta[k] > one.theta[k - 1]))
      one.refuse(k, fmt::format("a value above {}, that of {}", one.theta[k - 1], one.element(k - 1)));
    z[k] = std::log(one.theta[k] - one.theta[k - 1]);
  }
}

void unit_vector(const One& one, std::int64_t size, double* z) {
  double squares = 0;
  for (std::int64_t k = 0; k < size; ++k) squares += one.theta[k] * one.theta[k];
  const double length = std::sqrt(squares);
  one.expect_near_one(length, one.all() + " has the length");
  for (std::int64_t k = 0; k < size; ++k) z[k] = one.theta[k] / length;
}

void correlation_cholesky(const One& one, std::int64_t size, double* z) {
  for (std::int64_t i = 0; i < size; ++i) {
    for (std::int64_t j = i + 1; j < size; ++j)
      if (one.theta[i * size + j] != 0) one.refuse(i * size + j, "0 above the diagonal");
    one.expect_above(i * size + i, 0);
    const double* row = one.theta + i * size;
    double later = row[i] * row[i];  // the sum of the squares after column j
    double* const z_row = z + i * (i - 1) / 2;
    for (std::int64_t j = i - 1; j >= 0; --j) {
      z_row[j] = std::asinh(row[j] / std::sqrt(later));  // atanh(row[j] / sqrt(row[j]^2 + later))
      later += row[j] * row[j];
    }
    one.expect_near_one(std::sqrt(later), fmt::format("row {} of {} has the length", i + 1, one.all()));
  }
}

void covariance(const One& one, std::int64_t size, double* z) {
  const double* const a = one.theta;
  for (std::int64_t i = 0; i < size; ++i) one.expect_above(i * size + i, 0);
  for (std::int64_t i = 0; i < size; ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      const double here = a[i * size + j], there = a[j * size + i];
      const double scale = std::sqrt(a[i * size + i]) * std::sqrt(a[j * size + j]);
      if (!(std::abs(here - there) <= kTolerance * scale))
        one.refuse(i * size + j, fmt::format("{}, that of {}", there, one.element(j * size + i)));
    }
  }
  // The factor's rows, from which z takes them with the logarithm of the diagonal.
  std::vector<double> factor(static_cast<std::size_t>(size * size));
  double* const l = factor.data();
  for (std::int64_t i = 0; i < size; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      double rest = a[i * size + j];
      for (std::int64_t k = 0; k < j; ++k) rest -= l[i * size + k] * l[j * size + k];
      if (j < i) {
        *z++ = l[i * size + j] = rest / l[j * size + j];
        continue;
      }
      if (!(rest > 0))
        one.refuse(
            fmt::format("{} has the pivot {} in row {} of its Cholesky factor, expected a positive definite matrix",
                        one.all(), rest, i + 1));
      l[i * size + i] = std::sqrt(rest);
      *z++ = std::log(rest) / 2;
    }
  }
}

}  // namespace

void unconstrain(const Parameter& parameter, const ParameterBlock& block, const double* theta, double* z) {
  const std::int64_t n_z = transform::n_unconstrained(block.constraint, block.size);
  const std::int64_t n_theta = transform::n_constrained(block.constraint, block.size);
  for (std::int64_t i = 0; i < block.count; ++i, theta += n_theta, z += n_z) {
    const One one{parameter, i, n_theta, theta};
    one.expect_finite();
    switch (block.constraint) {
      case Constraint::real:
      case Constraint::lower:
      case Constraint::upper:
      case Constraint::interval: number(one, z); break;
      case Constraint::simplex: simplex(one, block.size, z); break;
      case Constraint::ordered:
      case Constraint::positive_ordered: ordered(one, block.size, z); break;
      case Constraint::unit_vector: unit_vector(one, block.size, z); break;
      case Constraint::correlation_cholesky: correlation_cholesky(one, block.size, z); break;
      case Constraint::covariance: covariance(one, block.size, z); break;
    }
  }
}

}  // namespace velbo::internal
