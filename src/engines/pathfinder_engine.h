// engines/pathfinder_engine.h - Pathfinder as a fit of its own: several paths, and of their Gaussians the one with the highest ELBO.
//
// Four paths, or 1 + restarts where that is more, from the starts of engines/starts.h.  Each path's best Gaussian gets an ELBO from
// fresh draws, which chooses; the paper's importance resampling of all paths' draws would not be a Gaussian.  Then fresh draws tell how
// far the best Gaussian is (engines/fresh_draws.h).  Pathfinder cannot come nearer, so the fit is over either way.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engines/engine.h"
#include "engines/fresh_draws.h"
#include "engines/pathfinder.h"
#include "engines/starts.h"
#include "models/model_density.h"

namespace velbo::internal {

class PathfinderEngine final : public GaussianEngine {
 public:
  struct Settings {
    double tolerance = 0.02;  // posterior sds
    std::int64_t restarts = 0;
    Key key;
  };
  PathfinderEngine(std::unique_ptr<ModelDensity> density, const Context& context, const Settings& settings,
                   std::optional<GaussianPoint> init);

  void advance(std::int64_t n_steps) override;
  [[nodiscard]] double evaluate() override;
  [[nodiscard]] const EngineReport& report() const override { return report_; }
  [[nodiscard]] const GaussianPoint& point() const override { return point_; }
  [[nodiscard]] std::vector<std::string> findings() override;
  [[nodiscard]] LogJointOracle& oracle() override { return *density_; }
  void save(EngineState& state) const override;
  void load(const EngineState& state) override;

 private:
  enum class Phase { setting_off, finding, comparing, checking, done };

  void step();
  void set_off();
  void look_around();
  void compare();
  void after_a_path();
  void fail(std::string why);
  void check(bool within_limits);
  void tell_stage();
  [[nodiscard]] Pathfinder path_from(const GaussianPoint& start) const;

  std::unique_ptr<ModelDensity> density_;
  double tolerance_;
  Key key_;
  FreshDraws comparing_, checking_;
  GaussianPoint point_;  // the path's start, its best, and at last the best of all
  Starts starts_;
  Phase phase_ = Phase::setting_off;
  std::optional<Pathfinder> path_;
  bool is_checked_ = false;
  EngineReport report_;
};

}  // namespace velbo::internal
