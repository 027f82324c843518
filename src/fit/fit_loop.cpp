// fit/fit_loop.cpp
#include "fit/fit_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <system_error>

#include "fit/checkpoint.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

// Writes checkpoints, where they were asked for, at most so often.
class Checkpoints {
 public:
  Checkpoints(const LoopOptions& options, Identity identity)
      : path_(options.checkpoint), seconds_(options.checkpoint_seconds), identity_(std::move(identity)) {}
  void write_if_due(const Engine& engine) {
    if (!path_.empty() && since_last_.seconds() >= seconds_) write(engine);
  }
  void write(const Engine& engine) {
    if (path_.empty()) return;
    Checkpoint checkpoint;
    checkpoint.identity = identity_;
    engine.save(checkpoint.state);
    write_checkpoint(path_, checkpoint);
    since_last_ = Stopwatch();
  }

 private:
  std::string path_;
  double seconds_;
  Identity identity_;
  Stopwatch since_last_;
};

StepReport step_report(const EngineReport& report, const LoopOptions& options, const Stopwatch& watch) {
  const double first_error = 100;  // posterior sds that a start is typically off: for the progress bar alone
  const double error = std::clamp(report.error_sd, std::min(options.tolerance, first_error), first_error);
  return {.step = report.steps,
          .elbo = report.elbo,
          .error_sd = report.error_sd,
          .seconds = watch.seconds(),
          .stage = report.stage,
          .progress = std::log(first_error / error) / std::log(first_error / std::min(options.tolerance, 1.0))};
}

void resume(Engine& engine, const std::string& path, const Identity& identity) {
  const Checkpoint checkpoint = read_checkpoint(path);
  require_same(path, checkpoint.identity, identity);
  try {
    engine.load(checkpoint.state);
  } catch (const Error& error) {
    throw Error(error.code(), path + ": " + error.what());
  }
}

}  // namespace

// Decides between steps only.
Outcome run(Engine& engine, const LoopOptions& options, const Identity& identity, const Stopwatch& watch) {
  if (!options.resume.empty()) resume(engine, options.resume, identity);
  Checkpoints checkpoints(options, identity);
  Outcome out;
  const auto evaluate = [&] {
    const Stopwatch evaluating;
    out.elbo = engine.evaluate();
    out.seconds_evaluating += evaluating.seconds();
  };
  const EngineReport& report = engine.report();
  const auto seems_converged = [&] { return report.on_all_data && report.error_sd <= options.tolerance; };
  const bool resumed = report.steps > 0;
  for (bool step = !resumed;; step = true) {  // a resumed fit may have been over
    if (step)
      engine.advance(std::clamp<std::int64_t>(engine.steps_at_once(), 1,
                                              std::max<std::int64_t>(1, options.max_steps - report.steps)));
    bool converged = seems_converged() && !report.diverged;
    if (converged) {
      evaluate();
      converged = seems_converged();  // evaluate() may have stepped back
    }
    const bool cancelled = options.progress && !options.progress(step_report(report, options, watch));
    if (converged) {
      out.status = Status::converged;
    } else if (report.diverged) {
      out.status = Status::diverged;
    } else if (cancelled) {
      out.status = Status::interrupted;
    } else if (report.steps >= options.max_steps || report.stalled) {
      out.status = Status::max_steps;
    } else if (watch.seconds() >= options.max_seconds) {
      out.status = Status::max_seconds;
    } else {
      checkpoints.write_if_due(engine);
      continue;
    }
    checkpoints.write(engine);  // before evaluate(), which may go further than steps do
    if (!converged) evaluate();
    // The last look may find that the steps up to a limit were enough.
    if (out.status == Status::max_steps && !report.stalled && seems_converged()) out.status = Status::converged;
    return out;
  }
}

std::string message_for(const Outcome& outcome, const EngineReport& report, const FitOptions& options) {
  switch (outcome.status) {
    case Status::converged:
      return fmt::format("estimated remaining error {:.2g} posterior sds, tolerance {:.2g}", report.error_sd,
                         options.tolerance);
    case Status::diverged: return report.message;
    case Status::max_steps:
      if (report.stalled && !report.message.empty()) return report.message;
      return fmt::format(
          "stopped after {} steps, about {:.2g} posterior sds from the optimum{}", report.steps, report.error_sd,
          report.stalled || report.error_sd < 1e-3 ? " (rounding allows no better; scalar double does)" : "");
    case Status::max_seconds:
      return fmt::format("stopped after {:.3g} seconds, about {:.2g} posterior sds from the optimum",
                         options.max_seconds, report.error_sd);
    case Status::interrupted:
      return fmt::format("interrupted at step {}, about {:.2g} posterior sds from the optimum", report.steps,
                         report.error_sd);
  }
  return {};
}

Fit explaining_failures(const std::function<Fit()>& fit, const std::function<std::string()>& of_what) try {
  return fit();
} catch (const std::bad_alloc&) {
  throw Error(ErrorCode::memory, "out of memory: " + of_what());
} catch (const std::system_error& error) {
  throw Error(ErrorCode::internal, fmt::format("threads could not be started: {}", error.what()));
}

}  // namespace velbo::internal
