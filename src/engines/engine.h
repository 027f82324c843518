// engines/engine.h - what can be fitted: the fit loop (src/fit/fit.cpp) knows engines only through this.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "engines/engine_state.h"
#include "models/expected_log_joint.h"

namespace velbo::internal {

// What one of several starts led to.
struct StartReport {
  double elbo = std::numeric_limits<double>::quiet_NaN();  // NaN: to no optimum
  double elbo_se = 0;
  bool same_optimum = true;  // as the best
};

// Where an engine is.
struct EngineReport {
  double elbo = std::numeric_limits<double>::quiet_NaN();  // of the last evaluated point
  double elbo_se = 0;                                      // 0 where the ELBO is deterministic
  // Estimated distance to the optimum, in the unit of the fit's tolerance: posterior sds, or what the engine's header says.
  double error_sd = std::numeric_limits<double>::infinity();
  // Of the last iterates (diagnostics/iterates.h); NaN where an engine has none that are noisy, or too few.
  double iterate_rhat = std::numeric_limits<double>::quiet_NaN();
  bool on_all_data = false;  // false in warm-start stages, whose error says nothing about the answer
  bool diverged = false;
  bool stalled = false;  // near the optimum, but rounding hides the rest of the way
  std::string message;   // why, where diverged
  std::string stage;
  std::int64_t steps = 0, evaluations = 0, rejected_steps = 0, rows_read = 0;
  std::vector<StartReport>
      starts;  // of engines that made several, once they are over; the engine's own state holds them
  std::int64_t best_start = 0;
};

// Parts of states that engines share.
void save_report(const EngineReport& report, EngineState& state);
EngineReport load_report(const EngineState& state);
void save_expected(const std::string& name, const ExpectedLogJoint& expected, EngineState& state);
ExpectedLogJoint load_expected(const std::string& name, const EngineState& state);

class Engine {
 public:
  virtual ~Engine() = default;

  // n_steps steps; fewer when it diverges.
  virtual void advance(std::int64_t n_steps) = 0;
  // How many steps it had best be asked for at once: on devices that make them without the host, more than one.
  [[nodiscard]] virtual std::int64_t steps_at_once() const { return 1; }
  // The exact ELBO of where it is, which may step back to the last verified point where the last step made it worse (the
  // report then says so by its error_sd).
  [[nodiscard]] virtual double evaluate() = 0;
  [[nodiscard]] virtual const EngineReport& report() const = 0;
  // Everything that the next steps depend on, and back: an engine made of the same model and options that loads what another
  // saved goes on with the same bits.  load() throws Error(file) where the state cannot be of such an engine.
  virtual void save(EngineState& state) const = 0;
  virtual void load(const EngineState& state) = 0;
};

// What fits one Gaussian over all latents.
class GaussianEngine : public Engine {
 public:
  // The variational distribution reached.
  [[nodiscard]] virtual const GaussianPoint& point() const = 0;
  // What the user should know about the model, found on the way; call after evaluate().
  [[nodiscard]] virtual std::vector<std::string> findings() = 0;
  // The model on all its data, for the diagnosis.
  [[nodiscard]] virtual LogJointOracle& oracle() = 0;
};

}  // namespace velbo::internal
