// engines/polish_and_check.h - from a Gaussian that a climb ended at to the best of its family, and whether it is.
//
// Polishing (engines/saa_polish.h): the ELBO over fixed draws, by L-BFGS, with ever more draws until two numbers of them agree.
// Checking (engines/fresh_draws.h): fresh draws decide whether this is the optimum; if not, polishing goes on with more draws.
//
// Mean-field and low-rank Gaussians are polished from the member of their family that is nearest to the full-rank one climbed to.
// Their gradients vanish at the optimum in the mean alone, and along directions that the family cannot follow say little about the
// distance to it, so there the agreement of two independent sets of draws decides.
#pragma once
#include <limits>
#include <optional>
#include <string>

#include "engines/engine.h"
#include "engines/fresh_draws.h"
#include "engines/saa_polish.h"
#include "models/model_density.h"

namespace velbo::internal {

class PolishAndCheck {
 public:
  struct Settings {
    double tolerance = 0.02;  // posterior sds
    FamilyKind family = FamilyKind::full_rank;
    std::int64_t rank = 0;  // of low_rank
    Key key;
  };
  // The density must outlive this.
  PolishAndCheck(ModelDensity& density, const Context& context, const Settings& settings);

  // Takes a full-rank Gaussian that was climbed to, as the nearest of the family.  begin() must follow before steps.
  void take(GaussianPoint climbed);
  void begin(EngineReport& report);
  // A start of a number of draws, a step of L-BFGS, or a check; either all of it is done or, where OutOfTime is thrown, nothing.
  void step(EngineReport& report);
  // Checks where it is now, unless that was done; within_limits: with few draws, and whatever comes of it.
  void check(bool within_limits, EngineReport& report);

  [[nodiscard]] bool is_over() const { return phase_ == Phase::done; }
  [[nodiscard]] const GaussianPoint& point() const { return point_; }
  [[nodiscard]] std::int64_t n_masked() const { return masked_; }

  void save(EngineState& state) const;
  // `like`: a full-rank point of the model's size.
  void load(const EngineState& state, const GaussianPoint& like);

 private:
  enum class Phase { starting, polishing, checking, done };  // starting: a number of draws

  void start();
  void polish(EngineReport& report);
  void next_round(EngineReport& report);
  void stall(const FreshLook& look, EngineReport& report);
  [[nodiscard]] bool may_double() const;

  ModelDensity* density_;
  FreshDraws fresh_;
  Settings settings_;
  GaussianPoint point_;
  Phase phase_ = Phase::starting;
  Eigen::MatrixXd climbed_factor_;  // of the full-rank Gaussian that polishing began at
  std::optional<SaaPolish> polishing_;
  std::optional<GaussianPoint> before_doubling_;
  std::int64_t polishing_draws_ = 0;  // of the last start; 0 before
  // Of the last two numbers of draws, and what L-BFGS left, in posterior sds.
  double disagreement_ = std::numeric_limits<double>::infinity();
  std::int64_t masked_ = 0, checks_ = 0;
  bool is_checked_ = false;  // the report is of point_
};

}  // namespace velbo::internal
