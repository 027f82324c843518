// models/gaussian_oracle.h - expected log joints of the Gaussian likelihood with unknown scale, in closed form.
//
// Latents z = (beta, u = log sigma) with a joint Gaussian q.  With the precision-weighted sums of squares around a
// least-squares point b,  RSS(beta) = RSS(b) + (beta - b)' G (beta - b),  G = X' W X:
//   E[e^{-2u} RSS(beta)] = e^{-2 mu_u + 2 S_uu} [RSS(mu_beta - 2 S_beta,u) + tr(G S_beta,beta)],
// because weighting a Gaussian by e^{-2u} shifts its mean by -2 S_.u.  The rows are read twice when the oracle is made
// (G and moments; residuals at b), in double whatever the fit's scalar type, and never again.
#pragma once
#include <memory>

#include "models/centring.h"
#include "models/expected_log_joint.h"

namespace velbo::internal {

class GaussianOracle final : public ExpectedLogJointOracle {
 public:
  GaussianOracle(const GlmData& data, const Context& context, FamilyKind family);

  [[nodiscard]] std::int64_t n_rows() const override { return data_.n_rows; }
  [[nodiscard]] std::int64_t n_latents() const override { return data_.recipe.n_latents(); }
  [[nodiscard]] GaussianPoint start(FamilyKind family) override;
  [[nodiscard]] ExpectedLogJoint evaluate(const GaussianPoint& point, bool derivatives) override;
  [[nodiscard]] std::optional<Eigen::MatrixXd> dense_curvature(const GaussianPoint& point) override;
  [[nodiscard]] Eigen::VectorXd solve_curvature(const GaussianPoint& point, const Eigen::VectorXd& right,
                                                double relative_tolerance) override;
  [[nodiscard]] std::unique_ptr<ExpectedLogJointOracle> subsample(std::int64_t rows, Key key) const override;
  [[nodiscard]] LogJointDraws log_joint(const GaussianPoint& point, const Eigen::MatrixXd& draws, double row_draws,
                                        Key key) override;

 private:
  // The result's curvature is the full matrix for every family.
  [[nodiscard]] ExpectedLogJoint likelihood(const GaussianPoint& point) const;

  const GlmData& data_;
  Centring centring_;
  Eigen::MatrixXd gram_;    // [D, D] X' W X of the kept columns
  Eigen::VectorXd centre_;  // [D] b, in kept order
  double rss_ = 0;          // weighted residual sum of squares at b
  double count_ = 0;        // observations: sum of frequency weights, or rows with a precision weight > 0
};

}  // namespace velbo::internal
