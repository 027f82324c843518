// objectives/draws.cpp
#include "objectives/draws.h"

#include "backend/ops.h"
#include "families/low_rank.h"

namespace velbo::internal {

DrawNoise::DrawNoise(const Context& context, const GaussianPoint& like, std::int64_t draws, DrawKind kind, Key key)
    : context_(context), draws_(draws), n_noise_(like.dimension() + like.rank()), key_(key) {
  if (kind == DrawKind::sobol) sobol_.emplace(n_noise_);
}

RowMajorMatrix DrawNoise::at(std::uint32_t step) const {
  RowMajorMatrix eps(draws_, n_noise_);
  if (sobol_) {
    sobol_->fill(key_, step, draws_, {eps.data(), static_cast<std::size_t>(eps.size())});
  } else {
    cpu_ops_double().normals(context_, key_, step, 0, draws_, n_noise_, eps.data());
  }
  return eps;
}

Eigen::MatrixXd draws_of(const GaussianPoint& point, const Eigen::MatrixXd& eps) {
  const Eigen::Index d = point.dimension();
  Eigen::MatrixXd z;
  if (point.family == FamilyKind::full_rank) {
    z = eps * point.factor.triangularView<Eigen::Lower>().transpose();
  } else {
    z = eps.leftCols(d) * point.factor.col(0).asDiagonal();
    if (point.rank() > 0) z += eps.rightCols(point.rank()) * point.factor.rightCols(point.rank()).transpose();
  }
  z.rowwise() += point.mean.transpose();
  return z;
}

void add_pullback(const GaussianPoint& point, const Eigen::MatrixXd& eps, const Eigen::MatrixXd& g, ElboGradient& sum) {
  const Eigen::Index d = point.dimension();
  const double share = 1 / static_cast<double>(g.rows());
  sum.mean += share * g.colwise().sum().transpose();
  if (point.family == FamilyKind::full_rank) {
    sum.factor.triangularView<Eigen::Lower>() += share * (g.transpose() * eps);
    return;
  }
  sum.factor.col(0) += share * g.cwiseProduct(eps.leftCols(d)).colwise().sum().transpose();
  if (point.rank() > 0) sum.factor.rightCols(point.rank()) += share * (g.transpose() * eps.rightCols(point.rank()));
}

void subtract_score(const GaussianPoint& point, const Eigen::MatrixXd& eps, Eigen::MatrixXd& g) {
  switch (point.family) {
    case FamilyKind::mean_field: g += eps * point.factor.col(0).cwiseInverse().asDiagonal(); return;
    case FamilyKind::low_rank: {
      const LowRankInverse inverse(point.factor.col(0), point.factor.rightCols(point.rank()));
      Eigen::MatrixXd difference = draws_of(point, eps);
      difference.rowwise() -= point.mean.transpose();
      g += inverse.times(difference.transpose()).transpose();
      return;
    }
    default: g += point.factor.triangularView<Eigen::Lower>().transpose().solve(eps.transpose()).transpose();
  }
}

}  // namespace velbo::internal
