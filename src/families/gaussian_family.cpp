// families/gaussian_family.cpp - mean-field and full-rank Gaussians as maps over lambda.
#include <cmath>
#include <numbers>
#include <string>

#include "velbo/error.h"
#include "velbo/family.h"

namespace velbo {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

void expect_size(const char* what, std::size_t found, std::int64_t expected) {
  if (found != size(expected))
    throw Error(ErrorCode::shape, std::string(what) + " has " + std::to_string(found) + " elements, expected " +
                                      std::to_string(expected));
}

// Number of draws in z [S, D].
std::int64_t draws_in(const char* what, std::size_t found, std::int64_t dimension) {
  if (found % size(dimension) != 0)
    throw Error(ErrorCode::shape, std::string(what) + " has " + std::to_string(found) +
                                      " elements, expected a multiple of the dimension, " + std::to_string(dimension));
  return static_cast<std::int64_t>(found) / dimension;
}

// Where element (i, j), j <= i, of the factor is in lambda.
std::size_t factor_index(std::int64_t dimension, std::int64_t i, std::int64_t j) {
  return size(dimension + i * (i + 1) / 2 + j);
}

}  // namespace

GaussianFamily::GaussianFamily(FamilyKind kind, std::int64_t dimension) : kind_(kind), dimension_(dimension) {
  if (kind == FamilyKind::automatic)
    throw Error(ErrorCode::argument, "family is auto, expected mean_field or full_rank");
  if (dimension < 1)
    throw Error(ErrorCode::argument, "dimension of a family is " + std::to_string(dimension) + ", expected 1 or more");
}

std::int64_t GaussianFamily::n_params() const noexcept {
  return kind_ == FamilyKind::mean_field ? 2 * dimension_ : dimension_ + dimension_ * (dimension_ + 1) / 2;
}

std::vector<double> GaussianFamily::pack(std::span<const double> mean, std::span<const double> scale) const {
  const std::int64_t d = dimension_;
  expect_size("mean", mean.size(), d);
  expect_size("scale", scale.size(), kind_ == FamilyKind::mean_field ? d : d * d);
  std::vector<double> lambda(size(n_params()));
  for (std::int64_t i = 0; i < d; ++i) lambda[size(i)] = mean[size(i)];
  for (std::int64_t i = 0; i < d; ++i) {
    if (kind_ == FamilyKind::mean_field) {
      lambda[size(d + i)] = std::log(scale[size(i)]);
      continue;
    }
    for (std::int64_t j = 0; j <= i; ++j) {
      const double l = scale[size(i * d + j)];
      lambda[factor_index(d, i, j)] = i == j ? std::log(l) : l;
    }
  }
  return lambda;
}

std::vector<double> GaussianFamily::scale(std::span<const double> lambda) const {
  const std::int64_t d = dimension_;
  expect_size("lambda", lambda.size(), n_params());
  std::vector<double> out(size(kind_ == FamilyKind::mean_field ? d : d * d), 0.0);
  for (std::int64_t i = 0; i < d; ++i) {
    if (kind_ == FamilyKind::mean_field) {
      out[size(i)] = std::exp(lambda[size(d + i)]);
      continue;
    }
    for (std::int64_t j = 0; j <= i; ++j) {
      const double l = lambda[factor_index(d, i, j)];
      out[size(i * d + j)] = i == j ? std::exp(l) : l;
    }
  }
  return out;
}

std::vector<double> GaussianFamily::sd(std::span<const double> lambda) const {
  const std::int64_t d = dimension_;
  std::vector<double> out = scale(lambda);
  if (kind_ == FamilyKind::mean_field) return out;
  std::vector<double> sds(size(d));
  for (std::int64_t i = 0; i < d; ++i) {
    double sum = 0;
    for (std::int64_t j = 0; j <= i; ++j) sum += out[size(i * d + j)] * out[size(i * d + j)];
    sds[size(i)] = std::sqrt(sum);
  }
  return sds;
}

std::vector<double> GaussianFamily::covariance(std::span<const double> lambda) const {
  const std::int64_t d = dimension_;
  const std::vector<double> l = scale(lambda);
  std::vector<double> out(size(d * d), 0.0);
  for (std::int64_t i = 0; i < d; ++i) {
    if (kind_ == FamilyKind::mean_field) {
      out[size(i * d + i)] = l[size(i)] * l[size(i)];
      continue;
    }
    for (std::int64_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k <= j; ++k) sum += l[size(i * d + k)] * l[size(j * d + k)];
      out[size(i * d + j)] = out[size(j * d + i)] = sum;
    }
  }
  return out;
}

void GaussianFamily::sample(std::span<const double> lambda, std::span<const double> eps, std::span<double> z) const {
  const std::int64_t d = dimension_;
  const std::int64_t n = draws_in("eps", eps.size(), d);
  expect_size("z", z.size(), n * d);
  const std::vector<double> l = scale(lambda);
  for (std::int64_t s = 0; s < n; ++s)
    for (std::int64_t i = d - 1; i >= 0; --i) {  // downwards: z may be eps, and row i needs eps 0 .. i
      double value = lambda[size(i)];
      if (kind_ == FamilyKind::mean_field) {
        value += l[size(i)] * eps[size(s * d + i)];
      } else {
        for (std::int64_t j = 0; j <= i; ++j) value += l[size(i * d + j)] * eps[size(s * d + j)];
      }
      z[size(s * d + i)] = value;
    }
}

void GaussianFamily::log_prob(std::span<const double> lambda, std::span<const double> z, std::span<double> out) const {
  const std::int64_t d = dimension_;
  const std::int64_t n = draws_in("z", z.size(), d);
  expect_size("out", out.size(), n);
  const std::vector<double> l = scale(lambda);
  const double constant = 0.5 * static_cast<double>(d) - entropy(lambda);  // -D/2 log 2 pi - log |L|
  std::vector<double> eps(size(d));
  for (std::int64_t s = 0; s < n; ++s) {
    double squares = 0;
    for (std::int64_t i = 0; i < d; ++i) {  // eps = L^-1 (z - mu), by forward substitution
      double value = z[size(s * d + i)] - lambda[size(i)];
      if (kind_ == FamilyKind::mean_field) {
        value /= l[size(i)];
      } else {
        for (std::int64_t j = 0; j < i; ++j) value -= l[size(i * d + j)] * eps[size(j)];
        value /= l[size(i * d + i)];
      }
      eps[size(i)] = value;
      squares += value * value;
    }
    out[size(s)] = constant - 0.5 * squares;
  }
}

double GaussianFamily::entropy(std::span<const double> lambda) const {
  const std::int64_t d = dimension_;
  expect_size("lambda", lambda.size(), n_params());
  double log_determinant = 0;
  for (std::int64_t i = 0; i < d; ++i)
    log_determinant += kind_ == FamilyKind::mean_field ? lambda[size(d + i)] : lambda[factor_index(d, i, i)];
  return 0.5 * static_cast<double>(d) * (1 + std::log(2 * std::numbers::pi)) + log_determinant;
}

void GaussianFamily::pullback(std::span<const double> lambda, std::span<const double> eps,
                              std::span<const double> grad_z, double entropy_weight, std::span<double> gradient) const {
  const std::int64_t d = dimension_;
  const std::int64_t n = draws_in("eps", eps.size(), d);
  expect_size("grad_z", grad_z.size(), n * d);
  expect_size("lambda", lambda.size(), n_params());
  expect_size("gradient", gradient.size(), n_params());
  for (std::int64_t i = 0; i < d; ++i) {
    for (std::int64_t s = 0; s < n; ++s) gradient[size(i)] += grad_z[size(s * d + i)];
    for (std::int64_t j = kind_ == FamilyKind::mean_field ? i : 0; j <= i; ++j) {
      const std::size_t at = kind_ == FamilyKind::mean_field ? size(d + i) : factor_index(d, i, j);
      double sum = 0;
      for (std::int64_t s = 0; s < n; ++s) sum += grad_z[size(s * d + i)] * eps[size(s * d + j)];
      // Diagonal elements are stored as logarithms: the chain rule multiplies by the element; the entropy adds 1.
      gradient[at] += i == j ? sum * std::exp(lambda[at]) + entropy_weight : sum;
    }
  }
}

}  // namespace velbo
