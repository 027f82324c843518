// velbo/calibration.h - is a model's fit calibrated over the prior?  (Variational simulation-based calibration: Yao, Vehtari, Simpson and
// Gelman 2018, "Yes, but did it work?: evaluating variational inference", section 4.)
//
//   velbo::CalibrationProblem problem{
//       .parameters = {velbo::real("mu")},
//       .prior = [](velbo::Key key) { std::vector<double> theta(1); velbo::standard_normals(key, 0, 0, 0, theta); return theta; },
//       .simulate = [](auto theta, velbo::Key key) { ... return y; },
//       .model = [](const std::vector<double>& y) { return velbo::Model({velbo::real("mu")}, MyModel{y}); }};
//   const velbo::Calibration result = velbo::calibrate(problem);
//
// A simulation draws theta0 from the prior and data from theta0, fits the model to them, and looks where in the fitted q each theta0
// lies: p = Pr_q(theta_i < theta0_i).  Where q is the posterior, p is uniform over simulations.  Where q's mean is too low p is mostly
// large, where its sds are too small p lies at both ends.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "velbo/export.h"
#include "velbo/fit.h"
#include "velbo/model.h"
#include "velbo/parameters.h"
#include "velbo/random.h"

namespace velbo {

// The functions are called from several threads at once, and take all their noise from the key.
struct CalibrationProblem {
  Parameters parameters;                              // of every model that `model` makes
  std::function<std::vector<double>(Key key)> prior;  // theta [n], constrained
  std::function<std::vector<double>(std::span<const double> theta, Key key)> simulate;  // the data
  std::function<Model(const std::vector<double>& data)> model;
};

struct CalibrationOptions {
  std::int64_t n_simulations = 200;  // at least 20
  // Of each fit.  Its threads, seed and progress are not used; checkpoints and starts are refused; diagnostic_draws = 0 is 100 here.
  FitOptions fit = {};
  // Probability that of a calibrated fit anything at all is called a failure: each of the two tests of each of n parameters is made at
  // false_alarm_rate / (2 n) (Bonferroni), and is exact.  In (0, 1).
  double false_alarm_rate = 0.01;
  std::uint64_t seed = 1;
  int threads = 0;  // 0: all; simulations are shared out, and the results have the same bits whatever the number
  // Called after every simulation with how many are done, never twice at a time; false ends the calibration early.
  std::function<bool(std::int64_t done, std::int64_t n_simulations)> progress = {};
};

enum class Location { calibrated, too_low, too_high };   // of q
enum class Spread { calibrated, too_narrow, too_wide };  // of q; a q that is off to one side looks too narrow as well
VELBO_EXPORT std::string_view name(Location location) noexcept;  // "calibrated", "too low", ...
VELBO_EXPORT std::string_view name(Spread spread) noexcept;

struct ParameterCalibration {
  std::string name;
  std::vector<double> p;  // one a simulation that counts, in the order of simulations
  // Test that p is distributed as 1 - p: the Kolmogorov-Smirnov distance of the two, whose law under symmetry is that of the largest
  // |sum| of a random walk (Butler 1969).
  double symmetry_p_value = 1;
  Location location = Location::calibrated;
  // Test that |2 p - 1| is uniform, against an excess at the ends (U) or in the middle: twice the smaller of the two one-sided
  // Kolmogorov-Smirnov p-values, each exact (Birnbaum and Tingey 1951).
  double shape_p_value = 1;
  Spread spread = Spread::calibrated;
  [[nodiscard]] bool passed() const { return location == Location::calibrated && spread == Spread::calibrated; }
};

struct VELBO_EXPORT Calibration {
  std::vector<ParameterCalibration> parameters;  // [n]
  std::int64_t n_simulations = 0;                // done
  std::int64_t n_not_converged = 0;              // of them, fits that ended at a limit; they count
  std::int64_t n_diverged =
      0;  // of them, fits without an answer; they do not count, so a few spoil the meaning of the rest
  bool interrupted = false;                               // by progress: then tests are of what was done
  [[nodiscard]] std::vector<std::string> failed() const;  // names of the parameters that did not pass
  [[nodiscard]] bool passed() const { return failed().empty() && n_diverged == 0 && !interrupted; }
  [[nodiscard]] std::string report() const;  // a line a parameter that failed, or that all passed
};

// p is exact of parameters that depend on one latent, by 1,000 draws of the others.  Throws Error(argument) for options out of range,
// an empty function, a theta0 of another length or outside its constraints, and a model of other parameters; what the functions throw.
VELBO_EXPORT Calibration calibrate(const CalibrationProblem& problem, const CalibrationOptions& options = {});

}  // namespace velbo
