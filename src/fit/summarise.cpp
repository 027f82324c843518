// fit/summarise.cpp
#include "fit/summarise.h"

#include <fmt/format.h>

#include <limits>

#include "velbo/version.h"

namespace velbo::internal {
namespace {

// Moments and quantiles, with the corrected ones where the diagnosis has them.
std::vector<ParameterSummary> parameters_of(const Posterior& posterior, const Diagnosis& diagnosis) {
  const auto mean = posterior.mean(), sd = posterior.sd();
  const auto q05 = posterior.quantile(0.05), q25 = posterior.quantile(0.25), q50 = posterior.quantile(0.5),
             q75 = posterior.quantile(0.75), q95 = posterior.quantile(0.95);
  std::vector<ParameterSummary> out;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    ParameterSummary p{.name = posterior.names()[i],
                       .mean = mean[i],
                       .sd = sd[i],
                       .q05 = q05[i],
                       .q25 = q25[i],
                       .q50 = q50[i],
                       .q75 = q75[i],
                       .q95 = q95[i]};
    if (!diagnosis.corrected_mean.empty()) {
      p.corrected_mean = diagnosis.corrected_mean[i];
      p.corrected_sd = diagnosis.corrected_sd[i];
    }
    out.push_back(std::move(p));
  }
  return out;
}

}  // namespace

Diagnosis no_diagnosis() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  return {.k_hat = nan,
          .k_hat_se = nan,
          .ess = nan,
          .log_evidence = nan,
          .n_draws = 0,
          .method = "none",
          .corrected_mean = {},
          .corrected_sd = {}};
}

std::string family_text(FamilyKind family, std::int64_t rank) {
  return rank > 0 ? fmt::format("{}:{}", name(family), rank) : std::string(name(family));
}

Summary summarise(const Outcome& outcome, const EngineReport& report, const Diagnosis& diagnosis,
                  const FitOptions& options, const Context& context, const Posterior& posterior, double fit_seconds,
                  const Stopwatch& watch) {
  Summary out;
  out.velbo_version = version();
  out.fit.threads = context.threads();
  out.fit.seed = options.seed;
  out.fit.tolerance = options.tolerance;
  out.fit.status = outcome.status;
  out.fit.message = message_for(outcome, report, options);
  out.fit.steps = report.steps;
  out.fit.gradient_evaluations = report.evaluations;
  out.fit.rows_read = report.rows_read;
  out.fit.rejected_steps = report.rejected_steps;
  out.fit.seconds = {
      .read = 0, .fit = fit_seconds, .diagnose = watch.seconds() - fit_seconds, .total = watch.seconds()};
  out.quality = {.elbo = outcome.elbo,
                 .elbo_se = report.elbo_se,
                 .k_hat = diagnosis.k_hat,
                 .k_hat_se = diagnosis.k_hat_se,
                 .n_draws = diagnosis.n_draws,
                 .ess = diagnosis.ess,
                 .method = diagnosis.method,
                 .log_evidence = diagnosis.log_evidence,
                 .error_sd = report.error_sd,
                 .iterate_rhat = report.iterate_rhat,
                 .verdict = Verdict::unreliable,
                 .advice = {}};
  out.parameters = parameters_of(posterior, diagnosis);
  return out;
}

}  // namespace velbo::internal
