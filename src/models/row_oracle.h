// models/row_oracle.h - expected log joints of models whose rows see the latents through one linear predictor only:
// bernoulli, binomial, poisson.
#pragma once
#include "models/centring.h"
#include "models/expected_log_joint.h"
#include "models/kept_rows.h"

namespace velbo::internal {

template <class T>
class RowOracle final : public ExpectedLogJointOracle {
 public:
  RowOracle(const GlmData& data, const Context& context, FamilyKind family);

  [[nodiscard]] std::int64_t n_rows() const override { return kept_.size(); }
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
  RowOracle(const RowOracle& whole, KeptRows<T> kept);

  [[nodiscard]] Rows<T> rows() const { return kept_.rows(); }
  void count_pass() { rows_read_ += kept_.size(); }
  // Sums over rows of the log likelihood for kept-order draws [S, D].
  [[nodiscard]] Eigen::VectorXd log_likelihood(const Eigen::MatrixXd& kept_draws) const;

  [[nodiscard]] Eigen::VectorXd expansion(const Eigen::VectorXd& kept_mean, const Eigen::MatrixXd& kept_draws) const;

  const GlmData& data_;
  Context context_;
  Centring centring_;
  KeptRows<T> kept_;
  // Makes curvature_rows_ those of this point, by a pass over the rows where they are not.
  void need_curvature_rows(const GaussianPoint& point);

  Array<T> curvature_rows_;  // [N] weighted curvatures at curvature_point_, whose family is not of full rank
  GaussianPoint curvature_point_;
  std::optional<Eigen::MatrixXd> dense_;  // full curvature there, once it was asked for
};

}  // namespace velbo::internal
