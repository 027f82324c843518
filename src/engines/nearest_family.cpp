// engines/nearest_family.cpp
#include "engines/nearest_family.h"

#include <Eigen/Eigenvalues>

namespace velbo::internal {
namespace {

// Of a latent's variance, what is left to its own noise at least: without any, the family has no density.
constexpr double kLeastOwnShare = 0.01;

}  // namespace

GaussianPoint nearest_mean_field(const GaussianPoint& full_rank) {
  const Eigen::Index d = full_rank.dimension();
  const Eigen::MatrixXd inverse =
      full_rank.factor.triangularView<Eigen::Lower>().solve(Eigen::MatrixXd::Identity(d, d));
  return {FamilyKind::mean_field, full_rank.mean, inverse.colwise().norm().cwiseInverse().transpose()};
}

GaussianPoint near_low_rank(const GaussianPoint& full_rank, std::int64_t rank) {
  const Eigen::Index d = full_rank.dimension();
  const Eigen::VectorXd sd = full_rank.sd();
  const Eigen::MatrixXd standardised =
      sd.cwiseInverse().asDiagonal() * Eigen::MatrixXd(full_rank.factor.triangularView<Eigen::Lower>());
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(Eigen::MatrixXd(standardised * standardised.transpose()));
  GaussianPoint out{FamilyKind::low_rank, full_rank.mean, Eigen::MatrixXd::Zero(d, 1 + rank)};
  Eigen::MatrixXd loadings =
      eigen.eigenvectors().rightCols(rank) * eigen.eigenvalues().tail(rank).cwiseMax(0).cwiseSqrt().asDiagonal();
  for (Eigen::Index i = 0; i < d; ++i) {
    const double shared = loadings.row(i).squaredNorm();
    if (shared > 1 - kLeastOwnShare) loadings.row(i) *= std::sqrt((1 - kLeastOwnShare) / shared);
    out.factor(i, 0) = sd[i] * std::sqrt(1 - loadings.row(i).squaredNorm());
  }
  out.factor.rightCols(rank) = sd.asDiagonal() * loadings;
  return out;
}

}  // namespace velbo::internal
