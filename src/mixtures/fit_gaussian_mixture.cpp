// mixtures/fit_gaussian_mixture.cpp - fits of Gaussian mixtures: starts, restarts, pruning, and new rows.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/feature_store.h"
#include "fit/fit_conjugate.h"
#include "mixtures/gaussian_mixture_model.h"
#include "mixtures/mixture_state.h"
#include "velbo/error.h"
#include "velbo/gaussian_mixture.h"
#include "velbo/version.h"

namespace velbo {
namespace {

using internal::GaussianMixtureModel;
using internal::Identity;
using internal::MixtureGlobals;
using internal::PreparedMixture;

ConjugateOptions resolved(const ConjugateOptions& options, const FeatureMatrix& x) {
  const std::int64_t default_batch = std::clamp<std::int64_t>(x.n_rows() / 20, 1000, 1000000);
  ConjugateOptions out = internal::resolve(options, x.n_rows(), default_batch);
  if (out.scalar == Scalar::automatic)
    out.scalar = x.store().element == internal::Element::float32 ? Scalar::float32 : Scalar::float64;
  return out;
}

// Starts are made on the host, whatever the device of the fit.
Context host_context(const ConjugateOptions& options) { return Context({}, options.threads); }

Context device_context(const ConjugateOptions& options) {
  return Context(options.device.value_or(Device{}), options.threads);
}

std::string device_reason(const ConjugateOptions& options) {
  return options.device ? "asked for" : "how fast Gaussian mixtures are on other devices has not been measured";
}

// The rows that restarts go over, one after another: shuffled where batches are taken, and brought to the device.
struct RowsOfFit {
  RowsOfFit(const FeatureMatrix& rows, std::span<const double> weights_of_rows, const internal::MixtureUnits& units,
            const ConjugateOptions& options)
      : x(rows),
        weights(weights_of_rows),
        context(device_context(options)),
        source(options.engine != ConjugateEngine::cavi && options.batch_size < x.n_rows()
                   ? internal::shuffled_source(x, weights, make_key(options.seed, Purpose::shuffle))
                   : internal::MixtureRowSource{x, {}, weights}),
        prepared(internal::prepare_rows(source.x, source.weights, units, options.scalar, context)) {}

  const FeatureMatrix& x;  // as they came
  std::span<const double> weights;
  Context context;
  internal::MixtureRowSource source;
  std::shared_ptr<const internal::PreparedMixtureRows> prepared;
};

void add_crc(unsigned long& crc, std::span<const double> values) {
  crc = ::crc32(crc, reinterpret_cast<const unsigned char*>(values.data()), static_cast<uInt>(values.size_bytes()));
}

// The data are known by their mean and units; the start by its statistics.
Identity identity_of(const PreparedMixture& mixture, const RowsOfFit& rows, std::span<const double> start,
                     bool merges) {
  unsigned long crc = ::crc32(0, nullptr, 0);
  const double numbers[] = {mixture.prior.kappa, mixture.prior.nu, mixture.prior.concentration,
                            std::accumulate(rows.weights.begin(), rows.weights.end(), 0.0)};
  for (const std::span<const double> values :
       {std::span<const double>(numbers), std::span<const double>(mixture.units.centre),
        std::span<const double>(mixture.units.unit), start,
        std::span<const double>(mixture.prior.mean.data(), static_cast<std::size_t>(mixture.prior.mean.size())),
        std::span<const double>(mixture.prior.inverse_scale.data(),
                                static_cast<std::size_t>(mixture.prior.inverse_scale.size()))})
    add_crc(crc, values);
  return {{"model", "gaussian mixture"},
          {"n_components", std::to_string(mixture.prior.layout.k)},
          {"covariance", std::string(name(mixture.prior.layout.kind))},
          {"weights_prior", std::string(name(mixture.prior.weights))},
          {"merges", merges ? "yes" : "no"},
          {"data, priors and start", fmt::format("{:08x}", crc)}};
}

struct Fitted {
  std::vector<double> statistics;
  std::vector<std::size_t> order;  // of sticks; else empty
  ConjugateRun run;
  std::int64_t merges = 0;
};

Fitted run_from(const RowsOfFit& rows, const PreparedMixture& mixture, MixtureGlobals globals,
                std::vector<double> start, const ConjugateOptions& options, bool merges) {
  Identity identity = identity_of(mixture, rows, start, merges);
  GaussianMixtureModel model(rows.source.x, rows.source.weights, mixture.units, std::move(globals), options.scalar,
                             rows.context, merges, rows.prepared);
  internal::ConjugateFit fit =
      internal::fit_conjugate(model, std::move(start), options, rows.context, std::move(identity));
  fit.run.device_reason = device_reason(options);
  return {std::move(fit.statistics), model.globals().weights().order, std::move(fit.run), model.merges()};
}

// From each start; the run is the best one's, with all times and ELBOs.
Fitted best_of_restarts(const RowsOfFit& rows, const PreparedMixture& mixture, const GaussianMixtureOptions& options,
                        const ConjugateOptions& fit) {
  const Context host = host_context(fit);
  Fitted best;
  std::vector<double> elbos;
  double seconds = 0;
  bool interrupted = false;
  for (std::int64_t restart = 0; restart < options.n_restarts && !interrupted; ++restart) {
    ConjugateOptions mine = fit;
    if (restart + 1 < options.n_restarts) mine.checkpoint = mine.resume = {};
    if (std::isfinite(fit.max_seconds)) mine.max_seconds = std::max(1e-9, fit.max_seconds - seconds);
    Fitted found = run_from(rows, mixture, internal::globals_of(mixture.prior, mixture.units, true),
                            internal::starting_statistics(rows.x, rows.weights, mixture, options, host, restart), mine,
                            options.merges);
    seconds += found.run.seconds;
    elbos.push_back(found.run.elbo);
    interrupted = found.run.status == Status::interrupted || seconds >= fit.max_seconds;
    if (restart == 0 || found.run.elbo > best.run.elbo) best = std::move(found);
  }
  best.run.seconds = seconds;
  if (options.n_restarts > 1) best.run.elbo_of_restarts = std::move(elbos);
  return best;
}

// Takes out components of little weight and goes on from the others.  The concentration of each stays as it is.
void prune(const RowsOfFit& rows, PreparedMixture& mixture, const GaussianMixtureOptions& options, ConjugateOptions fit,
           Fitted& fitted, std::vector<std::int64_t>& pruned) {
  fit.checkpoint = fit.resume = {};
  std::vector<std::int64_t> number(static_cast<std::size_t>(mixture.prior.layout.k));
  std::iota(number.begin(), number.end(), std::int64_t{0});
  while (fitted.run.status != Status::diverged && fitted.run.status != Status::interrupted) {
    std::vector<std::size_t> kept;
    for (std::size_t k = 0; k < number.size(); ++k)
      if (fitted.statistics[k] >= options.prune_below) kept.push_back(k);
    if (kept.size() == number.size() || kept.empty()) break;
    std::vector<std::int64_t> left;
    for (const std::size_t k : kept) left.push_back(number[k]);
    for (const std::int64_t k : number)
      if (std::find(left.begin(), left.end(), k) == left.end()) pruned.push_back(k);
    number = std::move(left);
    std::vector<double> start = internal::selected_statistics(mixture.prior.layout, fitted.statistics, kept);
    mixture.prior.layout.k = static_cast<Eigen::Index>(kept.size());
    Fitted after = run_from(rows, mixture, internal::globals_of(mixture.prior, mixture.units, true), std::move(start),
                            fit, options.merges);
    ConjugateRun& run = after.run;
    run.seconds += fitted.run.seconds;
    run.steps += fitted.run.steps;
    run.passes += fitted.run.passes;
    run.elbo_trace.insert(run.elbo_trace.begin(), fitted.run.elbo_trace.begin(), fitted.run.elbo_trace.end());
    run.elbo_of_restarts = fitted.run.elbo_of_restarts;
    after.merges += fitted.merges;
    fitted = std::move(after);
  }
  std::sort(pruned.begin(), pruned.end());
}

}  // namespace

GaussianMixtureFit fit_gaussian_mixture(const FeatureMatrix& x, const GaussianMixtureOptions& options,
                                        std::span<const double> weights) {
  internal::check_mixture_rows(x, weights);
  const ConjugateOptions fit = resolved(options.fit, x);
  const int threads = device_context(fit).threads();
  PreparedMixture mixture = internal::prepare_mixture(x, weights, options, threads);
  const RowsOfFit rows(x, weights, mixture.units, fit);
  Fitted fitted = best_of_restarts(rows, mixture, options, fit);
  std::vector<std::int64_t> pruned;
  if (options.prune_below > 0) prune(rows, mixture, options, fit, fitted, pruned);
  if (!fitted.order.empty())
    fitted.statistics = internal::selected_statistics(mixture.prior.layout, fitted.statistics, fitted.order);
  return {
      GaussianMixture(internal::make_state(mixture.prior, mixture.units, std::move(fitted.statistics), mixture.names)),
      std::move(fitted.run), fitted.merges, std::move(pruned)};
}

// The factors so far are the prior of the new rows' statistics.
GaussianMixtureFit partial_fit(const GaussianMixture& posterior, const FeatureMatrix& x,
                               const ConjugateOptions& options, std::span<const double> weights) {
  const internal::GaussianMixtureState& state = posterior.state();
  internal::check_mixture_rows(x, weights);
  if (x.n_columns() != posterior.n_features())
    throw Error(ErrorCode::shape, fmt::format("x has {} columns, expected the {} features of the mixture",
                                              x.n_columns(), posterior.n_features()));
  const ConjugateOptions fit = resolved(options, x);
  internal::check_finite(x, device_context(fit).threads());
  const PreparedMixture mixture{state.prior, state.units, state.names};
  MixtureGlobals globals(state.globals.gaussians(), state.globals.weights(), false, state.units.log_scale());
  const RowsOfFit rows(x, weights, mixture.units, fit);
  Fitted fitted =
      run_from(rows, mixture, std::move(globals), std::vector<double>(state.statistics.size(), 0.0), fit, false);
  for (std::size_t i = 0; i < fitted.statistics.size(); ++i) fitted.statistics[i] += state.statistics[i];
  return {GaussianMixture(internal::make_state(state.prior, state.units, std::move(fitted.statistics), state.names)),
          std::move(fitted.run),
          0,
          {}};
}

std::string GaussianMixtureFit::to_json() const {
  nlohmann::ordered_json json = {{"schema", 1}, {"velbo_version", velbo::version()}};
  const std::int64_t k = posterior.n_components(), d = posterior.n_features();
  json["model"] = {{"kind", "gaussian_mixture"},
                   {"n_components", k},
                   {"n_features", d},
                   {"covariance", name(posterior.covariance_kind())},
                   {"weights_prior", name(posterior.weights_prior())},
                   {"concentration", posterior.concentration()},
                   {"names", posterior.names()}};
  json["fit"] = nlohmann::ordered_json::parse(run.to_json());
  json["merges"] = merges;
  json["pruned"] = pruned;
  for (std::int64_t i = 0; i < k; ++i) {
    const auto row = [&](const std::vector<double>& values, std::int64_t size) {
      nlohmann::ordered_json out = nlohmann::ordered_json::array();
      for (auto value = values.begin() + i * size; value != values.begin() + (i + 1) * size; ++value)
        out.push_back(std::isfinite(*value) ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr));
      return out;
    };
    json["components"].push_back({{"count", posterior.counts()[static_cast<std::size_t>(i)]},
                                  {"weight", posterior.weights()[static_cast<std::size_t>(i)]},
                                  {"weight_sd", posterior.weights_sd()[static_cast<std::size_t>(i)]},
                                  {"mean", row(posterior.means(), d)},
                                  {"mean_sd", row(posterior.means_sd(), d)},
                                  {"covariance", row(posterior.covariances(), d * d)},
                                  {"covariance_sd", row(posterior.covariances_sd(), d * d)}});
  }
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string GaussianMixtureFit::report() const {
  std::string out = posterior.report();
  out += fmt::format("\nELBO {:.10g} after {:.4g} passes over {} rows in {:.3g} s, engine {}, {}{}: {} ({})\n",
                     run.elbo, run.passes, run.n_units, run.seconds, run.engine, run.scalar,
                     run.device == to_string(Device{}) ? "" : " on " + run.device, name(run.status), run.message);
  if (merges > 0) out += fmt::format("{} merges of two components were accepted.\n", merges);
  if (!pruned.empty()) {
    out += "Taken out, as they held too little weight: components";
    for (const std::int64_t k : pruned) out += fmt::format(" {}", k + 1);
    out += " of the start.\n";
  }
  return out;
}

}  // namespace velbo
