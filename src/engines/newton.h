// engines/newton.h - Newton's method on the exact ELBO of a Gaussian family.
//
// Each step is the natural-gradient step of gaussian_update.h with the exact expectations of an ExpectedLogJointOracle;
// r = 1 where the ELBO rises, halved until it does.  On posteriors that are far from Gaussian these steps converge slowly,
// because the covariance enters its own target; Anderson mixing of the last steps is tried first.  With many rows the first steps see random subsamples of 1 % and 10 %,
// so that all rows are read two or three times.
//
// The last step is taken without a further pass over the rows when what will be left after it, estimated from the sizes of
// the last two steps, is below the tolerance.  evaluate() then checks that the ELBO rose.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "engines/anderson.h"
#include "engines/engine.h"
#include "engines/gaussian_update.h"
#include "models/glm_data.h"

namespace velbo::internal {

class NewtonEngine final : public GaussianEngine {
 public:
  NewtonEngine(const GlmData& data, std::unique_ptr<ExpectedLogJointOracle> oracle, FamilyKind family, double tolerance,
               Key key, std::optional<GaussianPoint> init);

  void advance(std::int64_t n_steps) override;
  [[nodiscard]] double evaluate() override;
  [[nodiscard]] const EngineReport& report() const override { return report_; }
  [[nodiscard]] const GaussianPoint& point() const override { return point_; }
  [[nodiscard]] std::vector<std::string> findings() override;
  [[nodiscard]] ExpectedLogJointOracle& oracle() override { return *oracle_; }
  void save(EngineState& state) const override;
  void load(const EngineState& state) override;

 private:
  struct Stage {
    std::unique_ptr<ExpectedLogJointOracle> sample;  // null: all rows
    std::string name;
    double enough = 0;           // estimated error at which the stage ends
    std::int64_t max_steps = 0;  // and the most steps it takes; 0: no limit
  };

  void step();
  // Moves to `candidate` if its ELBO is no lower than here, up to rounding.
  [[nodiscard]] bool accept(const GaussianPoint& candidate);
  void line_search(const GaussianUpdate& update);
  void next_stage();
  void diverge(const std::string& why);
  // What an improper posterior looks like, on the way.
  void check_drift();
  [[nodiscard]] ExpectedLogJointOracle& current_oracle();
  [[nodiscard]] ExpectedLogJoint evaluate_at(const GaussianPoint& point);

  const GlmData& data_;
  std::unique_ptr<ExpectedLogJointOracle> oracle_;
  double tolerance_;
  std::vector<Stage> stages_;
  std::size_t stage_ = 0;
  std::int64_t steps_in_stage_ = 0;
  GaussianPoint point_;
  std::optional<ExpectedLogJoint> expected_;  // at point_; empty after a step without a pass
  bool some_flat_ = false;                    // priors
  Eigen::VectorXd start_sd_;                  // of a start on all rows; where some prior is flat
  std::size_t least_distances_ = 3;           // before the remaining error can be told
  AndersonMixing mixing_;
  GaussianPoint reference_;          // whose coordinates mixing works in
  std::vector<Distance> distances_;  // to the estimated optimum, of the points of this stage, oldest first
  // The last point whose expectations are known, behind an unverified step.
  std::optional<GaussianPoint> verified_point_;
  std::optional<ExpectedLogJoint> verified_expected_;
  double verified_distance_ = 0;
  std::int64_t rows_read_in_samples_ = 0;
  EngineReport report_;
};

}  // namespace velbo::internal
