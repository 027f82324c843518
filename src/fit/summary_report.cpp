// fit/summary_report.cpp - the summary for people, at most 100 columns wide.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "fit/report_text.h"
#include "velbo/fit.h"

namespace velbo {
namespace {

using internal::labelled;

constexpr std::size_t page_width = 100;
constexpr std::size_t most_parameters = 60;  // in the table; all of them are in the JSON

std::string_view link_of(std::string_view likelihood) {
  if (likelihood == "bernoulli" || likelihood == "binomial" || likelihood == "beta") return ", logit link";
  if (likelihood == "poisson" || likelihood == "negative_binomial" || likelihood == "gamma") return ", log link";
  if (likelihood == "categorical") return ", logits against the first level";
  if (likelihood == "ordinal") return ", cumulative logits";
  return "";
}

std::string_view words_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::good: return "good: the posterior is close to the exact one";
    case Verdict::usable: return "usable: means and sds are close to the exact ones, tails are rough";
    case Verdict::unreliable: return "UNRELIABLE: these numbers may be far from the exact posterior";
  }
  return "";
}

std::string_view words_of(Status status) {
  switch (status) {
    case Status::converged: return "converged";
    case Status::max_steps: return "NOT converged: stopped at the limit of steps";
    case Status::max_seconds: return "NOT converged: stopped at the limit of time";
    case Status::diverged: return "NOT converged: diverged";
    case Status::interrupted: return "NOT converged: interrupted";
  }
  return "";
}

// Four significant digits are enough to read.
std::string short_text(Prior prior) {
  for (double* number : {&prior.df, &prior.location, &prior.scale})
    if (std::isfinite(*number)) *number = std::stod(fmt::format("{:.4g}", *number));
  if (prior.kind == Prior::Kind::gamma) return fmt::format("gamma({}, {:.4g})", prior.df, 1 / prior.scale);
  return prior.kind == Prior::Kind::exponential ? fmt::format("exponential({:.4g})", 1 / prior.scale) : prior.text();
}

std::string prior_of(const Summary& summary, const std::string& parameter) {
  for (const NamedPrior& prior : summary.model.priors)
    if (prior.parameter == parameter) return short_text(prior.prior) + (prior.is_default ? " *" : "");
  return "";
}

// A model in code has neither rows nor priors that a table could show.
bool in_code(const Summary& summary) { return summary.model.likelihood == "log_density"; }

std::string model_part(const Summary& summary) {
  const Summary::Model& model = summary.model;
  std::string out = labelled("model", model.formula, page_width);
  if (in_code(summary)) return out + labelled("latents", internal::with_thousands(model.n_latents));
  out += labelled("likelihood", fmt::format("{}{}{}", model.likelihood, link_of(model.likelihood),
                                            model.likelihood_guessed ? " (guessed from the outcome)" : ""));
  if (!model.levels.empty())
    out += labelled("levels", fmt::format("{}", fmt::join(model.levels, model.likelihood == "ordinal" ? " < " : ", ")),
                    page_width);
  out += labelled("rows", internal::with_thousands(model.n_rows) +
                              (model.n_rows_dropped > 0 ? fmt::format(" ({} dropped for missing values)",
                                                                      internal::with_thousands(model.n_rows_dropped))
                                                        : ""));
  return out;
}

std::size_t widest_line(std::string_view text) {
  std::size_t widest = 0;
  for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1))
    widest = std::max(widest, internal::display_width(text.substr(0, end)));
  return widest;
}

std::string parameter_part(const Summary& summary) {
  std::vector<std::vector<std::string>> rows;
  bool any_default = false;
  const bool responds = std::ranges::any_of(
      summary.parameters, [](const ParameterSummary& p) { return std::isfinite(p.linear_response_sd); });
  for (const ParameterSummary& p : summary.parameters) {
    if (rows.size() == most_parameters && summary.parameters.size() > most_parameters + 1) break;
    std::vector<std::string> row = {p.name};
    for (std::string& cell : internal::row_of_numbers({p.mean, p.sd, p.q05, p.q50, p.q95}, p.sd))
      row.push_back(std::move(cell));
    if (responds) row.push_back(internal::row_of_numbers({p.linear_response_sd}, p.linear_response_sd)[0]);
    row.push_back(prior_of(summary, p.name));
    any_default = any_default || row.back().ends_with(" *");
    rows.push_back(std::move(row));
  }
  std::vector<std::string> headings = {"parameter", "mean", "sd", "5 %", "50 %", "95 %", "prior"};
  if (responds) headings.insert(headings.end() - 1, "sd (response)");
  std::string out = internal::table_text(headings, rows, 1);
  const std::size_t width = widest_line(out);
  if (width > page_width) {  // the names give way
    std::size_t longest = 0;
    for (const auto& row : rows) longest = std::max(longest, internal::display_width(row[0]));
    const std::size_t room = longest > width - page_width ? longest - (width - page_width) : 0;
    for (auto& row : rows) row[0] = internal::cut(row[0], std::max<std::size_t>(room, 12));
    out = internal::table_text(headings, rows, 1);
  }
  if (rows.size() < summary.parameters.size())
    out += fmt::format("... and {} more (in the JSON)\n",
                       internal::with_thousands(static_cast<std::int64_t>(summary.parameters.size() - rows.size())));
  if (responds) out += "sd (response): by linear response, with the correlations that a mean-field family leaves out\n";
  if (any_default) out += "* default prior, scaled to the data\n";
  return out;
}

std::string with_reason(const std::string& what, const std::string& reason) {
  return reason.empty() ? what : what + ": " + reason;
}

// "3, the best number 3; ELBOs before the last phases: -12.31 +- 0.02 (elsewhere), none, -10.11 +- 0.02"
std::string starts_text(const Summary::Run& run) {
  std::vector<std::string> elbos;
  for (const Summary::Run::Start& start : run.starts)
    elbos.push_back(std::isfinite(start.elbo) ? fmt::format("{:.2f} +- {:.2g}{}", start.elbo, start.elbo_se,
                                                            start.same_optimum ? "" : " (elsewhere)")
                                              : "none");
  return fmt::format("{}, the best number {}; ELBOs before the last phases: {}", run.starts.size(), run.best_start + 1,
                     fmt::join(elbos, ", "));
}

std::string fit_part(const Summary& summary) {
  const Summary::Run& run = summary.fit;
  const std::string work =
      in_code(summary) || run.engine == "natural_gradient" || run.engine == "saa"
          ? internal::with_thousands(run.gradient_evaluations) + " gradients"
          : fmt::format("{:.3g} pass{} over the data", run.full_passes, run.full_passes == 1 ? "" : "es");
  std::string text =
      fmt::format("{} after {} step{} and {}, in {}", words_of(run.status), internal::with_thousands(run.steps),
                  run.steps == 1 ? "" : "s", work, internal::duration(run.seconds.fit));
  if (run.seconds.diagnose > 0)
    text += fmt::format(" (and {} for the diagnosis)", internal::duration(run.seconds.diagnose));
  if (run.rejected_steps > 0) text += fmt::format("; {} rejected", internal::with_thousands(run.rejected_steps));
  std::string out = labelled("fit", text);
  if (!run.message.empty() && !summary.converged()) out += labelled("", run.message);
  if (!run.starts.empty()) out += labelled("starts", starts_text(run));
  out += labelled("engine", with_reason(run.engine + ", " + run.estimator, run.engine_reason));
  out += labelled("family", with_reason(run.family, run.family_reason));
  out += labelled("device",
                  with_reason(fmt::format("{}, {} thread{}", run.device, run.threads, run.threads == 1 ? "" : "s"),
                              run.device_reason));
  out += labelled("numbers", with_reason(run.scalar, run.scalar_reason) + fmt::format("; seed {}", run.seed));
  return out;
}

std::string quality_part(const Summary& summary) {
  const Summary::Quality& quality = summary.quality;
  std::string elbo = fmt::format("{:.2f}", quality.elbo);
  if (quality.elbo_se > 0) elbo += fmt::format(" +- {:.2g}", quality.elbo_se);
  if (std::isfinite(quality.log_evidence)) elbo += fmt::format(" (log evidence {:.2f})", quality.log_evidence);
  std::string out = labelled("ELBO", elbo);
  std::string k_hat = std::isfinite(quality.k_hat) ? fmt::format("{:.2f}", quality.k_hat) : "not known";
  if (quality.k_hat_se > 0) k_hat += fmt::format(" +- {:.2g}", quality.k_hat_se);
  if (quality.n_draws > 0)
    k_hat += fmt::format(" from {} draws{}{}", internal::with_thousands(quality.n_draws),
                         quality.method.empty() ? "" : ", ", quality.method);
  if (std::isfinite(quality.linear_response_k_hat))
    k_hat += fmt::format("; {:.2f} of the linear response's Gaussian", quality.linear_response_k_hat);
  out += labelled("k-hat", k_hat);
  out += labelled("error", std::isfinite(quality.error_sd)
                               ? fmt::format("{:.2g} posterior sd to the optimum (asked for {:.2g})", quality.error_sd,
                                             summary.fit.tolerance)
                               : "the distance to the optimum is not known");
  if (std::isfinite(quality.iterate_rhat))
    out += labelled("iterates", fmt::format("R-hat {:.3f}{}", quality.iterate_rhat,
                                            quality.iterate_rhat <= 1.1 ? "" : ": the last steps were still moving"));
  out += labelled("verdict", words_of(quality.verdict));
  if (!quality.advice.empty()) out += labelled("", quality.advice);
  return out;
}

}  // namespace

std::string Summary::brief_report() const {
  return fmt::format("{}, {}: ELBO {:.2f}, k-hat {:.2f}, {} steps, {}", name(fit.status), name(quality.verdict),
                     quality.elbo, quality.k_hat, fit.steps, internal::duration(fit.seconds.total));
}

std::string Summary::full_report() const {
  std::string out = model_part(*this) + "\n" + parameter_part(*this) + "\n" + fit_part(*this) + quality_part(*this);
  for (const std::string& warning : warnings) out += labelled("warning", warning);
  return out;
}

}  // namespace velbo
