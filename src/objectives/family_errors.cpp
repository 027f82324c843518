// objectives/family_errors.cpp
#include "objectives/family_errors.h"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <cmath>

#include "objectives/elbo_gradient.h"

namespace velbo::internal {
namespace {

constexpr double kDifference = 1e-3;      // of an sd
constexpr double kLeastCurvature = 1e-6;  // in q's sds

// In q's sds, where a mean-field q's optimum has a diagonal of ones.
Eigen::MatrixXd positive_definite(const Eigen::MatrixXd& curvature, const Eigen::VectorXd& sd) {
  if (Eigen::LLT<Eigen::MatrixXd>(curvature).info() == Eigen::Success) return curvature;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(
      Eigen::MatrixXd(sd.asDiagonal() * curvature * sd.asDiagonal()));
  const Eigen::VectorXd sizes = eigen.eigenvalues().cwiseAbs().cwiseMax(kLeastCurvature);
  const Eigen::MatrixXd vectors = sd.cwiseInverse().asDiagonal() * eigen.eigenvectors();
  return vectors * sizes.asDiagonal() * vectors.transpose();
}

// The standard errors of the means of S terms with these means and mean squares.
Eigen::ArrayXXd errors_of_means(const Eigen::ArrayXXd& mean, const Eigen::ArrayXXd& mean_square, double s) {
  return ((mean_square - mean.square()).max(0) / std::max(1.0, s - 1)).sqrt();
}

}  // namespace

std::optional<Eigen::MatrixXd> curvature_at(ModelDensity& density, const GaussianPoint& point,
                                            const RowMajorMatrix& z) {
  const Eigen::Index d = point.dimension(), s = z.rows();
  const Eigen::VectorXd sd = point.sd();
  Eigen::MatrixXd out(d, d);
  RowMajorMatrix moved(2 * s, d), gradient(2 * s, d);
  Eigen::VectorXd value(2 * s);
  for (Eigen::Index j = 0; j < d; ++j) {
    const double h = kDifference * sd[j];
    moved << z, z;
    moved.col(j).head(s).array() += h;
    moved.col(j).tail(s).array() -= h;
    density.evaluate(2 * s, moved.data(), value.data(), gradient.data());
    Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(d);
    double finite = 0;
    for (Eigen::Index k = 0; k < s; ++k) {
      const Eigen::RowVectorXd difference = gradient.row(s + k) - gradient.row(k);
      if (!difference.allFinite()) continue;
      sum += difference;
      ++finite;
    }
    if (finite == 0) return std::nullopt;
    out.col(j) = sum.transpose() / (2 * h * finite);
  }
  if (!out.allFinite()) return std::nullopt;
  return positive_definite(0.5 * (out + out.transpose()), sd);
}

Eigen::VectorXd units_of(const GaussianPoint& point, const Eigen::MatrixXd& inverse_factor) {
  return point.sd().cwiseMax(inverse_factor.rowwise().norm());
}

MarginalErrors family_errors(const GaussianPoint& point, const EvaluatedDraws& draws,
                             const Eigen::MatrixXd& curvature) {
  const Eigen::Index d = point.dimension(), rank = point.rank();
  const auto s = static_cast<double>(draws.n_draws());
  const Eigen::VectorXd sd = point.sd(), own = point.factor.col(0);
  const Eigen::MatrixXd distance = draws_of(point, draws.eps).rowwise() - point.mean.transpose();
  const Eigen::MatrixXd residual = draws.gradient + distance * curvature;  // [S, D]
  const Eigen::MatrixXd eps = draws.eps.leftCols(d);

  MarginalErrors out;
  const Eigen::LLT<Eigen::MatrixXd> cholesky(curvature);
  const Eigen::MatrixXd inverse = cholesky.solve(Eigen::MatrixXd::Identity(d, d));
  const Eigen::VectorXd unit = sd.cwiseMax(inverse.diagonal().cwiseSqrt());
  const Eigen::ArrayXXd shifts = (residual * inverse * unit.cwiseInverse().asDiagonal()).array();
  out.mean = shifts.colwise().mean().transpose();
  out.mean_se = errors_of_means(out.mean.transpose(), shifts.square().colwise().mean(), s).matrix().transpose().array();
  const Eigen::ArrayXXd terms = (residual.cwiseProduct(eps) * own.asDiagonal()).array();
  const Eigen::ArrayXd along_own = terms.colwise().mean().transpose();
  const Eigen::ArrayXd along_own_se =
      errors_of_means(along_own.transpose(), terms.square().colwise().mean(), s).matrix().transpose().array();
  if (rank == 0) {
    out.log_sd = 0.5 * (1 - own.array().square() * curvature.diagonal().array() + along_own);
    out.log_sd_se = 0.5 * along_own_se;
    return out;
  }
  // What is known exactly: -C factor and the entropy's part.
  const ElboGradient exact = elbo_gradient(point, {0, 0, Eigen::VectorXd::Zero(d), in_layout_of(point, curvature)});
  const Eigen::MatrixXd noise = draws.eps.rightCols(rank);
  const Eigen::ArrayXXd products = (residual.transpose() * noise / s).array();
  const Eigen::ArrayXXd products_se =
      errors_of_means(products, (residual.cwiseAbs2().transpose() * noise.cwiseAbs2() / s).array(), s);
  const Eigen::ArrayXd loadings =
      (exact.factor.rightCols(rank).array() + products).matrix().rowwise().norm().cwiseProduct(sd).array();
  const Eigen::ArrayXd loadings_se = products_se.matrix().rowwise().norm().cwiseProduct(sd).array();
  out.log_sd = (exact.factor.col(0).cwiseProduct(own).array() + along_own).abs() + loadings;
  out.log_sd_se = (along_own_se.square() + loadings_se.square()).sqrt();
  return out;
}

}  // namespace velbo::internal
