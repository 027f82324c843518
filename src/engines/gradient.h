// engines/gradient.h - stochastic gradient ascent of the ELBO on minibatches of rows and Monte Carlo draws.
//
// Steps come in rounds.  A round begins with a check: one exact pass over all rows at the averaged iterate of the last round
// gives the ELBO, which no step's noise has touched, the remaining error (optimum_distance.h), the curvature that whitens the
// coordinates of the next steps (whitening.h) and, where variance is reduced, the anchor's full gradient.  Then the round's
// steps are made, each from one batch.
// What the steps themselves look like is shown as R-hat of the last round's iterates (diagnostics/iterates.h), where they are noisy and
// the host has seen them; nothing depends on it here.
//
// Step size.  In whitened coordinates the ELBO's Hessian is about -I whatever the units of the data, and a batch of B rows sees
// it as a matrix with eigenvalues up to (1 + sqrt(D / B))^2, S draws of D latents up to (1 + sqrt(D / S))^2 in the factor's
// coordinates (Marchenko and Pastur 1967).  So the learning rate is 1/2 over those, for sgd.  Adam's steps have the learning
// rate's length: a tenth of the largest element of the full gradient at the last check, which is about the distance left, but
// 0.02 to 2.  It decays as (1 + t/10)^-0.6 where noise remains at the optimum (Robbins and Monro 1951), and is constant
// otherwise.  A round that lowers the ELBO is undone, and the learning rate halved.
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "data/batch_order.h"
#include "engines/ascent.h"
#include "engines/engine.h"
#include "engines/iterate_history.h"
#include "engines/step_runner.h"
#include "models/glm_data.h"
#include "objectives/elbo_gradient.h"

namespace velbo::internal {

struct GradientSettings {
  GradientOptions options;  // nothing automatic left in it, but learning_rate and decay
  double tolerance = 0;     // posterior standard deviations
  bool float_rows = true;   // per-row arithmetic, whose rounding a check of batches has to allow for
};

// A device for these steps over batches of this order (null: all rows), or null.
using MakeStepRunner =
    std::function<std::unique_ptr<StepRunner>(const BatchOrder* order, const StepSettings& settings)>;

class GradientEngine final : public GaussianEngine {
 public:
  // point: where to start.  order: of minibatches; nothing where steps look at all rows.  make_runner: may give null,
  // and may be missing, where the steps are made here.
  GradientEngine(const GlmData& data, std::unique_ptr<ExpectedLogJointOracle> oracle,
                 std::unique_ptr<ElboEstimator> estimator, std::optional<BatchOrder> order,
                 const GradientSettings& settings, GaussianPoint point, const MakeStepRunner& make_runner = {});

  void advance(std::int64_t n_steps) override;
  [[nodiscard]] std::int64_t steps_at_once() const override;
  [[nodiscard]] double evaluate() override;
  [[nodiscard]] const EngineReport& report() const override { return report_; }
  [[nodiscard]] const GaussianPoint& point() const override { return point_; }
  [[nodiscard]] std::vector<std::string> findings() override;
  [[nodiscard]] ExpectedLogJointOracle& oracle() override { return *oracle_; }
  void save(EngineState& state) const override;
  void load(const EngineState& state) override;

 private:
  std::int64_t step();  // 1
  // As many steps of this round as the device may make at once, n at most; how many it has made.
  std::int64_t run_steps(std::int64_t n);
  void tell_runner();
  // What the steps of this round have come to.
  [[nodiscard]] GaussianPoint reached() const;
  // The exact pass at `candidate`, and the next round around it, or around point() where this one is undone.
  void check(const GaussianPoint& candidate);
  void begin_round(const ExpectedLogJoint& expected, const GaussianPoint& around);
  [[nodiscard]] Eigen::VectorXd gradient_at(const Eigen::VectorXd& w, std::span<const std::int64_t> batch) const;
  [[nodiscard]] std::span<const std::int64_t> next_batch();
  [[nodiscard]] Eigen::VectorXd rates() const;
  // Throws Error(internal) unless the batches of an epoch have the gradient of all rows as their mean.
  void require_batches_to_agree();
  void count_rows();
  static constexpr const char* kGradientsNotFinite = "gradients are not finite, however short the steps";
  void diverge(const std::string& why);

  const GlmData& data_;
  std::unique_ptr<ExpectedLogJointOracle> oracle_;
  std::unique_ptr<ElboEstimator> estimator_;
  std::optional<BatchOrder> order_;
  std::unique_ptr<StepRunner> runner_;
  GradientOptions options_;
  double tolerance_;
  bool float_rows_, exact_, anchored_, some_flat_ = false;
  double mean_rate_, factor_rate_;  // of the rule
  double adam_rate_ = 1;            // times these, where the rule is adam's
  double decay_;

  GaussianPoint point_;                       // the best that a check has seen
  std::optional<ExpectedLogJoint> expected_;  // there
  double best_elbo_ = 0;
  Eigen::VectorXd start_sd_;  // where some prior is flat
  Ascent ascent_;             // where the steps are
  Eigen::VectorXd anchor_;    // full gradient at w = 0; empty where there is no anchor
  IterateHistory history_;    // of this round's noisy steps that the host made
  std::int64_t round_ = 0, round_length_ = 0, steps_in_round_ = 0;
  double damping_ = 1;  // of the learning rate, by rounds that were undone
  std::int64_t rejected_in_a_row_ = 0;
  double seconds_a_step_ = 0;  // of the last run on a device; 0: none yet
  EngineReport report_;
};

}  // namespace velbo::internal
