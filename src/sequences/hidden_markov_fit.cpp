// sequences/hidden_markov_fit.cpp - priors from the data, starts, and the best of them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "backend/sequence_ops.h"
#include "fit/fit_conjugate.h"
#include "sequences/hidden_markov_state.h"
#include "velbo/error.h"

namespace velbo {
namespace {

using namespace internal;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

void require(bool sound, const char* what, double value, const std::string& expected) {
  if (!sound) throw Error(ErrorCode::argument, fmt::format("{} is {}, expected {}", what, value, expected));
}

void check(const Sequences& x, const HiddenMarkovOptions& options) {
  const auto positive = [](double v) { return v > 0 && std::isfinite(v); };
  require(options.n_states >= 1, "n_states", static_cast<double>(options.n_states), "1 or more");
  require(options.starts >= 1, "starts", static_cast<double>(options.starts), "1 or more");
  require(positive(options.initial_concentration), "initial_concentration", options.initial_concentration,
          "a positive number");
  require(positive(options.transition_concentration), "transition_concentration", options.transition_concentration,
          "a positive number");
  require(positive(options.emission_concentration), "emission_concentration", options.emission_concentration,
          "a positive number");
  require(options.sticky >= 0 && std::isfinite(options.sticky), "sticky", options.sticky, "0 or more");
  require(positive(options.mean_precision), "mean_precision", options.mean_precision, "a positive number");
  const auto d = static_cast<double>(x.width());
  require(options.degrees_of_freedom == 0 ||
              (options.degrees_of_freedom > d - 1 && std::isfinite(options.degrees_of_freedom)),
          "degrees_of_freedom", options.degrees_of_freedom, fmt::format("more than {} of {} columns", d - 1, d));
  if (x.n_rows() < options.n_states)
    throw Error(ErrorCode::data, fmt::format("there are {} rows, expected at least one for each of {} states",
                                             x.n_rows(), options.n_states));
  if (options.fit.device && options.fit.device->kind != DeviceKind::cpu)
    require(options.n_states <= kMostStatesOfADevice, "n_states", static_cast<double>(options.n_states),
            fmt::format("at most {} on a device", kMostStatesOfADevice));
}

HiddenMarkovPrior make_prior(const Sequences& x, const HiddenMarkovOptions& options) {
  HiddenMarkovPrior out{.kind = x.kind(),
                        .n_states = options.n_states,
                        .width = x.width(),
                        .initial = options.initial_concentration,
                        .transition = options.transition_concentration,
                        .sticky = options.sticky,
                        .emission = options.emission_concentration};
  if (x.kind() == EmissionKind::categorical) return out;
  const auto d = static_cast<double>(x.width());
  out.mean_precision = options.mean_precision;
  out.degrees_of_freedom = options.degrees_of_freedom == 0 ? d + 2 : options.degrees_of_freedom;
  const Eigen::VectorXd mean = x.data().x.colwise().mean();
  const Eigen::VectorXd variance =
      (x.data().x.rowwise() - mean.transpose()).colwise().squaredNorm() / static_cast<double>(x.n_rows());
  out.centre.assign(mean.begin(), mean.end());
  // Up to D + 1 degrees of freedom a covariance has no prior mean, and the scale is as if there were one more.
  const double stretch = out.degrees_of_freedom > d + 1 ? out.degrees_of_freedom - d - 1 : 1;
  // A column that does not vary has no scale of its own: any will do, and its sds say that nothing is known.
  for (const double v : variance) out.scale.push_back(stretch * (v > 0 ? v : 1));
  return out;
}

// By occupancy, the most visited first.
std::vector<double> in_order(const HiddenMarkovPrior& prior, std::vector<double> statistics) {
  // Of a fit that ended amid a pass of memoized steps an expected number of 0 may be a rounding error below.
  for (std::size_t i = 0; i < size(prior.n_states * (1 + prior.n_states)); ++i)
    statistics[i] = std::max(statistics[i], 0.0);
  const HiddenMarkovState as_fitted(prior, statistics);
  std::vector<std::size_t> order(size(prior.n_states));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return as_fitted.occupancy[a] > as_fitted.occupancy[b]; });
  return as_fitted.factors.reordered(statistics, order);
}

}  // namespace

HiddenMarkov fit_hidden_markov(const Sequences& x, const HiddenMarkovOptions& options) {
  check(x, options);
  const HiddenMarkovPrior prior = make_prior(x, options);
  ConjugateOptions fit_options = resolve(options.fit, x.n_sequences(), std::max<std::int64_t>(1, x.n_sequences() / 10));
  if (fit_options.scalar == Scalar::automatic) fit_options.scalar = Scalar::float64;
  const Context context(options.fit.device.value_or(Device{}), options.fit.threads);
  HiddenMarkovModel model(x, prior, context, fit_options.scalar);
  const Identity identity = {{"model", "hidden Markov"},
                             {"emissions", std::string(name(x.kind()))},
                             {"rows", std::to_string(x.n_rows())},
                             {"sequences", std::to_string(x.n_sequences())},
                             {"states", std::to_string(options.n_states)}};
  const Key key = fold_in(make_key(options.fit.seed, Purpose::sample), 0);
  std::vector<double> best;
  ConjugateRun run;
  std::vector<double> elbos;
  // A resumed fit goes on with the last start, which is the one that its checkpoint is of.
  const std::int64_t first = options.fit.resume.empty() ? 0 : options.starts - 1;
  for (std::int64_t start = first; start < options.starts; ++start) {
    ConjugateOptions mine = fit_options;
    if (start + 1 < options.starts) mine.checkpoint.clear();
    ConjugateFit fitted = fit_conjugate(
        model, model.starting_statistics(fold_in(key, static_cast<std::uint64_t>(start))), mine, context, identity);
    elbos.push_back(fitted.run.elbo);
    if (best.empty() || fitted.run.elbo > run.elbo) {
      best = std::move(fitted.statistics);
      run = std::move(fitted.run);
    }
    if (run.status == Status::interrupted) break;
  }
  if (elbos.size() > 1) run.elbo_of_restarts = std::move(elbos);
  run.device_reason =
      options.fit.device ? "asked for" : "how fast hidden Markov models are on other devices has not been measured";
  return HiddenMarkov(
      std::make_shared<const HiddenMarkovState>(prior, in_order(prior, best), x.names(), std::move(run)));
}

}  // namespace velbo
