// support/target_oracle.h - a Gaussian target's exact expectations, for engines.
#pragma once
#include <Eigen/Cholesky>
#include <memory>
#include <utility>

#include "models/expected_log_joint.h"
#include "support/gaussian_target.h"

namespace velbo::internal {

class TargetOracle final : public ExpectedLogJointOracle {
 public:
  explicit TargetOracle(GaussianTarget target) : target_(std::move(target)) {}
  [[nodiscard]] std::int64_t n_rows() const override { return 1; }
  [[nodiscard]] std::int64_t n_latents() const override { return target_.mean.size(); }
  [[nodiscard]] GaussianPoint start(FamilyKind) override { return {}; }
  [[nodiscard]] ExpectedLogJoint evaluate(const GaussianPoint& point, bool) override {
    ExpectedLogJoint out;
    out.value = exact_gradient(point, target_).value - point.entropy();
    out.gradient = target_.precision * (target_.mean - point.mean);
    out.curvature = in_layout_of(point, target_.precision);
    return out;
  }
  [[nodiscard]] Eigen::VectorXd solve_curvature(const GaussianPoint&, const Eigen::VectorXd& right, double) override {
    return target_.precision.llt().solve(right);
  }
  [[nodiscard]] std::unique_ptr<ExpectedLogJointOracle> subsample(std::int64_t, Key) const override { return nullptr; }
  [[nodiscard]] LogJointDraws log_joint(const GaussianPoint&, const Eigen::MatrixXd&, double, Key) override {
    return {};
  }

 private:
  GaussianTarget target_;
};

}  // namespace velbo::internal
