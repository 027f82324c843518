// models/row_oracle.cpp
#include "models/row_oracle.h"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>

#include "math/prior_expectations.h"
#include "models/conjugate_gradients.h"
#include "models/expected_prior.h"
#include "models/log_joint.h"

namespace velbo::internal {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// A dense curvature matrix of a mean-field fit is formed up to this dimension (8 MB in double).
constexpr Eigen::Index kDenseCurvature = 1000;

}  // namespace

template <class T>
RowOracle<T>::RowOracle(const GlmData& data, const Context& context, FamilyKind family)
    : data_(data), context_(context), centring_(fit_centring(data, family)), kept_(data, context, centring_) {}

template <class T>
RowOracle<T>::RowOracle(const RowOracle& whole, KeptRows<T> kept)
    : data_(whole.data_), context_(whole.context_), centring_(whole.centring_), kept_(std::move(kept)) {}

template <class T>
std::unique_ptr<ExpectedLogJointOracle> RowOracle<T>::subsample(std::int64_t wanted, Key key) const {
  return std::unique_ptr<ExpectedLogJointOracle>(new RowOracle(*this, kept_.subsample(wanted, key)));
}

// Bernoulli and binomial: the prior's mean, and the largest curvature that their likelihood has anywhere (1/4 a trial).
// Poisson: one weighted least-squares step from log(y + 1/2), because e^eta has no largest curvature (methods of
// iteratively reweighted least squares, McCullagh and Nelder 1989, section 2.5).
template <class T>
GaussianPoint RowOracle<T>::start(FamilyKind family) {
  const Rows<T> r = rows();
  const Eigen::Index d = r.n_columns();
  const bool poisson = data_.recipe.likelihood == Likelihood::poisson;
  Array<T> c(context_.device(), r.n_rows), working(context_.device(), r.n_rows);
  context_.ops<T>().starting_curvature(context_, r, c.data(), working.data());
  const Eigen::VectorXd precision = prior_precisions(data_);
  GaussianPoint point{family, prior_locations(data_), {}};
  count_pass();
  if (family != FamilyKind::full_rank && d > kDenseCurvature) {
    Eigen::VectorXd diagonal = Eigen::VectorXd::Zero(d);
    context_.ops<T>().weighted_gram(context_, r, c.data(), nullptr, true, diagonal.data(), nullptr);
    Eigen::VectorXd by_model(d);
    for (Eigen::Index k = 0; k < d; ++k) by_model[centring_.source(k)] = diagonal[k];
    point.factor = (by_model + precision).cwiseMax(1e-12).cwiseSqrt().cwiseInverse();
    return point;
  }
  RowMajor gram = RowMajor::Zero(d, d);
  Eigen::VectorXd moment = Eigen::VectorXd::Zero(d);
  context_.ops<T>().weighted_gram(context_, r, c.data(), working.data(), false, gram.data(), moment.data());
  Eigen::MatrixXd full = gram.template selfadjointView<Eigen::Lower>();
  Eigen::MatrixXd p = centring_.curvature_to_model(full);
  p.diagonal() += precision;
  // Columns without data or prior get a little precision, so that the start exists; the fit then finds out.
  const Eigen::VectorXd scale = p.diagonal().cwiseMax(1e-12);
  p.diagonal() += 1e-10 * scale;
  const Eigen::LLT<Eigen::MatrixXd> cholesky(p);
  if (poisson)
    point.mean =
        cholesky.solve(Eigen::VectorXd(centring_.gradient_to_model(moment) + precision.cwiseProduct(point.mean)));
  if (family != FamilyKind::full_rank) {  // low rank: without loadings yet
    point.factor = p.diagonal().cwiseSqrt().cwiseInverse();
  } else {
    point.factor = Eigen::LLT<Eigen::MatrixXd>(cholesky.solve(Eigen::MatrixXd::Identity(d, d))).matrixL();
  }
  return point;
}

template <class T>
ExpectedLogJoint RowOracle<T>::evaluate(const GaussianPoint& point, bool derivatives) {
  const Rows<T> r = rows();
  const Eigen::Index d = r.n_columns();
  const bool full = point.family == FamilyKind::full_rank;
  const Eigen::Index rank = point.rank();
  Eigen::VectorXd gradient = Eigen::VectorXd::Zero(d);
  RowMajor curvature = RowMajor::Zero(d, full ? d : 1), product(d, rank);
  RowSums<T> sums;
  if (derivatives) {
    sums.gradient = gradient.data();
    (full ? sums.gram : sums.diagonal) = curvature.data();
    if (rank > 0) sums.factor_product = product.data();
  }
  const Eigen::VectorXd mean = centring_.to_kept(point.mean);
  const RowMajor factor = centring_.to_kept(point.factor);
  if (full) {
    context_.ops<T>().expected_log_likelihood(context_, r, mean.data(), {.factor = factor.data(), .rank = d}, {}, sums);
  } else {
    if (curvature_rows_.size() == 0) curvature_rows_ = Array<T>(context_.device(), r.n_rows);
    curvature_point_ = point;
    dense_.reset();
    sums.curvature_rows = curvature_rows_.data();
    const Eigen::VectorXd sd = factor.col(0);
    const RowMajor loadings = factor.rightCols(rank);
    context_.ops<T>().expected_log_likelihood(
        context_, r, mean.data(), {.sd = sd.data(), .factor = rank > 0 ? loadings.data() : nullptr, .rank = rank}, {},
        sums);
  }
  count_pass();
  ExpectedLogJoint out;
  out.value = sums.value + data_.log_normaliser;
  if (derivatives) {
    out.gradient = centring_.gradient_to_model(gradient);
    if (full) {
      const Eigen::MatrixXd whole = curvature.template selfadjointView<Eigen::Lower>();
      out.curvature = centring_.curvature_to_model(whole);
    } else {
      out.curvature.resize(d, 1 + rank);
      out.curvature.col(0) = centring_.to_model(curvature);
      if (rank > 0) out.curvature.rightCols(rank) = centring_.to_model(product);
    }
  }
  add_expected_prior(data_, point, derivatives, out);
  // Rounding of the rows' terms: they are summed in double, so their errors, not the sum's, are what counts.
  out.slack =
      4 * static_cast<double>(std::numeric_limits<T>::epsilon()) * sums.absolute + 1e-12 * (1 + std::abs(out.value));
  return out;
}

template <class T>
void RowOracle<T>::need_curvature_rows(const GaussianPoint& point) {
  const bool there = curvature_rows_.size() > 0 && curvature_point_.mean == point.mean &&
                     curvature_point_.factor.cols() == point.factor.cols() && curvature_point_.factor == point.factor;
  if (there) return;
  // Only after a step back or a resume; not counted, so that a resumed fit counts as an uninterrupted one.
  const std::int64_t before = rows_read_;
  static_cast<void>(evaluate(point, false));
  rows_read_ = before;
}

template <class T>
std::optional<Eigen::MatrixXd> RowOracle<T>::dense_curvature(const GaussianPoint& point) {
  const Rows<T> r = rows();
  const Eigen::Index d = r.n_columns();
  if (d > kDenseCurvature) return std::nullopt;
  if (point.family == FamilyKind::full_rank) {
    Eigen::MatrixXd p = evaluate(point, true).curvature;
    p.diagonal() -= expected_prior_curvature(data_, point).cwiseMin(0.0);
    return p;
  }
  need_curvature_rows(point);
  if (dense_) return dense_;
  RowMajor gram = RowMajor::Zero(d, d);
  context_.ops<T>().weighted_gram(context_, r, curvature_rows_.data(), nullptr, false, gram.data(), nullptr);
  count_pass();
  const Eigen::MatrixXd full = gram.template selfadjointView<Eigen::Lower>();
  Eigen::MatrixXd p = centring_.curvature_to_model(full);
  p.diagonal() += expected_prior_curvature(data_, point).cwiseMax(0.0);
  dense_ = std::move(p);
  return dense_;
}

template <class T>
Eigen::VectorXd RowOracle<T>::solve_curvature(const GaussianPoint& point, const Eigen::VectorXd& right,
                                              double relative_tolerance) {
  const Rows<T> r = rows();
  const Eigen::Index d = r.n_columns();
  if (d <= kDenseCurvature) return Eigen::LDLT<Eigen::MatrixXd>(*dense_curvature(point)).solve(right);
  need_curvature_rows(point);
  const Eigen::VectorXd prior_curvature = expected_prior_curvature(data_, point).cwiseMax(0.0);
  const auto product = [&](const Eigen::VectorXd& v) {
    const Eigen::VectorXd kept_v = centring_.to_kept(v);
    Eigen::VectorXd kept(d);
    context_.ops<T>().curvature_product(context_, r, curvature_rows_.data(), kept_v.data(), kept.data());
    count_pass();
    return Eigen::VectorXd(centring_.gradient_to_model(kept) + prior_curvature.cwiseProduct(v));
  };
  const Eigen::VectorXd diagonal = point.factor.col(0).cwiseAbs2();  // about the inverse of the matrix's diagonal
  return conjugate_gradients(product, diagonal, right, relative_tolerance);
}

template <class T>
Eigen::VectorXd RowOracle<T>::log_likelihood(const Eigen::MatrixXd& kept_draws) const {
  const RowMajor z = kept_draws;
  Eigen::VectorXd out(z.rows());
  context_.ops<T>().log_likelihood(context_, rows(), z.data(), z.rows(), out.data());
  return out;
}

// The quadratic expansion of the log likelihood at the mean: at sd 0 an "expected" log likelihood is the log likelihood
// itself, with its gradient and Hessian.
template <class T>
Eigen::VectorXd RowOracle<T>::expansion(const Eigen::VectorXd& kept_mean, const Eigen::MatrixXd& kept_draws) const {
  const Eigen::Index d = kept_mean.size();
  Eigen::VectorXd gradient = Eigen::VectorXd::Zero(d);
  RowMajor curvature = RowMajor::Zero(d, d);
  RowSums<T> sums;
  sums.gradient = gradient.data();
  sums.gram = curvature.data();
  context_.ops<T>().expected_log_likelihood(context_, rows(), kept_mean.data(), {}, {}, sums);
  const Eigen::MatrixXd full = curvature.template selfadjointView<Eigen::Lower>();
  const Eigen::MatrixXd difference = kept_draws.rowwise() - kept_mean.transpose();
  const Eigen::VectorXd quadratic = (difference * full).cwiseProduct(difference).rowwise().sum();
  return (difference * gradient - 0.5 * quadratic).array() + sums.value;
}

// All rows where that is affordable.  Else the log likelihood is its quadratic expansion at the mean, exact over all
// rows, plus the remainder on a subsample of rows, which is small near the mean and stands for all: a difference
// estimator (control variate).
template <class T>
LogJointDraws RowOracle<T>::log_joint(const GaussianPoint& point, const Eigen::MatrixXd& draws, double row_draws,
                                      Key key) {
  const auto n_draws = static_cast<double>(draws.rows());
  const Eigen::MatrixXd kept_draws = centring_.to_kept(draws.transpose()).transpose();
  LogJointDraws out;
  const auto n = static_cast<double>(n_rows());
  if (n * n_draws <= row_draws) {
    out.value = log_likelihood(kept_draws);
    out.method = "all rows";
  } else {
    const std::int64_t some = std::clamp<std::int64_t>(static_cast<std::int64_t>(row_draws / n_draws),
                                                       std::min<std::int64_t>(1000, n_rows()), n_rows());
    const RowOracle part(*this, kept_.subsample(some, key));
    const Eigen::VectorXd kept_mean = centring_.to_kept(point.mean);
    out.value =
        expansion(kept_mean, kept_draws) + part.log_likelihood(kept_draws) - part.expansion(kept_mean, kept_draws);
    out.method = fmt::format("{} of {} rows, as a correction to the quadratic expansion over all", some, n_rows());
  }
  std::vector<double> z(static_cast<std::size_t>(draws.cols()));
  for (Eigen::Index s = 0; s < draws.rows(); ++s) {
    Eigen::VectorXd::Map(z.data(), draws.cols()) = draws.row(s);
    out.value[s] += data_.log_normaliser + log_prior(data_, z);
  }
  return out;
}

template class RowOracle<float>;
template class RowOracle<double>;

}  // namespace velbo::internal
