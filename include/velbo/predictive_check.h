// velbo/predictive_check.h - do data that the fitted model simulates look like those it was fitted to?  (Posterior predictive checks:
// Gelman, Meng and Stern 1996, "Posterior predictive assessment of model fitness via realized discrepancies".)
//
//   const auto simulate = [&](std::span<const double> theta, velbo::Key key, std::span<double> y) {
//     velbo::standard_normals(key, 0, 0, 0, y);  // noise as a function of the key (velbo/random.h)
//     for (std::size_t n = 0; n < y.size(); ++n) y[n] = theta[0] + theta[1] * x[n] + theta[2] * y[n];
//   };
//   const velbo::PredictiveCheck check = velbo::predictive_check(fit.posterior.sample(1000), 1000, y, simulate);
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "velbo/export.h"
#include "velbo/random.h"

namespace velbo {

// Writes data y_rep [N] for parameters theta [n].  It is called from several threads at once; all of its noise must come from the key.
// A generator of the standard library that is seeded with key.value will do.
using Simulator = std::function<void(std::span<const double> theta, Key key, std::span<double> y_rep)>;

// A number that the model should reproduce: of data y [N] alone (their largest, their autocorrelation), or of parameters too.
using TestStatistic = std::function<double(std::span<const double> y, std::span<const double> theta)>;

struct PredictiveCheckOptions {
  std::vector<TestStatistic> statistics = {};
  std::uint64_t seed = 1;
  int threads = 0;  // 0: all; the results have the same bits whatever the number
};

struct IntervalCoverage {
  double probability = 0;  // of the central interval of each datum's simulations: 0.5 and 0.9
  double covered = 0;      // share of the data within theirs
  // sqrt(probability (1 - probability) / N), of data that are independent given the parameters.  A model with many parameters for few
  // data has seen what it predicts, and covers more than it should.
  double se = 0;
};

struct PredictiveCheck {
  IntervalCoverage half, ninety;
  // [N] share of simulations below each datum, of equal ones half: uniform but for what the model has seen.
  std::vector<double> rank;
  // One a statistic: share of simulations whose statistic is larger than the data's at the same theta, of equal ones half.  Near 0 the
  // data's is larger than the model makes it, near 1 smaller.  Not uniform where the model is right, but nearer to 1/2.
  std::vector<double> p_values;
};

// draws: theta [S, n] row-major, of equal weight (Posterior::sample(), resample()), for S = n_draws >= 20; y: [N].  Draw s is
// simulated with a key that is a function of the seed and s.  Takes 8 S N bytes.  Throws Error(argument) for too few draws and for an
// empty simulator or statistic; Error(shape) for draws that are not S rows and for y without elements; Error(data) for a simulated
// number or a statistic that is NaN, naming draw and datum, and for a y that is not finite; Error(memory).
VELBO_EXPORT PredictiveCheck predictive_check(std::span<const double> draws, std::int64_t n_draws,
                                              std::span<const double> y, const Simulator& simulate,
                                              const PredictiveCheckOptions& options = {});

}  // namespace velbo
