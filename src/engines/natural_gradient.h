// engines/natural_gradient.h - fits a Gaussian to any differentiable log joint, from a cold start, with one setting.
//
// 1. Climbing, with a full-rank Gaussian.  From a few pairs of draws a step, mu + L eps and mu - L eps: the whitened natural
//    gradient of objectives/stein_gradient.h within a trust region,
//      r = min(0.2, 1 / |factor|_2, sqrt(D) / |mean|),
//    and the update of gaussian_update.h, which stays positive definite (Lin, Schmidt and Khan 2020).  Ends when nothing but
//    noise is left in the last steps' gradients: necessary for an optimum, not sufficient.
// 2. Polishing (engines/saa_polish.h).  The ELBO over fixed draws, by L-BFGS, with ever more draws until two numbers of them agree.
// 3. Checking.  The natural gradient at fresh independent draws, with standard errors, decides whether this is the optimum; if
//    not, polishing goes on with more draws.
//
// Mean-field and low-rank Gaussians (the engine `saa`) are polished from the member of their family that is nearest to the full-rank one
// climbed to.  Their gradients vanish at the optimum in the mean alone, and along directions that the family cannot follow say little
// about the distance to it, so there the agreement of two independent sets of draws decides.
#pragma once
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engines/engine.h"
#include "engines/saa_polish.h"
#include "models/model_density.h"
#include "objectives/stein_gradient.h"

namespace velbo::internal {

class NaturalGradientEngine final : public Engine {
 public:
  struct Settings {
    double tolerance = 0.02;  // posterior sds
    std::int64_t draws = 0;   // a climbing step; 0: max(32, D / 2)
    FamilyKind family = FamilyKind::full_rank;
    std::int64_t rank = 0;  // of low_rank
    Key key;
  };
  NaturalGradientEngine(std::unique_ptr<ModelDensity> density, const Context& context, const Settings& settings,
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
  enum class Phase { climbing, starting, polishing, checking, done };  // starting: a number of draws

  void step();
  void climb();
  void polish();
  void check(bool within_limits);
  [[nodiscard]] double distance_by_fresh_draws(bool within_limits);
  [[nodiscard]] std::int64_t check_draws() const;
  [[nodiscard]] std::int64_t affordable_draws() const;
  [[nodiscard]] bool may_double() const;
  void next_round();
  void stall();
  void keep_elbo(const EvaluatedDraws& draws);
  void start_polishing();
  void take_family();
  // Draws with enough of them finite, or nothing.
  [[nodiscard]] std::optional<EvaluatedDraws> climbing_draws();
  [[nodiscard]] EvaluatedDraws independent_draws(std::int64_t count, std::uint32_t stage, bool gradients);
  void follow(const MarginalErrors& errors);
  [[nodiscard]] Eigen::ArrayXXd window_mean() const;
  [[nodiscard]] bool only_noise_is_left() const;
  void diverge(std::string why);
  void count_gradients();

  std::unique_ptr<ModelDensity> density_;
  Context context_;
  double tolerance_;
  std::int64_t draws_;
  FamilyKind family_;
  std::int64_t rank_;
  Key key_;
  GaussianPoint point_;
  Phase phase_ = Phase::climbing;
  std::int64_t climbed_ = 0, rejected_in_a_row_ = 0, masked_ = 0;
  // What marginal_errors() said at the last steps, oldest first: [D, 4] means, log sds, and their standard errors squared.
  std::deque<Eigen::ArrayXXd> window_;
  double average_elbo_ = 0;
  Eigen::VectorXd start_sd_;
  std::optional<SaaPolish> polishing_;
  std::optional<GaussianPoint> before_doubling_;
  Eigen::MatrixXd climbed_factor_;    // of the full-rank Gaussian that polishing began at
  std::int64_t polishing_draws_ = 0;  // of the last start; 0 before
  // Of the last two numbers of draws, and what L-BFGS left, in posterior sds.
  double disagreement_ = std::numeric_limits<double>::infinity();
  double masked_share_ = 0;  // of the last check's draws
  std::int64_t checks_ = 0;
  bool is_checked_ = false;  // the report is of point_
  EngineReport report_;
};

}  // namespace velbo::internal
