// regression/ard_model.h - the sums of a linear regression and its factors q(w, tau) q(alpha).
#pragma once
#include <Eigen/Core>
#include <memory>
#include <span>
#include <vector>

#include "conjugate/conjugate_model.h"
#include "conjugate/gamma.h"
#include "regression/ard_sums.h"
#include "velbo/ard_regression.h"

namespace velbo::internal {

// The factors: w | tau ~ N(mean, covariance / tau), tau and alpha Gammas (of known ones shape / rate is the number).
struct ArdFactors {
  Eigen::VectorXd mean;
  Eigen::MatrixXd covariance;
  double log_det_covariance = 0;
  GammaFactor noise;
  std::vector<GammaFactor> relevance;
};

// Units are rows, which have no latents of their own.  Statistics: N, y'y, X'y [D], the lower triangle of X'X by rows, of rows less
// their centre.
class ArdModel final : public ConjugateModel {
 public:
  // centre [D + 1]: taken off each column, and off y.  `rounds`: updates of (w, tau) and alpha in set_statistics(), fewer once the
  // ELBO gains less than 1e-9 of itself.
  ArdModel(const FeatureMatrix& x, std::span<const double> y, std::vector<double> centre, const ArdOptions& options,
           int rounds, Scalar scalar, const Context& context);

  [[nodiscard]] std::int64_t n_units() const override { return n_; }
  [[nodiscard]] std::int64_t n_statistics() const override { return 2 + d_ + d_ * (d_ + 1) / 2; }
  void set_statistics(std::span<const double> statistics) override;
  double local_step(UnitRange units, bool keep, std::span<double> statistics) override;
  [[nodiscard]] double statistics_term(std::span<const double> statistics) const override;
  [[nodiscard]] double global_elbo() const override;
  void save(EngineState& state) const override;
  void load(const EngineState& state) override;

  [[nodiscard]] const ArdFactors& factors() const { return q_; }

 private:
  void start(std::span<const double> statistics);
  void update_coefficients(std::span<const double> statistics);
  void update_relevance();
  [[nodiscard]] double expected_log_noise() const;
  [[nodiscard]] double expected_log_relevance(std::size_t i) const;

  ArdOptions options_;
  std::int64_t n_, d_;
  int rounds_;
  std::unique_ptr<ArdSums> rows_;
  std::vector<double> of_all_;  // statistics of all rows, which the globals have no part in; empty: not asked for yet
  bool started_ = false;
  ArdFactors q_;
};

}  // namespace velbo::internal
