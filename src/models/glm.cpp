// models/glm.cpp - checks data and options once, so that fitting meets no surprises.
#include "velbo/glm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/mapped_file.h"
#include "formula/design.h"
#include "math/special.h"
#include "models/column_moments.h"
#include "models/default_priors.h"
#include "models/glm_checks.h"
#include "models/glm_data.h"
#include "models/log_joint.h"
#include "models/outcome_levels.h"
#include "models/row_law.h"
#include "models/row_model.h"
#include "velbo/error.h"

namespace velbo {
namespace internal {
namespace {

void check_options(Likelihood likelihood, bool has_trials, bool has_offset, const GlmOptions& options) {
  if (likelihood == Likelihood::binomial && !has_trials)
    throw Error(ErrorCode::argument, "likelihood binomial needs the number of trials of each row: name their column");
  if (likelihood != Likelihood::binomial && likelihood != Likelihood::automatic && has_trials)
    throw Error(ErrorCode::argument,
                fmt::format("trials were given, but likelihood {} has none; binomial has", name(likelihood)));
  if (options.weights_kind == WeightsKind::precision && likelihood != Likelihood::gaussian)
    throw Error(ErrorCode::argument,
                fmt::format("precision weights are for likelihood gaussian, not {}", name(likelihood)));
  if (!options.levels.empty() && !takes_levels(likelihood))
    throw Error(
        ErrorCode::argument,
        fmt::format("levels were given, but likelihood {} has none; categorical and ordinal have", name(likelihood)));
  if (has_offset && likelihood == Likelihood::categorical)
    throw Error(ErrorCode::argument,
                "an offset was given, but likelihood categorical takes none: its rows have a predictor for each level "
                "but the first");
}

// The cutpoints of ordinal are its intercepts.  A formula without one would code its factors by all their levels, whose sum nothing
// but a prior would tell from the cutpoints.
bool has_intercept(Likelihood likelihood, bool wanted) {
  if (likelihood != Likelihood::ordinal) return wanted;
  if (!wanted)
    throw Error(ErrorCode::argument,
                "likelihood ordinal has no intercept that could be left out: its cutpoints are the intercepts; write "
                "the formula without -1 or 0");
  return false;
}

// Names of columns become those of all latents.
void name_latents(GlmRecipe& recipe) {
  if (recipe.likelihood == Likelihood::categorical) {
    const std::vector<std::string> columns = std::move(recipe.names);
    recipe.names.clear();
    for (std::size_t c = 1; c < recipe.levels.size(); ++c)
      for (const std::string& column : columns) recipe.names.push_back(fmt::format("{}[{}]", column, recipe.levels[c]));
  }
  for (std::string& name : auxiliary_names(recipe.likelihood, recipe.n_levels()))
    recipe.names.push_back(std::move(name));
}

// Weighted mean and sd of each column; the intercept's are 1 and 0.
void describe_columns(GlmData& data) {
  // Precision weights do not count rows: a row of any positive weight is one.
  const bool precision = data.recipe.weights_kind == WeightsKind::precision;
  ColumnMoments moments =
      column_moments(data.x.store(), data.weights, precision ? RowCount::positive : RowCount::weight);
  if (const MappedFile* const file = data.x.store().file; file != nullptr) file->check_unchanged();
  if (data.recipe.has_intercept) {
    moments.mean.insert(moments.mean.begin(), 1);
    moments.sd.insert(moments.sd.begin(), 0);
  }
  data.column_mean = std::move(moments.mean);
  data.column_sd = std::move(moments.sd);
}

// The likelihood's constants, which no fit depends on but every ELBO includes.
double log_normaliser(const GlmData& data) {
  double sum = 0;
  if (data.recipe.likelihood == Likelihood::bernoulli) return sum;
  for (std::size_t n = 0; n < data.y.size(); ++n) {
    const double w = data.weights.empty() ? 1 : data.weights[n];
    const double y = data.y[n];
    switch (data.recipe.likelihood) {
      case Likelihood::binomial: {
        const double trials = data.trials[n];
        sum += w * internal::log_choose(trials, y);
        break;
      }
      case Likelihood::poisson: sum -= w * log_gamma(y + 1); break;
      case Likelihood::gaussian:
        if (data.recipe.weights_kind == WeightsKind::precision && w > 0) sum += 0.5 * std::log(w);
        break;
      default: break;
    }
  }
  return sum;
}

// What both constructors have in common, once the columns are filled.
void finish(GlmData& data, Likelihood likelihood, LevelledOutcome outcome, const GlmOptions& options,
            const PlaceOfRow& place) {
  const bool has_levels = !outcome.texts.empty();
  if (data.n_rows == 0)
    throw Error(ErrorCode::data, data.n_rows_dropped == 0
                                     ? std::string("there are no rows")
                                     : fmt::format("all {} rows have a missing value", data.n_rows_dropped));
  if (likelihood == Likelihood::automatic) {
    data.likelihood_guessed = data.trials.empty();
    likelihood = data.trials.empty() ? guess_likelihood(outcome.name, data.y, has_levels) : Likelihood::binomial;
  }
  if (has_levels && likelihood != Likelihood::bernoulli && likelihood != Likelihood::binomial &&
      !takes_levels(likelihood))
    throw Error(ErrorCode::argument,
                fmt::format("outcome {} is text, but likelihood {} needs numbers", outcome.name, name(likelihood)));
  data.recipe.likelihood = likelihood;
  data.recipe.weights_kind = options.weights_kind;
  check_options(likelihood, !data.trials.empty(), !data.offset.empty(), options);
  check_weights(options.weights, data.weights, place);
  check_trials(options.trials, data.trials, place);
  check_outcome(likelihood, outcome.name, data.y, data.trials, data.weights, place);
  if (takes_levels(likelihood)) {
    outcome.order = options.levels;
    data.recipe.levels = code_levels(outcome, data.weights, place, data.y);
  }
  data.recipe.has_offset = !data.offset.empty();
  data.recipe.offset = options.offset;
  data.recipe.trials = options.trials;
  name_latents(data.recipe);
  describe_columns(data);
  data.priors = choose_priors(data, options);
  data.log_normaliser = log_normaliser(data);
}

std::shared_ptr<const GlmData> from_table(std::string_view formula, Likelihood likelihood, const Table& table,
                                          const GlmOptions& options) {
  std::vector<std::string> needed;
  for (const std::string* column : {&options.weights, &options.offset, &options.trials})
    if (!column->empty()) needed.push_back(*column);
  if (table.n_rows() == 0) throw Error(ErrorCode::data, table.source() + ": the table has no rows");
  auto data = std::make_shared<GlmData>();
  const Design design = Design::make(formula, table, options.no_intercept, needed, takes_levels(likelihood));
  EvaluatedRows<double> rows = design.evaluate<double>(table, MissingRows::drop);
  data->n_rows = static_cast<std::int64_t>(rows.row.size());
  data->n_rows_dropped = table.n_rows() - data->n_rows;
  if (data->n_rows == 0)
    throw Error(ErrorCode::data,
                fmt::format("{}: every one of the {} rows has a missing value in a column of the model", table.source(),
                            table.n_rows()));
  const auto n_columns = static_cast<std::int64_t>(design.names().size());
  if (n_columns == 0) throw Error(ErrorCode::formula, "the formula has no terms: nothing to fit");
  data->x = FeatureMatrix::adopt(std::move(rows.x), data->n_rows, n_columns, design.has_intercept() ? 1 : 0);
  data->y = design.evaluate_response(table, rows.row);
  if (!options.weights.empty()) data->weights = number_column(table, options.weights, rows.row);
  if (!options.offset.empty()) data->offset = number_column(table, options.offset, rows.row);
  if (!options.trials.empty()) data->trials = number_column(table, options.trials, rows.row);
  data->recipe.formula = design.formula();
  data->recipe.design = design;
  data->recipe.has_intercept = has_intercept(likelihood, design.has_intercept());
  data->recipe.names.assign(design.names().begin() + data->recipe.first_design_column(), design.names().end());
  data->n_columns = static_cast<std::int64_t>(data->recipe.names.size());
  finish(*data, likelihood, {.name = design.response().name, .texts = design.response().levels}, options,
         [&](std::int64_t n) { return table.place(rows.row[static_cast<std::size_t>(n)]); });
  return data;
}

void expect_length(const char* what, std::size_t found, std::int64_t expected) {
  if (found != 0 && found != static_cast<std::size_t>(expected))
    throw Error(ErrorCode::shape, fmt::format("{} has {} elements, but x has {} rows", what, found, expected));
}

// Of two labels the larger becomes 1, for likelihood bernoulli or where none is named.
void read_labels(Likelihood likelihood, GlmData& data) {
  if (likelihood != Likelihood::bernoulli && (likelihood != Likelihood::automatic || !data.trials.empty())) return;
  const auto labels = two_labels(data.y);
  if (!labels || *labels == std::array<double, 2>{0, 1}) return;
  for (double& y : data.y) y = y == (*labels)[1] ? 1 : 0;
  data.recipe.labels = labels;
}

std::shared_ptr<const GlmData> from_arrays(Likelihood likelihood, const GlmArrays& arrays, const GlmOptions& options) {
  const auto& x = arrays.x;
  if (!options.weights.empty() || !options.offset.empty() || !options.trials.empty())
    throw Error(ErrorCode::argument, "columns were named, but the model is made from arrays: give them as arrays");
  if (static_cast<std::int64_t>(arrays.y.size()) != x.n_rows())
    throw Error(ErrorCode::shape, fmt::format("y has {} elements, but x has {} rows", arrays.y.size(), x.n_rows()));
  expect_length("weights", arrays.weights.size(), x.n_rows());
  expect_length("offset", arrays.offset.size(), x.n_rows());
  expect_length("trials", arrays.trials.size(), x.n_rows());
  expect_length("names", arrays.names.size(), arrays.names.empty() ? 0 : x.n_columns());
  auto data = std::make_shared<GlmData>();
  GlmRecipe& recipe = data->recipe;
  recipe.has_intercept = has_intercept(likelihood, !options.no_intercept);
  if (recipe.has_intercept) recipe.names.emplace_back("Intercept");
  for (std::int64_t j = 0; j < x.n_columns(); ++j)
    recipe.names.push_back(arrays.names.empty() ? fmt::format("x{}", j + 1)
                                                : arrays.names[static_cast<std::size_t>(j)]);
  if (recipe.names.empty() && options.no_intercept)
    throw Error(ErrorCode::shape, "x has no columns and there is no intercept: nothing to fit");
  recipe.formula = options.no_intercept ? "y ~ 0" : "y ~ 1";
  if (x.n_columns() > 3) {
    recipe.formula = fmt::format("y ~ {}{} + ... + {}", options.no_intercept ? "0 + " : "",
                                 recipe.names[recipe.has_intercept ? 1 : 0], recipe.names.back());
  } else {
    for (std::int64_t j = 0; j < x.n_columns(); ++j)
      recipe.formula += " + " + recipe.names[static_cast<std::size_t>(j + (recipe.has_intercept ? 1 : 0))];
  }
  data->n_rows = x.n_rows();
  data->n_columns = static_cast<std::int64_t>(recipe.names.size());
  data->x = x;
  data->y.assign(arrays.y.begin(), arrays.y.end());
  data->weights.assign(arrays.weights.begin(), arrays.weights.end());
  data->offset.assign(arrays.offset.begin(), arrays.offset.end());
  data->trials.assign(arrays.trials.begin(), arrays.trials.end());
  const PlaceOfRow place = [](std::int64_t n) { return fmt::format("row {}", n); };
  for (std::size_t n = 0; n < data->offset.size(); ++n)
    if (!std::isfinite(data->offset[n]))
      throw Error(ErrorCode::data, fmt::format("row {}: offset is {}, expected a finite number", n, data->offset[n]));
  for (std::size_t n = 0; n < data->y.size(); ++n)  // before a likelihood is guessed from it
    if (!std::isfinite(data->y[n]))
      throw Error(ErrorCode::data, fmt::format("row {}: outcome y is {}, expected a finite number", n, data->y[n]));
  if (arrays.y_holds_labels) read_labels(likelihood, *data);
  finish(*data, likelihood, {.name = "y", .holds_labels = arrays.y_holds_labels}, options, place);
  return data;
}

}  // namespace
}  // namespace internal

Glm::Glm(std::string_view formula, Likelihood likelihood, const Table& table, const GlmOptions& options)
    : data_(internal::from_table(formula, likelihood, table, options)) {}

Glm::Glm(Likelihood likelihood, const GlmArrays& arrays, const GlmOptions& options)
    : data_(internal::from_arrays(likelihood, arrays, options)) {}

Likelihood Glm::likelihood() const noexcept { return data_->recipe.likelihood; }
bool Glm::likelihood_was_guessed() const noexcept { return data_->likelihood_guessed; }
const std::string& Glm::formula() const noexcept { return data_->recipe.formula; }
std::int64_t Glm::n_rows() const noexcept { return data_->n_rows; }
std::int64_t Glm::n_rows_dropped() const noexcept { return data_->n_rows_dropped; }
std::int64_t Glm::n_latents() const noexcept { return data_->recipe.n_latents(); }
const std::vector<std::string>& Glm::names() const noexcept { return data_->recipe.names; }
const std::optional<std::array<double, 2>>& Glm::labels() const noexcept { return data_->recipe.labels; }
const std::vector<std::string>& Glm::levels() const noexcept { return data_->recipe.levels; }
const std::vector<NamedPrior>& Glm::priors() const noexcept { return data_->priors; }

double Glm::log_joint(std::span<const double> z) const {
  if (static_cast<std::int64_t>(z.size()) != n_latents())
    throw Error(ErrorCode::shape, fmt::format("z has {} elements, expected {}", z.size(), n_latents()));
  if (internal::row_law(likelihood()) != nullptr) return internal::make_row_model(*data_).log_joint(z);
  return internal::log_joint(*data_, z);
}

}  // namespace velbo
