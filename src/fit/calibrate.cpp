// fit/calibrate.cpp - simulation-based calibration: many fits, and where they leave what they should have found.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <atomic>
#include <cmath>
#include <mutex>
#include <optional>

#include "cpu/parallel.h"
#include "diagnostics/uniformity.h"
#include "velbo/calibration.h"
#include "velbo/error.h"

namespace velbo {
namespace {

constexpr std::int64_t kLeastSimulations = 20;
constexpr std::int64_t kDraws = 1000;           // of parameters that depend on several latents
constexpr std::int64_t kDiagnosticDraws = 100;  // nobody looks at k_hat

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::argument, message); }

void check(const CalibrationProblem& problem, const CalibrationOptions& options) {
  if (!problem.prior || !problem.simulate || !problem.model)
    refuse("a calibration needs a prior, a simulation and a model, and one of the functions is empty");
  if (options.n_simulations < kLeastSimulations)
    refuse(fmt::format("n_simulations is {}, expected at least {}", options.n_simulations, kLeastSimulations));
  if (!(options.false_alarm_rate > 0 && options.false_alarm_rate < 1))
    refuse(fmt::format("false_alarm_rate is {}, expected one between 0 and 1", options.false_alarm_rate));
  if (!options.fit.checkpoint.empty() || !options.fit.resume.empty() || options.fit.init)
    refuse("the fits of a calibration take no checkpoint, resume or init: they are of different data");
}

// Pr_q(theta_i < theta0_i) [n].
std::vector<double> places(const Posterior& q, const std::vector<double>& theta, std::uint64_t seed) {
  const Parameters& parameters = *q.parameters();
  const std::vector<double> z = parameters.unconstrain(theta), covariance = q.unconstrained_covariance();
  const std::size_t n = theta.size(), d = z.size();
  std::vector<double> out(n), draws;
  for (std::size_t i = 0; i < n; ++i) {
    if (const std::optional<Coordinate> at = parameters.elementwise(static_cast<std::int64_t>(i))) {
      const auto c = static_cast<std::size_t>(at->z);
      const double x = (z[c] - q.unconstrained_mean()[c]) / std::sqrt(covariance[c * d + c]);
      out[i] = 0.5 * std::erfc((at->increasing ? -x : x) / std::sqrt(2.0));
      continue;
    }
    if (draws.empty()) draws = q.sample(kDraws, seed);
    double below = 0.5;  // theta0 among them: never 0 or 1
    for (std::size_t s = 0; s < static_cast<std::size_t>(kDraws); ++s) below += draws[s * n + i] < theta[i] ? 1 : 0;
    out[i] = below / static_cast<double>(kDraws + 1);
  }
  return out;
}

struct Simulation {
  bool done = false;
  Status status = Status::converged;
  std::vector<double> p;
};

Simulation simulate(const CalibrationProblem& problem, const CalibrationOptions& options, std::int64_t number,
                    const std::atomic<bool>& cancelled) {
  const Key key = fold_in(make_key(options.seed, Purpose::calibrate), static_cast<std::uint64_t>(number));
  const std::vector<double> theta = problem.prior(fold_in(key, 0));
  const std::int64_t n = problem.parameters.n_constrained();
  if (static_cast<std::int64_t>(theta.size()) != n)
    refuse(fmt::format("the prior gave {} numbers, expected one a parameter: {}", theta.size(), n));
  const Model model = problem.model(problem.simulate(theta, fold_in(key, 1)));
  if (model.parameters().parameters() != problem.parameters.parameters())
    refuse(fmt::format("the model has other parameters or constraints: {}, expected {}",
                       fmt::join(model.parameters().names(), ", "), fmt::join(problem.parameters.names(), ", ")));
  FitOptions fit_options = options.fit;
  fit_options.threads = 1;
  fit_options.seed = fold_in(key, 2).value;
  if (fit_options.diagnostic_draws == 0) fit_options.diagnostic_draws = kDiagnosticDraws;
  fit_options.progress = [&](const StepReport&) { return !cancelled.load(); };
  const Fit fit = velbo::fit(model, fit_options);
  Simulation out{true, fit.summary.fit.status, {}};
  if (out.status == Status::interrupted) out.done = false;
  if (out.done && out.status != Status::diverged) out.p = places(fit.posterior, theta, fold_in(key, 3).value);
  return out;
}

ParameterCalibration judge(std::string name, std::vector<double> p, double level) {
  ParameterCalibration out{.name = std::move(name), .p = std::move(p)};
  if (out.p.empty()) return out;
  const internal::SymmetryTest symmetry = internal::test_symmetry(out.p);
  std::vector<double> distance;
  for (const double v : out.p) distance.push_back(std::abs(2 * v - 1));
  const internal::UniformityTest shape = internal::test_uniformity(distance);
  out.symmetry_p_value = symmetry.p_value;
  out.shape_p_value = shape.p_value;
  if (symmetry.p_value < level) out.location = symmetry.mostly_large ? Location::too_low : Location::too_high;
  if (shape.p_value < level) out.spread = shape.mostly_large ? Spread::too_narrow : Spread::too_wide;
  return out;
}

}  // namespace

std::string_view name(Location location) noexcept {
  switch (location) {
    case Location::calibrated: return "calibrated";
    case Location::too_low: return "too low";
    case Location::too_high: return "too high";
  }
  return "";
}

std::string_view name(Spread spread) noexcept {
  switch (spread) {
    case Spread::calibrated: return "calibrated";
    case Spread::too_narrow: return "too narrow";
    case Spread::too_wide: return "too wide";
  }
  return "";
}

std::vector<std::string> Calibration::failed() const {
  std::vector<std::string> out;
  for (const ParameterCalibration& p : parameters)
    if (!p.passed()) out.push_back(p.name);
  return out;
}

std::string Calibration::report() const {
  std::string out;
  for (const ParameterCalibration& p : parameters) {
    if (p.passed()) continue;
    std::vector<std::string_view> what;
    if (p.location != Location::calibrated) what.push_back(velbo::name(p.location));
    if (p.spread != Spread::calibrated) what.push_back(velbo::name(p.spread));
    out += fmt::format("{}: q is {} (p-values: symmetry {:.2g}, shape {:.2g})\n", p.name, fmt::join(what, " and "),
                       p.symmetry_p_value, p.shape_p_value);
  }
  if (out.empty()) out = fmt::format("all {} parameters pass\n", parameters.size());
  if (n_diverged > 0) out += fmt::format("{} of {} fits diverged and do not count\n", n_diverged, n_simulations);
  if (n_not_converged > 0) out += fmt::format("{} of {} fits did not converge\n", n_not_converged, n_simulations);
  if (interrupted) out += fmt::format("interrupted after {} simulations\n", n_simulations);
  return out;
}

Calibration calibrate(const CalibrationProblem& problem, const CalibrationOptions& options) {
  check(problem, options);
  const Context context(Device{}, options.threads);
  std::vector<Simulation> simulations(static_cast<std::size_t>(options.n_simulations));
  std::atomic<bool> cancelled{false};
  std::mutex mutex;
  std::int64_t done = 0;
  internal::parallel_for(options.n_simulations, internal::Workers(context.threads(), &context.team()),
                         [&](std::int64_t number, int /*worker*/) {
                           if (cancelled) return;
                           Simulation result = simulate(problem, options, number, cancelled);
                           const std::scoped_lock lock(mutex);
                           if (cancelled || !result.done) return;
                           simulations[static_cast<std::size_t>(number)] = std::move(result);
                           ++done;
                           if (options.progress && !options.progress(done, options.n_simulations)) cancelled = true;
                         });
  Calibration out;
  const std::vector<std::string> names = problem.parameters.names();
  std::vector<std::vector<double>> p(names.size());
  for (const Simulation& simulation : simulations) {
    if (!simulation.done) continue;
    ++out.n_simulations;
    if (simulation.status == Status::diverged) ++out.n_diverged;
    if (simulation.status == Status::max_steps || simulation.status == Status::max_seconds) ++out.n_not_converged;
    for (std::size_t i = 0; i < simulation.p.size(); ++i) p[i].push_back(simulation.p[i]);
  }
  out.interrupted = out.n_simulations < options.n_simulations;
  const double level = options.false_alarm_rate / (2 * static_cast<double>(names.size()));
  for (std::size_t i = 0; i < names.size(); ++i) out.parameters.push_back(judge(names[i], std::move(p[i]), level));
  return out;
}

}  // namespace velbo
