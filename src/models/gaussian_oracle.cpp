// models/gaussian_oracle.cpp
#include "models/gaussian_oracle.h"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <cmath>
#include <limits>
#include <numbers>

#include "models/expected_prior.h"
#include "models/kept_rows.h"
#include "models/log_joint.h"

namespace velbo::internal {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Solutions of G b = moment for a semi-definite G: directions whose eigenvalue is rounding noise (after scaling to unit
// diagonal) are left at zero.
class LeastSquares {
 public:
  explicit LeastSquares(const Eigen::MatrixXd& gram)
      : scale_(gram.diagonal().unaryExpr([](double g) { return g > 0 ? 1 / std::sqrt(g) : 0.0; })),
        eigen_(Eigen::MatrixXd(scale_.asDiagonal() * gram * scale_.asDiagonal())) {
    const double least = 1e-13 * static_cast<double>(gram.rows()) * std::max(1e-300, eigen_.eigenvalues().maxCoeff());
    inverse_ = eigen_.eigenvalues().unaryExpr([&](double e) { return e > least ? 1 / e : 0.0; });
  }
  [[nodiscard]] Eigen::VectorXd solve(const Eigen::VectorXd& moment) const {
    const Eigen::VectorXd rotated = eigen_.eigenvectors().transpose() * scale_.cwiseProduct(moment);
    return scale_.cwiseProduct(eigen_.eigenvectors() * inverse_.cwiseProduct(rotated));
  }

 private:
  Eigen::VectorXd scale_;
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen_;
  Eigen::VectorXd inverse_;
};

}  // namespace

GaussianOracle::GaussianOracle(const GlmData& data, const Context& context, FamilyKind family)
    : data_(data), centring_(fit_centring(data, family)) {
  const Eigen::Index d = data.n_columns;
  const KeptRows<double> kept(data, context, centring_);
  const Rows<double> rows = kept.rows();
  Array<double> weights(context.device(), rows.n_rows), weighted_y(context.device(), rows.n_rows);
  for (std::size_t n = 0; n < data.y.size(); ++n) {
    const double weight = data.weights.empty() ? 1 : data.weights[n];
    count_ += data.recipe.weights_kind == WeightsKind::precision ? (weight > 0 ? 1 : 0) : weight;
  }
  RowMajor gram = RowMajor::Zero(d, d);
  Eigen::VectorXd moment = Eigen::VectorXd::Zero(d);
  const auto& ops = context.ops<double>();
  ops.starting_curvature(context, rows, weights.data(), weighted_y.data());
  ops.weighted_gram(context, rows, weights.data(), weighted_y.data(), false, gram.data(), moment.data());
  gram_ = gram.selfadjointView<Eigen::Lower>();
  const LeastSquares normal_equations(gram_);
  centre_ = normal_equations.solve(moment);
  centre_ +=
      normal_equations.solve(moment - gram_ * centre_);  // one refinement: G is formed, so its condition is squared
  double half_rss = 0;
  ops.log_likelihood(context, rows, centre_.data(), 1, &half_rss);
  rss_ = -2 * half_rss;
  rows_read_ += 2 * rows.n_rows;
}

std::unique_ptr<ExpectedLogJointOracle> GaussianOracle::subsample(std::int64_t /*rows*/, Key /*key*/) const {
  return nullptr;
}

GaussianPoint GaussianOracle::start(FamilyKind family) {
  const Eigen::Index d = data_.n_columns;
  // sigma from the residuals, or from its prior's scale where they leave none (as many columns as rows).
  const Prior& prior = data_.priors[static_cast<std::size_t>(d)].prior;
  double variance = rss_ / std::max(count_, 1.0);
  if (!(variance > 1e-12 * prior.scale * prior.scale) || !std::isfinite(variance)) variance = prior.scale * prior.scale;
  GaussianPoint point{family, Eigen::VectorXd::Zero(d + 1), {}};
  Eigen::MatrixXd precision = Eigen::MatrixXd::Zero(d + 1, d + 1);
  precision.topLeftCorner(d, d) = centring_.curvature_to_model(gram_ / variance);
  precision.diagonal() += prior_precisions(data_);
  const Eigen::VectorXd data_part = centring_.gradient_to_model(gram_ * centre_ / variance);
  precision(d, d) = 2 * std::max(count_, 1.0);
  precision.diagonal() += 1e-10 * precision.diagonal().cwiseMax(1e-12);
  const Eigen::LLT<Eigen::MatrixXd> cholesky(precision);
  Eigen::VectorXd right = prior_precisions(data_).cwiseProduct(prior_locations(data_));
  right.head(d) += data_part;
  point.mean = cholesky.solve(right);
  point.mean[d] = 0.5 * std::log(variance);
  if (family != FamilyKind::full_rank) {
    point.factor = precision.diagonal().cwiseSqrt().cwiseInverse();
  } else {
    point.factor = Eigen::LLT<Eigen::MatrixXd>(cholesky.solve(Eigen::MatrixXd::Identity(d + 1, d + 1))).matrixL();
  }
  return point;
}

ExpectedLogJoint GaussianOracle::likelihood(const GaussianPoint& point) const {
  const Eigen::Index d = data_.n_columns;
  const double u = point.mean[d];
  Eigen::VectorXd shift = Eigen::VectorXd::Zero(d);  // S_beta,u, in kept order
  double variance_u = 0, trace = 0;
  if (point.family != FamilyKind::full_rank) {
    variance_u = point.factor.row(d).squaredNorm();
    for (Eigen::Index k = 0; k < d; ++k) {
      const double sd = point.factor(centring_.source(k), 0);
      trace += gram_(k, k) * sd * sd;
    }
    if (point.rank() > 0) {
      const Eigen::MatrixXd loadings = centring_.to_kept(point.factor.topRightCorner(d, point.rank()));
      shift = loadings * point.factor.row(d).tail(point.rank()).transpose();
      trace += (gram_ * loadings).cwiseProduct(loadings).sum();
    }
  } else {
    const Eigen::MatrixXd factor = centring_.to_kept(point.factor.topRows(d));
    shift = factor * point.factor.row(d).transpose();
    variance_u = point.factor.row(d).squaredNorm();
    trace = (gram_ * factor).cwiseProduct(factor).sum();
  }
  const Eigen::VectorXd mean = centring_.to_kept(point.mean.head(d));
  const Eigen::VectorXd difference = mean - 2 * shift - centre_;
  const Eigen::VectorXd pull = gram_ * difference;
  const double a = std::exp(-2 * u + 2 * variance_u);
  const double squares = rss_ + difference.dot(pull) + trace;
  ExpectedLogJoint out;
  out.value = data_.log_normaliser - count_ * (u + 0.5 * std::log(2 * std::numbers::pi)) - 0.5 * a * squares;
  out.slack = 1e-12 * (std::abs(out.value) + a * squares + count_);
  out.gradient = Eigen::VectorXd::Zero(d + 1);
  out.gradient.head(d) = centring_.gradient_to_model(-a * pull);
  out.gradient[d] = -count_ + a * squares;
  out.curvature = Eigen::MatrixXd::Zero(d + 1, d + 1);
  out.curvature.topLeftCorner(d, d) = centring_.curvature_to_model(a * gram_);
  const Eigen::VectorXd cross = centring_.gradient_to_model(-2 * a * pull);
  out.curvature.topRightCorner(d, 1) = cross;
  out.curvature.bottomLeftCorner(1, d) = cross.transpose();
  out.curvature(d, d) = 2 * a * squares;
  return out;
}

ExpectedLogJoint GaussianOracle::evaluate(const GaussianPoint& point, bool derivatives) {
  ExpectedLogJoint out = likelihood(point);
  out.curvature = in_layout_of(point, out.curvature);
  add_expected_prior(data_, point, derivatives, out);
  return out;
}

std::optional<Eigen::MatrixXd> GaussianOracle::dense_curvature(const GaussianPoint& point) {
  ExpectedLogJoint full = likelihood(point);
  Eigen::MatrixXd curvature = full.curvature;
  curvature.diagonal() += expected_prior_curvature(data_, point).cwiseMax(0.0);
  if (Eigen::LDLT<Eigen::MatrixXd>(curvature).isPositive()) return curvature;
  // Far from the optimum beta and log sigma may be coupled more than they are curved: without the coupling it is
  // positive definite.
  const Eigen::Index d = data_.n_columns;
  curvature.topRightCorner(d, 1).setZero();
  curvature.bottomLeftCorner(1, d).setZero();
  return curvature;
}

Eigen::VectorXd GaussianOracle::solve_curvature(const GaussianPoint& point, const Eigen::VectorXd& right,
                                                double /*relative_tolerance*/) {
  return Eigen::LDLT<Eigen::MatrixXd>(*dense_curvature(point)).solve(right);
}

LogJointDraws GaussianOracle::log_joint(const GaussianPoint& /*point*/, const Eigen::MatrixXd& draws,
                                        double /*row_draws*/, Key /*key*/) {
  const Eigen::Index d = data_.n_columns;
  const Eigen::MatrixXd kept = centring_.to_kept(draws.leftCols(d).transpose());
  LogJointDraws out{Eigen::VectorXd(draws.rows()), "all rows"};
  std::vector<double> z(static_cast<std::size_t>(d + 1));
  const Eigen::MatrixXd difference = kept.colwise() - centre_;
  const Eigen::MatrixXd image = gram_ * difference;
  for (Eigen::Index s = 0; s < draws.rows(); ++s) {
    const double u = draws(s, d);
    const double squares = rss_ + difference.col(s).dot(image.col(s));
    Eigen::VectorXd::Map(z.data(), d + 1) = draws.row(s);
    out.value[s] = data_.log_normaliser - count_ * (u + 0.5 * std::log(2 * std::numbers::pi)) -
                   0.5 * std::exp(-2 * u) * squares + log_prior(data_, z);
  }
  return out;
}

}  // namespace velbo::internal
