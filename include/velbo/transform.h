// velbo/transform.h - maps from unconstrained coordinates z to constrained parameters theta, and log |d theta / d z|.
//
// Stan's transforms (Stan Reference Manual, "Constraint Transforms"): a fit in z with the log Jacobian added to the log
// density is a fit in theta.  T is float, double or a Dual of them; host and device; theta may not be z's memory.  In double
// the log Jacobians are finite for |z| up to 700; theta itself is the nearest that there is, which may be a bound or 0.
#pragma once
#include <cstdint>

#include "velbo/dual.h"
#include "velbo/functions.h"
#include "velbo/host_device.h"
#include "velbo/scalar.h"

namespace velbo {

enum class Constraint {
  real,                  // all numbers
  lower,                 // above `lower`
  upper,                 // below `upper`
  interval,              // between `lower` and `upper`
  simplex,               // [K] above 0, with the sum 1
  ordered,               // [K] each above the one before
  positive_ordered,      // ordered, and the first above 0
  unit_vector,           // [K] of length 1
  correlation_cholesky,  // [K, K] L, lower triangular with a positive diagonal, such that L L' is a correlation matrix
  covariance,            // [K, K] symmetric, positive definite
};

// One parameter as plain data, for device code too: `count` numbers, vectors or matrices one after the other.
struct ParameterBlock {
  Constraint constraint = Constraint::real;
  std::int64_t count = 1;  // of arrays
  std::int64_t size = 1;   // K; 1 for numbers
  double lower = 0;        // of lower and interval
  double upper = 0;        // of upper and interval
  std::int64_t z_offset = 0;
  std::int64_t theta_offset = 0;
};

namespace transform {

// Whether each element of theta is a function of one coordinate of z.
VELBO_HOST_DEVICE constexpr bool is_elementwise(Constraint constraint) {
  return constraint == Constraint::real || constraint == Constraint::lower || constraint == Constraint::upper ||
         constraint == Constraint::interval;
}

// Coordinates of z that one number, vector or matrix takes.
VELBO_HOST_DEVICE constexpr std::int64_t n_unconstrained(Constraint constraint, std::int64_t size) {
  switch (constraint) {
    case Constraint::simplex: return size - 1;
    case Constraint::ordered:
    case Constraint::positive_ordered:
    case Constraint::unit_vector: return size;
    case Constraint::correlation_cholesky: return size * (size - 1) / 2;
    case Constraint::covariance: return size * (size + 1) / 2;
    default: return 1;
  }
}

// Its elements in theta; matrices are stored in full, row-major.
VELBO_HOST_DEVICE constexpr std::int64_t n_constrained(Constraint constraint, std::int64_t size) {
  if (is_elementwise(constraint)) return 1;
  const bool matrix = constraint == Constraint::correlation_cholesky || constraint == Constraint::covariance;
  return matrix ? size * size : size;
}

// Each of these writes theta and returns log |d theta / d z|.

template <ModelScalar T>
VELBO_HOST_DEVICE T real(const T& z, T& theta) {
  theta = z;
  return T(0);
}

// theta = a + e^z.
template <ModelScalar T>
VELBO_HOST_DEVICE T lower(const T& z, real_t<T> a, T& theta) {
  theta = a + exp(z);
  return z;
}

// theta = b - e^z.
template <ModelScalar T>
VELBO_HOST_DEVICE T upper(const T& z, real_t<T> b, T& theta) {
  theta = b - exp(z);
  return z;
}

// theta = a + (b - a) sigmoid(z), from the bound that is nearer: theta does not pass it, and its distance keeps its digits.
template <ModelScalar T>
VELBO_HOST_DEVICE T interval(const T& z, real_t<T> a, real_t<T> b, T& theta) {
  const real_t<T> width = b - a;
  theta = value_of(z) > 0 ? b - width * sigmoid(-z) : a + width * sigmoid(z);
  return log(width) + log_sigmoid(z) + log_sigmoid(-z);
}

// Stick-breaking: theta[k] takes the share sigmoid(z[k] - log(K - 1 - k)) of what is left of 1, so that z = 0 is
// (1, ..., 1) / K.  What is left shrinks by sigmoid(-...) and enters the later elements' derivatives.  z [K - 1], theta [K].
template <ModelScalar T>
VELBO_HOST_DEVICE T simplex(const T* z, T* theta, std::int64_t size) {
  using Number = real_t<T>;
  T left(1), log_jacobian(0);
  for (std::int64_t k = 0; k + 1 < size; ++k) {
    const Number later = static_cast<Number>(size - 1 - k);
    const T share = z[k] - log(later);
    theta[k] = left * sigmoid(share);
    left = left * sigmoid(-share);
    log_jacobian += log_sigmoid(share) + later * log_sigmoid(-share);
  }
  theta[size - 1] = left;
  return log_jacobian;
}

// theta[0] = z[0], then steps of e^z.
template <ModelScalar T>
VELBO_HOST_DEVICE T ordered(const T* z, T* theta, std::int64_t size) {
  T log_jacobian(0);
  theta[0] = z[0];
  for (std::int64_t k = 1; k < size; ++k) {
    theta[k] = theta[k - 1] + exp(z[k]);
    log_jacobian += z[k];
  }
  return log_jacobian;
}

// Steps of e^z from 0.
template <ModelScalar T>
VELBO_HOST_DEVICE T positive_ordered(const T* z, T* theta, std::int64_t size) {
  T log_jacobian = z[0];
  theta[0] = exp(z[0]);
  for (std::int64_t k = 1; k < size; ++k) {
    theta[k] = theta[k - 1] + exp(z[k]);
    log_jacobian += z[k];
  }
  return log_jacobian;
}

// theta = z / |z|, NaN at z = 0.  K coordinates for K - 1 degrees of freedom: the length of z is a nuisance, and what is
// returned is no Jacobian but -z'z / 2, which makes z standard normal where theta is uniform.  Its integral over z is
// (2 pi)^(K/2) and the area of the sphere 2 pi^(K/2) / Gamma(K/2): with a density of theta by area, normalisers (and an ELBO) come
// out too large by log Gamma(K/2) + (K/2 - 1) log 2.
template <ModelScalar T>
VELBO_HOST_DEVICE T unit_vector(const T* z, T* theta, std::int64_t size) {
  using Number = real_t<T>;
  T squares(0);
  for (std::int64_t k = 0; k < size; ++k) squares += square(z[k]);
  const T inverse = Number(1) / sqrt(squares);
  for (std::int64_t k = 0; k < size; ++k) theta[k] = z[k] * inverse;
  return Number(-0.5) * squares;
}

// Row i: of what is left of the row's length 1, element j < i takes tanh(z), a canonical partial correlation, and leaves
// sech(z) to those behind it; the diagonal gets the rest (Lewandowski, Kurowicka and Joe 2009).  z [K (K - 1) / 2] row by row.
template <ModelScalar T>
VELBO_HOST_DEVICE T correlation_cholesky(const T* z, T* theta, std::int64_t size) {
  using Number = real_t<T>;
  T log_jacobian(0);
  for (std::int64_t i = 0; i < size; ++i) {
    T log_left(0);
    T* const row = theta + i * size;
    for (std::int64_t j = 0; j < i; ++j, ++z) {
      // sech^2(z) = 4 sigmoid(2 z) sigmoid(-2 z): 1 - tanh^2(z) has no digits for large |z|.
      const T twice = Number(2) * *z;
      const T log_sech = internal::kLogTwo<Number> + Number(0.5) * (log_sigmoid(twice) + log_sigmoid(-twice));
      row[j] = tanh(*z) * exp(log_left);
      log_jacobian += Number(2) * log_sech + log_left;
      log_left += log_sech;
    }
    row[i] = exp(log_left);
    for (std::int64_t j = i + 1; j < size; ++j) row[j] = T(0);
  }
  return log_jacobian;
}

// theta = L L', L lower triangular with the diagonal e^z; z [K (K + 1) / 2] row by row.
template <ModelScalar T>
VELBO_HOST_DEVICE T covariance(const T* z, T* theta, std::int64_t size) {
  using Number = real_t<T>;
  T log_jacobian(internal::kLogTwo<Number> * static_cast<Number>(size));
  for (std::int64_t i = 0; i < size; ++i) {
    for (std::int64_t j = 0; j < i; ++j) theta[i * size + j] = *z++;
    theta[i * size + i] = exp(*z);
    log_jacobian += static_cast<Number>(size - i + 1) * *z++;  // L L' takes K - i, e^z one
  }
  // In place, from the end: element (i, j) needs rows i and j of L up to column j, and nothing there is overwritten yet.
  for (std::int64_t i = size - 1; i >= 0; --i) {
    for (std::int64_t j = i; j >= 0; --j) {
      T sum(0);
      for (std::int64_t k = 0; k <= j; ++k) sum += theta[i * size + k] * theta[j * size + k];
      theta[i * size + j] = sum;
      theta[j * size + i] = sum;
    }
  }
  return log_jacobian;
}

// One of a block's numbers, vectors or matrices.
template <ModelScalar T>
VELBO_HOST_DEVICE T constrain_one(const ParameterBlock& block, const T* z, T* theta) {
  using Number = real_t<T>;
  switch (block.constraint) {
    case Constraint::real: return real(*z, *theta);
    case Constraint::lower: return lower(*z, static_cast<Number>(block.lower), *theta);
    case Constraint::upper: return upper(*z, static_cast<Number>(block.upper), *theta);
    case Constraint::interval:
      return interval(*z, static_cast<Number>(block.lower), static_cast<Number>(block.upper), *theta);
    case Constraint::simplex: return simplex(z, theta, block.size);
    case Constraint::ordered: return ordered(z, theta, block.size);
    case Constraint::positive_ordered: return positive_ordered(z, theta, block.size);
    case Constraint::unit_vector: return unit_vector(z, theta, block.size);
    case Constraint::correlation_cholesky: return correlation_cholesky(z, theta, block.size);
    case Constraint::covariance: return covariance(z, theta, block.size);
  }
  return T(0);
}

}  // namespace transform

// A whole block; z and theta point at its own first elements.
template <ModelScalar T>
VELBO_HOST_DEVICE T constrain(const ParameterBlock& block, const T* z, T* theta) {
  const std::int64_t n_z = transform::n_unconstrained(block.constraint, block.size);
  const std::int64_t n_theta = transform::n_constrained(block.constraint, block.size);
  T log_jacobian(0);
  for (std::int64_t i = 0; i < block.count; ++i)
    log_jacobian += transform::constrain_one(block, z + i * n_z, theta + i * n_theta);
  return log_jacobian;
}

}  // namespace velbo
