// engines/model_gradient.h - stochastic gradient ascent of the ELBO of a model that is known by its log density: the engine `gradient`
// for models in code.
//
// engines/gradient.h checks its rounds by exact expectations; here there are only draws.  Steps are those of objectives/model_estimator.h
// (reparameterised draws: Kingma and Welling 2014; Kucukelbir et al. 2017, equations 7 to 9) in whitened coordinates (engines/whitening.h).
// They come in rounds at a constant learning rate, unless a decay was asked for:
//   - a round whose iterates still move, by R-hat (diagnostics/iterates.h), is followed by a longer one, whitened where it ended;
//   - of a model with plates (velbo/plate.h) a step may see a batch of their rows; checks see all;
//   - iterates at rest are averaged until the standard error of their mean is within the tolerance, and their average is checked: fresh
//     draws, which no step has seen, give the whitened gradient (objectives/stein_gradient.h, objectives/family_errors.h) and the ELBO
//     with their standard errors.  The average is the answer where the distance by the fresh draws, the standard error of the iterates'
//     mean and how far it has moved since the check before are all within the tolerance (a gradient alone is no distance where the ELBO
//     is flat: of centred eight schools it is 0.02 at a third of an sd from the optimum); else the learning rate is halved (at most five times), and the
//     next round begins there.
// The first rounds are checked once before their average is known that well: what the check finds whitens the next steps.
// This follows FASO and RAABBVI (Welandawe, Andersen, Vehtari and Huggins 2022), whose stopping rule estimates the distance from the
// iterates alone.
//
// Step size.  In coordinates that q whitens adam's steps are its learning rate in posterior sds; by the rule 0.1 for means, and for the
// factor min(0.1, 0.2 sqrt(S) / D'), D' = D for full rank and 1 + R for the others: the iterates' noise in each of the factor's elements
// has a variance of about rate / (2 sqrt(S)), and D' of them make a singular value of 1 / 3 (Marchenko and Pastur 1967).
// sgd's is 1/2, for the factor less as in engines/gradient.h; no step of the mean is longer than sqrt(D).
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/batch_order.h"
#include "engines/ascent.h"
#include "engines/engine.h"
#include "engines/iterate_history.h"
#include "models/model_density.h"
#include "objectives/model_estimator.h"
#include "objectives/stein_gradient.h"

namespace velbo::internal {

struct ModelGradientSettings {
  GradientOptions options;  // nothing automatic left in it, but learning_rate and decay
  double tolerance = 0.02;  // posterior sds
  Key key;
  // The ADVI of the literature (Kucukelbir et al. 2017), to compare with: one endless round in the start's own coordinates, without checks
  // but evaluate().
  bool fixed_coordinates = false;
};

class ModelGradientEngine final : public GaussianEngine {
 public:
  // start: of the family to fit.  warm: may be an answer already, and is looked at before the first step.
  ModelGradientEngine(std::unique_ptr<ModelDensity> density, const Context& context,
                      const ModelGradientSettings& settings, GaussianPoint start, bool warm);

  void advance(std::int64_t n_steps) override;
  [[nodiscard]] double evaluate() override;
  [[nodiscard]] const EngineReport& report() const override { return report_; }
  // The iterate of the last step, after a check what was checked.
  [[nodiscard]] const GaussianPoint& point() const override { return point_; }
  // The average of this round's iterates, or the last of them where they are not to be averaged: what a check would look at.
  [[nodiscard]] GaussianPoint reached() const;
  [[nodiscard]] std::vector<std::string> findings() override;
  [[nodiscard]] LogJointOracle& oracle() override { return *density_; }
  void save(EngineState& state) const override;
  void load(const EngineState& state) override;

 private:
  static constexpr std::int64_t kWhiteningDraws = 8;
  static constexpr double kMovingGrowth = 1.25, kRestingGrowth = 1.5;  // of rounds
  enum class Phase { starting, climbing, whitening, checking, done };

  // What fresh draws say of a point.
  struct Look {
    ElboEstimate elbo;
    double distance = 0;  // in posterior sds
    std::int64_t draws = 0, masked = 0;
    std::optional<Eigen::MatrixXd> curvature;  // of a q that is not of full rank
  };

  void step();
  void start();
  void climb();
  void end_round();
  void whiten();
  [[nodiscard]] std::optional<Eigen::MatrixXd> curvature_of(const GaussianPoint& point, std::int64_t draws,
                                                            std::uint32_t stage);
  void check();
  void reject(const GaussianPoint& here);
  void begin_round(const GaussianPoint& around);
  [[nodiscard]] Look look_at(const GaussianPoint& point, bool within_limits);
  [[nodiscard]] std::optional<MarginalErrors> errors_of(const GaussianPoint& point, const EvaluatedDraws& draws,
                                                        const std::optional<Eigen::MatrixXd>& curvature) const;
  [[nodiscard]] EvaluatedDraws fresh_draws(const GaussianPoint& point, std::int64_t count, std::uint32_t stage);
  // Of a look at point_.
  void keep(const Look& look);
  [[nodiscard]] Eigen::VectorXd rates() const;
  // The sds that means are measured in: q's, or (objectives/family_errors.h) those of the posterior's curvature.
  [[nodiscard]] Eigen::VectorXd units() const;
  void diverge(std::string why);

  // What steps see: the rows of their batch, where there are batches.
  void evaluate_step(std::int64_t n_draws, const double* z, double* value, double* gradient);

  std::unique_ptr<ModelDensity> density_;
  std::optional<BatchOrder> batches_;  // of a model with plates, where a batch size was asked for
  Context context_;
  GradientOptions options_;
  double tolerance_;
  bool fixed_coordinates_;
  Key key_;
  double mean_rate_, factor_rate_;
  GaussianPoint point_;
  ModelEstimator estimator_;
  Ascent ascent_;
  IterateHistory history_;  // of this round
  Stationarity rest_;       // at the end of the last round; a warm start is at rest
  Eigen::VectorXd start_sd_;
  Phase phase_ = Phase::starting;
  bool warm_;
  bool looked_ = false;      // a check has been made at this learning rate
  bool is_checked_ = false;  // the report is of point_
  double damping_ = 1;       // of the learning rate
  double length_;            // of rounds, rounded down
  std::int64_t round_length_ = 0, steps_in_round_ = 0, rejected_in_a_row_ = 0, checks_ = 0, masked_ = 0;
  double masked_share_ = 0;      // of the last check's draws
  Eigen::MatrixXd mean_factor_;  // of a q that is not of full rank, from the last look at the curvature; empty before
  std::optional<GaussianPoint> checked_;  // what the last check looked at
  double checked_error_sd_ = 0;           // how well its iterates knew it
  EngineReport report_;
};

}  // namespace velbo::internal
