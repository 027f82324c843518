// families/gaussian_family.cpp - mean-field, full-rank and low-rank Gaussians as maps over lambda.
#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <numbers>
#include <string>

#include "families/low_rank.h"
#include "velbo/error.h"
#include "velbo/family.h"

namespace velbo {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstRows = Eigen::Map<const RowMajor>;
using Vector = Eigen::Map<const Eigen::VectorXd>;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

void expect_size(const char* what, std::size_t found, std::int64_t expected) {
  if (found != size(expected))
    throw Error(ErrorCode::shape, std::string(what) + " has " + std::to_string(found) + " elements, expected " +
                                      std::to_string(expected));
}

// Number of rows in a matrix of `width` columns.
std::int64_t rows_in(const char* what, std::size_t found, std::int64_t width) {
  if (found % size(width) != 0)
    throw Error(ErrorCode::shape, std::string(what) + " has " + std::to_string(found) +
                                      " elements, expected a multiple of " + std::to_string(width));
  return static_cast<std::int64_t>(found) / width;
}

// Where element (i, j), j <= i, of a full-rank factor is in lambda.
std::size_t factor_index(std::int64_t dimension, std::int64_t i, std::int64_t j) {
  return size(dimension + i * (i + 1) / 2 + j);
}

}  // namespace

GaussianFamily::GaussianFamily(FamilyKind kind, std::int64_t dimension, std::int64_t rank)
    : kind_(kind), dimension_(dimension), rank_(rank) {
  if (kind == FamilyKind::automatic)
    throw Error(ErrorCode::argument, "family is auto, expected mean_field, full_rank or low_rank");
  if (dimension < 1)
    throw Error(ErrorCode::argument, "dimension of a family is " + std::to_string(dimension) + ", expected 1 or more");
  const bool right = kind == FamilyKind::low_rank ? rank >= 1 && rank <= dimension : rank == 0;
  if (!right)
    throw Error(ErrorCode::argument,
                "rank of a family is " + std::to_string(rank) + ", expected " +
                    (kind == FamilyKind::low_rank ? "1 to the dimension, " + std::to_string(dimension) : "0"));
}

std::int64_t GaussianFamily::n_scale() const noexcept {
  return kind_ == FamilyKind::full_rank ? dimension_ * dimension_ : dimension_ * (1 + rank_);
}

std::int64_t GaussianFamily::n_params() const noexcept {
  return dimension_ + (kind_ == FamilyKind::full_rank ? dimension_ * (dimension_ + 1) / 2 : dimension_ * (1 + rank_));
}

std::vector<double> GaussianFamily::pack(std::span<const double> mean, std::span<const double> scale) const {
  const std::int64_t d = dimension_;
  expect_size("mean", mean.size(), d);
  expect_size("scale", scale.size(), n_scale());
  std::vector<double> lambda(size(n_params()));
  for (std::int64_t i = 0; i < d; ++i) lambda[size(i)] = mean[size(i)];
  for (std::int64_t i = 0; i < d; ++i) {
    if (kind_ == FamilyKind::full_rank) {
      for (std::int64_t j = 0; j <= i; ++j) {
        const double l = scale[size(i * d + j)];
        lambda[factor_index(d, i, j)] = i == j ? std::log(l) : l;
      }
      continue;
    }
    lambda[size(d + i)] = std::log(scale[size(i * (1 + rank_))]);
    for (std::int64_t r = 0; r < rank_; ++r) lambda[size(2 * d + i * rank_ + r)] = scale[size(i * (1 + rank_) + 1 + r)];
  }
  return lambda;
}

std::vector<double> GaussianFamily::scale(std::span<const double> lambda) const {
  const std::int64_t d = dimension_;
  expect_size("lambda", lambda.size(), n_params());
  std::vector<double> out(size(n_scale()), 0.0);
  for (std::int64_t i = 0; i < d; ++i) {
    if (kind_ == FamilyKind::full_rank) {
      for (std::int64_t j = 0; j <= i; ++j) {
        const double l = lambda[factor_index(d, i, j)];
        out[size(i * d + j)] = i == j ? std::exp(l) : l;
      }
      continue;
    }
    out[size(i * (1 + rank_))] = std::exp(lambda[size(d + i)]);
    for (std::int64_t r = 0; r < rank_; ++r) out[size(i * (1 + rank_) + 1 + r)] = lambda[size(2 * d + i * rank_ + r)];
  }
  return out;
}

std::vector<double> GaussianFamily::sd(std::span<const double> lambda) const {
  const std::vector<double> l = scale(lambda);
  const ConstRows rows(l.data(), dimension_, n_scale() / dimension_);
  std::vector<double> out(size(dimension_));
  Eigen::Map<Eigen::VectorXd>(out.data(), dimension_) =
      rows.rowwise().norm();  // cov = rows rows', but for MF's diagonal
  return out;
}

std::vector<double> GaussianFamily::covariance(std::span<const double> lambda) const {
  const std::int64_t d = dimension_;
  const std::vector<double> l = scale(lambda);
  const ConstRows rows(l.data(), d, n_scale() / d);
  std::vector<double> out(size(d * d), 0.0);
  Eigen::Map<RowMajor> covariance(out.data(), d, d);
  if (kind_ == FamilyKind::full_rank) {
    covariance = rows * rows.transpose();
  } else {
    covariance = rows.rightCols(rank_) * rows.rightCols(rank_).transpose();
    covariance.diagonal() += rows.col(0).cwiseAbs2();
  }
  return out;
}

void GaussianFamily::sample(std::span<const double> lambda, std::span<const double> eps, std::span<double> z) const {
  const std::int64_t d = dimension_;
  const std::int64_t n = rows_in("eps", eps.size(), n_noise());
  expect_size("z", z.size(), n * d);
  const std::vector<double> l = scale(lambda);
  for (std::int64_t s = 0; s < n; ++s)
    for (std::int64_t i = d - 1; i >= 0; --i) {  // downwards: z may be eps, and row i needs eps 0 .. i
      double value = lambda[size(i)];
      if (kind_ == FamilyKind::full_rank) {
        for (std::int64_t j = 0; j <= i; ++j) value += l[size(i * d + j)] * eps[size(s * d + j)];
      } else {
        const double* row = l.data() + i * (1 + rank_);
        const double* noise = eps.data() + s * n_noise();
        value += row[0] * noise[i];
        for (std::int64_t r = 0; r < rank_; ++r) value += row[1 + r] * noise[d + r];
      }
      z[size(s * d + i)] = value;
    }
}

void GaussianFamily::log_prob(std::span<const double> lambda, std::span<const double> z, std::span<double> out) const {
  const std::int64_t d = dimension_;
  const std::int64_t n = rows_in("z", z.size(), d);
  expect_size("out", out.size(), n);
  const std::vector<double> l = scale(lambda);
  const double constant = 0.5 * static_cast<double>(d) - entropy(lambda);  // -D/2 log 2 pi - log |Sigma| / 2
  const ConstRows rows(l.data(), d, n_scale() / d);
  const RowMajor difference = ConstRows(z.data(), n, d).rowwise() - Vector(lambda.data(), d).transpose();
  Eigen::Map<Eigen::VectorXd> result(out.data(), n);
  switch (kind_) {
    case FamilyKind::full_rank: {
      const RowMajor eps = rows.triangularView<Eigen::Lower>().solve(difference.transpose()).transpose();
      result = constant - 0.5 * eps.rowwise().squaredNorm().array();
      return;
    }
    case FamilyKind::low_rank: {
      const internal::LowRankInverse inverse(rows.col(0), rows.rightCols(rank_));
      for (std::int64_t s = 0; s < n; ++s) {
        const Eigen::VectorXd r = difference.row(s);
        result[s] = constant - 0.5 * r.dot(inverse.times(r).col(0));
      }
      return;
    }
    default:
      result = constant - 0.5 * (difference * rows.col(0).cwiseInverse().asDiagonal()).rowwise().squaredNorm().array();
  }
}

double GaussianFamily::entropy(std::span<const double> lambda) const {
  const std::int64_t d = dimension_;
  expect_size("lambda", lambda.size(), n_params());
  double log_determinant = 0;  // of the factor: half of Sigma's
  if (kind_ == FamilyKind::low_rank) {
    const std::vector<double> l = scale(lambda);
    const ConstRows rows(l.data(), d, 1 + rank_);
    log_determinant = internal::LowRankInverse(rows.col(0), rows.rightCols(rank_)).half_log_determinant();
  } else {
    for (std::int64_t i = 0; i < d; ++i)
      log_determinant += kind_ == FamilyKind::mean_field ? lambda[size(d + i)] : lambda[factor_index(d, i, i)];
  }
  return 0.5 * static_cast<double>(d) * (1 + std::log(2 * std::numbers::pi)) + log_determinant;
}

void GaussianFamily::pullback(std::span<const double> lambda, std::span<const double> eps,
                              std::span<const double> grad_z, double entropy_weight, std::span<double> gradient) const {
  const std::int64_t d = dimension_;
  const std::int64_t n = rows_in("eps", eps.size(), n_noise());
  expect_size("grad_z", grad_z.size(), n * d);
  expect_size("lambda", lambda.size(), n_params());
  expect_size("gradient", gradient.size(), n_params());
  const ConstRows noise(eps.data(), n, n_noise()), g(grad_z.data(), n, d);
  Eigen::Map<Eigen::VectorXd>(gradient.data(), d) += g.colwise().sum().transpose();
  // Diagonal elements are stored as logarithms: the chain rule multiplies by the element.
  if (kind_ == FamilyKind::full_rank) {
    const RowMajor outer = g.transpose() * noise;
    for (std::int64_t i = 0; i < d; ++i)
      for (std::int64_t j = 0; j <= i; ++j) {
        const std::size_t at = factor_index(d, i, j);
        gradient[at] += i == j ? outer(i, i) * std::exp(lambda[at]) + entropy_weight : outer(i, j);
      }
    return;
  }
  for (std::int64_t i = 0; i < d; ++i)
    gradient[size(d + i)] += g.col(i).dot(noise.col(i)) * std::exp(lambda[size(d + i)]);
  if (kind_ == FamilyKind::mean_field) {
    for (std::int64_t i = 0; i < d; ++i) gradient[size(d + i)] += entropy_weight;
    return;
  }
  Eigen::Map<RowMajor> loadings(gradient.data() + 2 * d, d, rank_);
  loadings += g.transpose() * noise.rightCols(rank_);
  if (entropy_weight == 0) return;
  const std::vector<double> l = scale(lambda);
  const ConstRows rows(l.data(), d, 1 + rank_);
  const internal::LowRankInverse inverse(rows.col(0), rows.rightCols(rank_));
  const Eigen::VectorXd diagonal = inverse.diagonal();
  for (std::int64_t i = 0; i < d; ++i) gradient[size(d + i)] += entropy_weight * diagonal[i] * rows(i, 0) * rows(i, 0);
  loadings += entropy_weight * inverse.times(rows.rightCols(rank_));
}

}  // namespace velbo
