// models/default_priors.cpp
#include "models/default_priors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "models/link.h"
#include "models/outcome_levels.h"
#include "models/row_law.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

double weight_of(const GlmData& data, std::size_t n) { return data.weights.empty() ? 1 : data.weights[n]; }

// Priors made in a program have not been through Prior::parse.
void check(const Prior& prior) {
  const bool has_df = prior.kind == Prior::Kind::student_t || prior.kind == Prior::Kind::half_student_t ||
                      prior.kind == Prior::Kind::gamma;
  const bool sound = std::isfinite(prior.location) && std::isfinite(prior.scale) && prior.scale > 0 &&
                     (!has_df || (std::isfinite(prior.df) && prior.df > 0));
  if (prior.kind != Prior::Kind::flat && !sound)
    throw Error(ErrorCode::argument,
                fmt::format("prior {} makes no sense: expected finite numbers, a positive scale and "
                            "positive degrees of freedom or shape",
                            prior.text()));
}

// Precision weights have an arbitrary unit: sds are those of a row of average weight.
double average_weight(const GlmData& data) {
  if (data.recipe.weights_kind != WeightsKind::precision || data.weights.empty()) return 1;
  double sum = 0, rows = 0;
  for (const double w : data.weights) {
    sum += w;
    rows += w > 0 ? 1 : 0;
  }
  return sum / rows;
}

// Half a row more keeps the logarithms finite.
OutcomeScale describe_levels(const GlmData& data) {
  std::vector<double> rows(data.recipe.levels.size(), 0.0);
  double total = 0, below = 0;
  for (std::size_t n = 0; n < data.y.size(); ++n) {
    rows[static_cast<std::size_t>(data.y[n])] += weight_of(data, n);
    total += weight_of(data, n);
  }
  OutcomeScale out;
  for (std::size_t c = 0; c + 1 < rows.size(); ++c) {
    below += rows[c];
    out.centres.push_back(data.recipe.likelihood == Likelihood::ordinal
                              ? std::log((below + 0.5) / (total - below + 0.5))
                              : std::log((rows[c + 1] + 0.5) / (rows[0] + 0.5)));
  }
  return out;
}

}  // namespace

OutcomeScale describe_outcome(const GlmData& data) {
  if (takes_levels(data.recipe.likelihood)) return describe_levels(data);
  const Link link = link_of(data.recipe.likelihood);
  double total = 0, sum = 0, exposure = 0;
  const double average = average_weight(data);
  // Of exposures only the ratio to each other counts until the end: offsets may be beyond exp().
  const double highest =
      data.offset.empty() || link != Link::log ? 0 : *std::max_element(data.offset.begin(), data.offset.end());
  for (std::size_t n = 0; n < data.y.size(); ++n) {
    const double w = weight_of(data, n) / average;
    const double offset = data.offset.empty() ? 0 : data.offset[n];
    total += w;
    if (link == Link::identity) {
      sum += w * (data.y[n] - offset);
    } else {
      sum += w * data.y[n];
      exposure += w * (link == Link::log ? std::exp(offset - highest) : data.trials.empty() ? 1 : data.trials[n]);
    }
  }
  OutcomeScale out;
  if (link == Link::identity) {
    out.centre = total > 0 ? sum / total : 0;
    double squares = 0;
    for (std::size_t n = 0; n < data.y.size(); ++n) {
      const double r = data.y[n] - (data.offset.empty() ? 0 : data.offset[n]) - out.centre;
      squares += weight_of(data, n) / average * r * r;
    }
    const double variance = squares / std::max(total - 1, 1.0);
    out.sd = variance > 0 ? std::sqrt(variance) : std::max(std::abs(out.centre), 1.0);  // one row: its size
  } else if (data.recipe.likelihood == Likelihood::gamma) {                             // in any unit
    out.centre = std::log(sum / exposure) - highest;
  } else if (link == Link::log) {  // half an event more keeps the logarithms finite when there is none
    out.centre = std::log((sum + 0.5) / (exposure + 0.5 * std::exp(-highest))) - highest;
  } else {
    out.centre = std::log((sum + 0.5) / (exposure - sum + 0.5));
  }
  return out;
}

namespace {

// What may be given for latents behind the coefficients.
struct GivenPrior {
  const char* name;
  std::optional<Prior> GlmOptions::*option;
};
constexpr GivenPrior kGivenPriors[] = {{"sigma", &GlmOptions::prior_sigma},
                                       {"nu", &GlmOptions::prior_nu},
                                       {"phi", &GlmOptions::prior_phi},
                                       {"shape", &GlmOptions::prior_shape}};

// Of what the likelihood has beside coefficients.
void check_auxiliary(const GlmRecipe& recipe, const GlmOptions& options) {
  const auto first = recipe.names.begin() + recipe.n_coefficients();
  for (const GivenPrior& given : kGivenPriors) {
    const std::optional<Prior>& prior = options.*given.option;
    if (!prior) continue;
    check(*prior);
    if (std::find(first, recipe.names.end(), given.name) == recipe.names.end())
      throw Error(ErrorCode::argument, fmt::format("a prior for {} was given, but likelihood {} has no {}", given.name,
                                                   name(recipe.likelihood), given.name));
  }
}

}  // namespace

std::vector<NamedPrior> choose_priors(const GlmData& data, const GlmOptions& options) {
  const GlmRecipe& recipe = data.recipe;
  for (const auto* given : {&options.prior, &options.prior_intercept})
    if (given->has_value()) check(**given);
  for (const auto* given : {&options.prior, &options.prior_intercept})
    if (given->has_value() && (*given)->is_positive())
      throw Error(ErrorCode::argument, fmt::format("prior {} is for positive parameters only, and a coefficient can be "
                                                   "negative; give a normal, student_t, cauchy, laplace or flat prior",
                                                   (*given)->text()));
  check_auxiliary(recipe, options);
  if (options.prior_intercept && !recipe.has_intercept && recipe.likelihood != Likelihood::ordinal)
    throw Error(ErrorCode::argument, "a prior for the intercept was given, but the model has no intercept");
  const OutcomeScale outcome = describe_outcome(data);
  const auto column_sd = [&](std::size_t j) { return data.column_sd[j] > 0 ? data.column_sd[j] : 1; };
  std::vector<NamedPrior> priors;
  double spread = 1;
  for (std::size_t j = recipe.has_intercept ? 1 : 0; j < data.column_mean.size(); ++j) {
    const double ratio = data.column_sd[j] > 0 ? data.column_mean[j] / data.column_sd[j] : 0;
    spread += ratio * ratio;
  }
  const double intercept_sd = 2.5 * outcome.sd * std::sqrt(spread);
  const auto n_columns = static_cast<std::size_t>(data.n_columns);
  for (std::int64_t k = 0; k < recipe.n_predictors(); ++k)
    for (std::size_t j = 0; j < n_columns; ++j) {
      const bool intercept = j == 0 && recipe.has_intercept;
      const auto& given = intercept ? options.prior_intercept : options.prior;
      const Prior fallback = intercept ? Prior::normal(outcome.centre_of(k), intercept_sd)
                                       : Prior::normal(0, 2.5 * outcome.sd / column_sd(j));
      priors.push_back({recipe.names[priors.size()], given.value_or(fallback), !given.has_value()});
    }
  if (recipe.has_sigma())
    priors.push_back(
        {recipe.names.back(),
         options.prior_sigma.value_or(Prior::exponential(1 / (outcome.sd * std::sqrt(average_weight(data))))),
         !options.prior_sigma.has_value()});
  if (const RowLaw* const law = row_law(recipe.likelihood); law != nullptr)
    for (const Auxiliary& a : law->auxiliary()) {
      Prior fallback = a.are_cutpoints ? Prior::normal(0, intercept_sd) : a.fallback;
      if (a.scales_with_outcome) fallback.scale *= outcome.sd;
      const std::optional<Prior>& given = options.*a.option;
      for (std::int64_t i = 0; i < a.count(recipe.n_levels()); ++i)
        priors.push_back({recipe.names[priors.size()], given.value_or(fallback), !given.has_value()});
    }
  return priors;
}

}  // namespace velbo::internal
