// velbo/conjugate.h - how models with conjugate globals (mixtures, topics, hidden Markov models) are fitted, and what a fit says.
//
// Their globals have closed-form updates, given what is expected of each row, document or sequence (a "unit" below).  Three engines
// differ in how many units an update takes:
//   cavi      all: coordinate ascent (Bishop 2006, chapter 10); the ELBO never falls
//   memoized  a batch at a time, whose part of the sums is replaced (Hughes and Sudderth 2013); the ELBO never falls, there is no
//             step size, and the sums of every batch are kept
//   svi       a random batch at a time, averaged with steps (step + delay)^-forgetting (Hoffman et al. 2013); for data that are gone
//             through once or a few times
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "velbo/device.h"
#include "velbo/export.h"
#include "velbo/fit.h"

namespace velbo {

enum class ConjugateEngine {
  automatic,  // memoized where a batch size is given, else cavi; each model's header says what it does beyond that
  cavi,
  memoized,
  svi,
};
VELBO_EXPORT std::string_view name(ConjugateEngine engine) noexcept;
VELBO_EXPORT ConjugateEngine parse_conjugate_engine(std::string_view text);

struct ConjugateOptions {
  ConjugateEngine engine = ConjugateEngine::automatic;
  // A fit has converged once a pass over all units raises the ELBO by less than this many nats a unit; > 0.  svi: once two passes'
  // averages differ by less.
  double tolerance = 1e-5;
  std::int64_t max_passes = 0;                                   // over all units; 0: 1,000, of svi 20
  double max_seconds = std::numeric_limits<double>::infinity();  // looked at between batches
  std::int64_t batch_size = 0;                                   // units; 0: all of cavi, else each model's choice
  double delay = 1, forgetting = 0.7;                            // of svi; forgetting in (0.5, 1], delay >= 0
  std::optional<Device> device = {};                             // empty: auto
  int threads = 0;                                               // 0: all; results do not depend on it
  Scalar scalar = Scalar::automatic;  // of the data and of arithmetic by unit; sums and globals are double
  std::uint64_t seed = 1;
  // As in FitOptions.  Of a fit with restarts progress is told of each, and false ends the whole; checkpoints are of the last one.
  std::string checkpoint = {};
  double checkpoint_seconds = 30;
  std::string resume = {};
  std::function<bool(const StepReport&)> progress = {};
};

// How a fit went.
struct VELBO_EXPORT ConjugateRun {
  std::string engine, device, device_reason, scalar, message;
  int threads = 1;
  std::uint64_t seed = 1;
  Status status = Status::diverged;
  double tolerance = 0;
  std::int64_t n_units = 0, steps = 0;   // steps: updates of the globals
  double passes = 0;                     // over all units
  double seconds = 0;                    // in all
  double seconds_evaluating = 0;         // of these the last look at the ELBO, which of svi is a pass over all units
  double elbo = 0;                       // all constants of the likelihood and the priors included
  std::vector<double> elbo_trace;        // after each pass; of svi estimates of the pass's batches
  std::vector<double> elbo_of_restarts;  // of each, where there were several
  [[nodiscard]] bool converged() const noexcept { return status == Status::converged; }
  // Two lines: status and message; engine, passes, seconds, ELBO.
  [[nodiscard]] std::string text() const;
  // An object; numbers that are not finite are null.
  [[nodiscard]] std::string to_json() const;
  static ConjugateRun from_json(std::string_view text);  // throws Error(file)
};

}  // namespace velbo
