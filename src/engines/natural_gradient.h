// engines/natural_gradient.h - fits a Gaussian to any differentiable log joint, from a cold start, with one setting.
//
// 1. Where to start: N(0, I) or an earlier fit; with `pathfinder` what engines/pathfinder.h finds from there, where its ELBO is higher.
// 2. Climbing, with a full-rank Gaussian.  From a few pairs of draws a step, mu + L eps and mu - L eps: the whitened natural
//    gradient of objectives/stein_gradient.h within a trust region,
//      r = min(0.2, 1 / |factor|_2, sqrt(D) / |mean|),
//    and the update of gaussian_update.h, which stays positive definite (Lin, Schmidt and Khan 2020).  Ends when nothing but
//    noise is left in the last steps' gradients: necessary for an optimum, not sufficient.  With restarts 1 and 2 are done for each
//    (engines/starts.h), and what has the highest ELBO at fresh draws is gone on with.
// 3. Polishing and checking (engines/polish_and_check.h), which end in the best Gaussian of the family: full rank, or of the engine
//    `saa` mean field or low rank.
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engines/engine.h"
#include "engines/pathfinder.h"
#include "engines/polish_and_check.h"
#include "engines/starts.h"
#include "models/model_density.h"
#include "objectives/stein_gradient.h"

namespace velbo::internal {

class NaturalGradientEngine final : public GaussianEngine {
 public:
  struct Settings {
    double tolerance = 0.02;  // posterior sds
    std::int64_t draws = 0;   // a climbing step; 0: max(32, D / 2)
    FamilyKind family = FamilyKind::full_rank;
    std::int64_t rank = 0;  // of low_rank
    std::int64_t restarts = 0;
    bool pathfinder = false;  // no use with init
    Key key;
  };
  NaturalGradientEngine(std::unique_ptr<ModelDensity> density, const Context& context, const Settings& settings,
                        std::optional<GaussianPoint> init);

  void advance(std::int64_t n_steps) override;
  [[nodiscard]] double evaluate() override;
  [[nodiscard]] const EngineReport& report() const override { return report_; }
  [[nodiscard]] const GaussianPoint& point() const override;
  [[nodiscard]] std::vector<std::string> findings() override;
  [[nodiscard]] LogJointOracle& oracle() override { return *density_; }
  void save(EngineState& state) const override;
  void load(const EngineState& state) override;

 private:
  enum class Phase { setting_off, finding, climbing, comparing, finishing };

  void step();
  void set_off();
  void look_around();
  void climb();
  void compare();
  void after_a_start();
  void finish(GaussianPoint climbed);
  // This start led nowhere.
  void fail(std::string why);
  void diverge(std::string why);
  // Draws with enough of them finite, or nothing.
  [[nodiscard]] std::optional<EvaluatedDraws> climbing_draws();
  void follow(const MarginalErrors& errors);
  [[nodiscard]] Eigen::ArrayXXd window_mean() const;
  [[nodiscard]] bool only_noise_is_left() const;
  void check_growth();
  void tell_stage();
  [[nodiscard]] Key key_of_start(std::uint64_t stream) const;
  [[nodiscard]] Pathfinder path_from(const GaussianPoint& start) const;

  std::unique_ptr<ModelDensity> density_;
  Context context_;
  double tolerance_;
  std::int64_t draws_;
  bool pathfinder_;
  Key key_;
  GaussianPoint point_;  // until finish_ takes it
  Phase phase_ = Phase::setting_off;
  Starts starts_;
  std::optional<Pathfinder> path_;
  std::int64_t climbed_ = 0, rejected_in_a_row_ = 0, masked_ = 0;
  // What marginal_errors() said at the last steps, oldest first: [D, 4] means, log sds, and their standard errors squared.
  std::deque<Eigen::ArrayXXd> window_;
  double average_elbo_ = 0;
  Eigen::VectorXd start_sd_;
  PolishAndCheck finish_;
  EngineReport report_;
};

}  // namespace velbo::internal
