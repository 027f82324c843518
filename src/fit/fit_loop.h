// fit/fit_loop.h - the one loop: engines make steps, this decides when to stop and says what came of it.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engines/engine.h"
#include "velbo/fit.h"

namespace velbo::internal {

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  [[nodiscard]] std::chrono::steady_clock::time_point start() const { return start_; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

struct Outcome {
  Status status = Status::max_steps;
  double elbo = 0;
  double seconds_evaluating = 0;
};

// What tells one fit from another: see fit/checkpoint.h.
using Identity = std::map<std::string, std::string>;

// What the loop has to know of a fit's options; meanings as in FitOptions.
struct LoopOptions {
  double tolerance = 0;  // in the unit of EngineReport::error_sd
  double max_seconds = 0;
  std::int64_t max_steps = 0;
  std::string checkpoint, resume;
  double checkpoint_seconds = 30;
  std::function<bool(const StepReport&)> progress;
};

template <class Options>
LoopOptions loop_options(const Options& options, std::int64_t max_steps) {
  return {options.tolerance, options.max_seconds,        max_steps,       options.checkpoint,
          options.resume,    options.checkpoint_seconds, options.progress};
}

// Steps until converged or a limit is met, from where options.resume left off; writes options.checkpoint.
Outcome run(Engine& engine, const LoopOptions& options, const Identity& identity, const Stopwatch& watch);

// One line for Summary::Run::message.
std::string message_for(const Outcome& outcome, const EngineReport& report, const FitOptions& options);

// Runs `fit`, with what it may throw beyond velbo::Error explained; `of_what` for messages: "a fit of ...".
Fit explaining_failures(const std::function<Fit()>& fit, const std::function<std::string()>& of_what);

}  // namespace velbo::internal
