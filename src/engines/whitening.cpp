// engines/whitening.cpp
#include "engines/whitening.h"

#include <cmath>
#include <numbers>

namespace velbo::internal {
namespace {

constexpr double kRootHalf = 1 / std::numbers::sqrt2;

}  // namespace

Whitening::Whitening(GaussianPoint reference, Eigen::MatrixXd mean_factor)
    : reference_(std::move(reference)), mean_factor_(std::move(mean_factor)), sd_(reference_.sd()) {}

Eigen::Index Whitening::size() const {
  const Eigen::Index d = reference_.dimension();
  return d + (reference_.family == FamilyKind::full_rank ? d * (d + 1) / 2 : d * (1 + reference_.rank()));
}

Eigen::MatrixXd Whitening::relative_factor(const Eigen::VectorXd& w) const {
  const Eigen::Index d = reference_.dimension();
  Eigen::MatrixXd m = Eigen::MatrixXd::Zero(d, d);
  Eigen::Index next = d;
  for (Eigen::Index j = 0; j < d; ++j)  // by columns, as the matrix lies
    for (Eigen::Index i = j; i < d; ++i, ++next) m(i, j) = i == j ? std::exp(kRootHalf * w[next]) : w[next];
  return m;
}

GaussianPoint Whitening::at(const Eigen::VectorXd& w) const {
  const Eigen::Index d = reference_.dimension(), rank = reference_.rank();
  GaussianPoint point = reference_;
  if (mean_factor_.cols() == 1 && d > 1) {
    point.mean += mean_factor_.col(0).cwiseProduct(w.head(d));
  } else {
    point.mean += mean_factor_.triangularView<Eigen::Lower>() * w.head(d);
  }
  if (point.family == FamilyKind::full_rank) {
    const Eigen::MatrixXd m = relative_factor(w);
    point.factor = (reference_.factor.triangularView<Eigen::Lower>() * m).triangularView<Eigen::Lower>();
    return point;
  }
  point.factor.col(0).array() *= (kRootHalf * w.segment(d, d)).array().exp();
  for (Eigen::Index r = 0; r < rank; ++r) point.factor.col(1 + r) += sd_.cwiseProduct(w.segment(2 * d + r * d, d));
  return point;
}

Eigen::VectorXd Whitening::pull_back(const Eigen::VectorXd& w, const ElboGradient& gradient) const {
  const Eigen::Index d = reference_.dimension(), rank = reference_.rank();
  Eigen::VectorXd out(size());
  if (mean_factor_.cols() == 1 && d > 1) {
    out.head(d) = mean_factor_.col(0).cwiseProduct(gradient.mean);
  } else {
    out.head(d) = mean_factor_.triangularView<Eigen::Lower>().transpose() * gradient.mean;
  }
  if (reference_.family == FamilyKind::full_rank) {
    const Eigen::MatrixXd g = reference_.factor.triangularView<Eigen::Lower>().transpose() * gradient.factor;
    Eigen::Index next = d;
    for (Eigen::Index j = 0; j < d; ++j)
      for (Eigen::Index i = j; i < d; ++i, ++next)
        out[next] = i == j ? kRootHalf * std::exp(kRootHalf * w[next]) * g(i, i) : g(i, j);
    return out;
  }
  const Eigen::ArrayXd sds = reference_.factor.col(0).array() * (kRootHalf * w.segment(d, d)).array().exp();
  out.segment(d, d) = kRootHalf * sds * gradient.factor.col(0).array();
  for (Eigen::Index r = 0; r < rank; ++r) out.segment(2 * d + r * d, d) = sd_.cwiseProduct(gradient.factor.col(1 + r));
  return out;
}

}  // namespace velbo::internal
