// engines/gaussian_update.cpp
#include "engines/gaussian_update.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>

namespace velbo::internal {
namespace {

class FullRankUpdate final : public GaussianUpdate {
 public:
  FullRankUpdate(const GaussianPoint& point, const ExpectedLogJoint& expected) : point_(point) {
    const auto lower = point.factor.triangularView<Eigen::Lower>();
    const Eigen::MatrixXd half = lower.transpose() * expected.curvature;
    const Eigen::MatrixXd whitened = half * lower;
    const Eigen::Index d = point.dimension();
    gradient_.mean = lower.transpose() * expected.gradient;
    gradient_.factor = Eigen::MatrixXd::Identity(d, d) - 0.5 * (whitened + whitened.transpose());
  }

  [[nodiscard]] std::optional<GaussianPoint> at(double r) const override {
    return natural_step(point_, gradient_, r, Expectations::exact);
  }

 private:
  GaussianPoint point_;
  WhitenedGradient gradient_;
};

class MeanFieldUpdate final : public GaussianUpdate {
 public:
  MeanFieldUpdate(const GaussianPoint& point, const ExpectedLogJoint& expected, Eigen::VectorXd newton_step)
      : point_(point), target_(expected.curvature.col(0)), step_(std::move(newton_step)) {}

  [[nodiscard]] std::optional<GaussianPoint> at(double r) const override {
    GaussianPoint next = point_;
    for (Eigen::Index i = 0; i < point_.dimension(); ++i) {
      const double precision = 1 / (point_.factor(i, 0) * point_.factor(i, 0));
      // A curvature that is not positive (a heavy-tailed prior far out) widens q by a bounded factor.
      const double mixed = std::max((1 - r) * precision + r * target_[i], 0.25 * precision);
      next.factor(i, 0) = 1 / std::sqrt(mixed);
    }
    next.mean += r * step_;
    if (!next.mean.allFinite() || !next.factor.allFinite()) return std::nullopt;
    return next;
  }

 private:
  GaussianPoint point_;
  Eigen::VectorXd target_, step_;
};

}  // namespace

std::optional<Eigen::MatrixXd> inverse_factor(const Eigen::MatrixXd& precision) {
  // Cholesky from the last row upwards gives P = U U' with U upper triangular; then P^-1 = U^-T U^-1 and L = U^-T.
  const Eigen::MatrixXd reversed = precision.reverse();
  const Eigen::LLT<Eigen::MatrixXd> cholesky(reversed);
  if (cholesky.info() != Eigen::Success) return std::nullopt;
  const Eigen::MatrixXd lower = cholesky.matrixL();
  const Eigen::MatrixXd upper = lower.reverse();
  const Eigen::Index d = precision.rows();
  const Eigen::MatrixXd factor =
      upper.triangularView<Eigen::Upper>().solve(Eigen::MatrixXd::Identity(d, d)).transpose();
  if (!factor.allFinite()) return std::nullopt;
  return Eigen::MatrixXd(factor.triangularView<Eigen::Lower>());
}

std::unique_ptr<GaussianUpdate> full_rank_update(const GaussianPoint& point, const ExpectedLogJoint& expected) {
  return std::make_unique<FullRankUpdate>(point, expected);
}

std::unique_ptr<GaussianUpdate> mean_field_update(const GaussianPoint& point, const ExpectedLogJoint& expected,
                                                  Eigen::VectorXd newton_step) {
  return std::make_unique<MeanFieldUpdate>(point, expected, std::move(newton_step));
}

std::optional<GaussianPoint> natural_step(const GaussianPoint& point, const WhitenedGradient& gradient, double r,
                                          Expectations expectations) {
  const Eigen::Index d = point.dimension();
  const Eigen::MatrixXd& g = gradient.factor;
  const Eigen::MatrixXd identity = Eigen::MatrixXd::Identity(d, d);
  const bool exact = expectations == Expectations::exact;
  std::optional<Eigen::MatrixXd> change;
  if (exact) change = inverse_factor(identity - r * g);
  if (!change) change = inverse_factor(identity - r * g + 0.5 * r * r * g * g);
  if (!change) return std::nullopt;
  GaussianPoint next = point;
  const auto lower = point.factor.triangularView<Eigen::Lower>();
  const Eigen::VectorXd whitened =
      exact ? Eigen::VectorXd(r * (*change * (change->transpose() * gradient.mean))) : r * gradient.mean;
  next.mean += lower * whitened;
  next.factor = lower * *change;
  if (!next.mean.allFinite() || !next.factor.allFinite()) return std::nullopt;
  return next;
}

double trust_radius(const WhitenedGradient& gradient, double longest) {
  // The spectral norm by power iteration from a fixed vector: an underestimate, which the form of the step forgives.
  constexpr int iterations = 8;
  const Eigen::Index d = gradient.mean.size();
  Eigen::VectorXd v = Eigen::VectorXd::LinSpaced(d, 1, 2);
  double norm = 0;
  for (int i = 0; i < iterations; ++i) {
    v = gradient.factor * v.normalized();
    norm = v.norm();
    if (!(norm > 0)) break;
  }
  return std::min({longest, 1 / norm, std::sqrt(static_cast<double>(d)) / gradient.mean.norm()});
}

Distance distance_in_sds(const GaussianPoint& from, const GaussianPoint& to) {
  const Eigen::ArrayXd sd_from = from.sd(), sd_to = to.sd();
  const auto finite = [](double v) { return std::isfinite(v) ? v : std::numeric_limits<double>::infinity(); };
  return {finite(((to.mean - from.mean).array() / sd_to).abs().maxCoeff()),
          finite((sd_to / sd_from).log().abs().maxCoeff())};
}

Eigen::VectorXd coordinates(const GaussianPoint& reference, const GaussianPoint& point) {
  const Eigen::Index d = point.dimension();
  const Eigen::VectorXd shift = point.mean - reference.mean;
  if (point.family == FamilyKind::mean_field) {
    Eigen::VectorXd out(2 * d);
    out << shift.cwiseQuotient(reference.factor.col(0)),
        point.factor.col(0).cwiseQuotient(reference.factor.col(0)).array().log().matrix();
    return out;
  }
  const auto lower = reference.factor.triangularView<Eigen::Lower>();
  const Eigen::MatrixXd relative = lower.solve(point.factor);
  Eigen::VectorXd out(d + d * (d + 1) / 2);
  out.head(d) = lower.solve(shift);
  Eigen::Index next = d;
  for (Eigen::Index i = 0; i < d; ++i)
    for (Eigen::Index j = 0; j <= i; ++j) out[next++] = i == j ? std::log(relative(i, i)) : relative(i, j);
  return out;
}

GaussianPoint point_at(const GaussianPoint& reference, const Eigen::VectorXd& coordinates) {
  const Eigen::Index d = reference.dimension();
  GaussianPoint point = reference;
  if (reference.family == FamilyKind::mean_field) {
    point.mean += coordinates.head(d).cwiseProduct(reference.factor.col(0));
    point.factor.col(0).array() *= coordinates.tail(d).array().exp();
    return point;
  }
  Eigen::MatrixXd relative = Eigen::MatrixXd::Zero(d, d);
  Eigen::Index next = d;
  for (Eigen::Index i = 0; i < d; ++i)
    for (Eigen::Index j = 0; j <= i; ++j, ++next)
      relative(i, j) = i == j ? std::exp(coordinates[next]) : coordinates[next];
  const auto lower = reference.factor.triangularView<Eigen::Lower>();
  point.mean += lower * coordinates.head(d);
  point.factor = lower * relative;
  return point;
}

}  // namespace velbo::internal
