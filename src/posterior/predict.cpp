// posterior/predict.cpp - predictions for new rows, by quadrature or fixed points.
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "data/text.h"
#include "models/outcome_levels.h"
#include "posterior/level_prediction.h"
#include "posterior/linear_map.h"
#include "posterior/posterior_state.h"
#include "posterior/row_prediction.h"
#include "velbo/error.h"
#include "velbo/posterior.h"

namespace velbo {
namespace {

using internal::GlmRecipe;
using internal::LinearMap;
using internal::LinearPredictor;
using internal::RowPredictor;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

void require_formula(const PosteriorState& state) {
  if (state.model)
    throw Error(ErrorCode::argument, "this is a fit of the model " + internal::quoted(state.model->name) +
                                         ", which was written in code: only formulas' models predict; sample its "
                                         "parameters instead");
}

void check_interval(double interval) {
  if (!(interval > 0 && interval < 1))
    throw Error(ErrorCode::argument,
                "interval is " + internal::format_number(interval) + ", expected a probability between 0 and 1");
}

RowPredictor make_row_predictor(const PosteriorState& state, const PredictOptions& options) {
  const std::vector<double> mean(state.mean.begin() + state.recipe.n_coefficients(), state.mean.end());
  return {state.recipe.likelihood, options, mean, internal::auxiliary_covariance(state)};
}

// One row at a time into the four columns, or their one for each level.
class Collector {
 public:
  Collector(const PosteriorState& state, const PredictOptions& options, std::int64_t n_rows) {
    check_interval(options.interval);
    std::size_t width = 1;
    if (internal::takes_levels(state.recipe.likelihood)) {
      levels_.emplace(state, options);
      out_.levels = levels_->levels();
      width = levels_->width();
    } else {
      map_.emplace(state);
      predictor_.emplace(make_row_predictor(state, options));
    }
    for (std::vector<double>* column : {&out_.mean, &out_.sd, &out_.lower, &out_.upper})
      column->assign(size(n_rows) * width, nan);
  }

  void set(std::int64_t row, const double* x, double offset, double trials) {
    if (levels_) {
      const std::size_t at = size(row) * levels_->width();
      levels_->predict(x, offset, &out_.mean[at], &out_.sd[at], &out_.lower[at], &out_.upper[at]);
      return;
    }
    LinearPredictor eta = map_->apply(x);
    eta.mean += offset;
    const internal::RowPrediction p = predictor_->predict(eta, trials);
    out_.mean[size(row)] = p.mean;
    out_.sd[size(row)] = p.sd;
    out_.lower[size(row)] = p.lower;
    out_.upper[size(row)] = p.upper;
  }

  Predictions take() { return std::move(out_); }

 private:
  std::optional<LinearMap> map_;
  std::optional<RowPredictor> predictor_;
  std::optional<internal::LevelPredictor> levels_;  // in place of both
  Predictions out_;
};

bool needs_trials(const GlmRecipe& recipe, const PredictOptions& options) {
  return recipe.likelihood == Likelihood::binomial && options.kind == PredictionKind::outcome;
}

bool is_count(double value) { return value >= 0 && value == std::floor(value); }

void expect_rows(const char* what, std::size_t found, std::int64_t expected) {
  if (found != size(expected))
    throw Error(ErrorCode::shape, std::string(what) + " has " + std::to_string(found) + " elements, x has " +
                                      std::to_string(expected) + " rows");
}

[[noreturn]] void fail_trials(const std::string& place, double value) {
  throw Error(ErrorCode::data,
              place + ": trials is " + internal::format_number(value) + ", expected a whole number >= 0");
}

}  // namespace

Predictions Posterior::predict(const Table& table, const PredictOptions& options) const {
  const GlmRecipe& recipe = state_->recipe;
  require_formula(*state_);
  if (!recipe.design)
    throw Error(ErrorCode::argument, "this model was made from arrays and cannot read a table; give arrays to predict");
  Collector collector(*state_, options, table.n_rows());

  std::vector<std::string> also;
  const bool with_trials = needs_trials(recipe, options);
  if (!recipe.offset.empty()) also.push_back(recipe.offset);
  if (with_trials) also.push_back(recipe.trials);
  const internal::EvaluatedRows<double> rows =
      recipe.design->evaluate<double>(table, internal::MissingRows::keep, also);

  std::vector<std::int64_t> usable;  // rows of the table
  for (std::size_t i = 0; i < rows.row.size(); ++i)
    if (rows.complete[i] != 0) usable.push_back(rows.row[i]);
  std::vector<double> offset, trials;
  if (!recipe.offset.empty()) offset = internal::number_column(table, recipe.offset, usable);
  if (with_trials) trials = internal::number_column(table, recipe.trials, usable);

  const std::int64_t first = recipe.first_design_column(), d = first + recipe.n_columns();
  std::size_t next = 0;
  for (std::size_t i = 0; i < rows.row.size(); ++i) {
    if (rows.complete[i] == 0) continue;
    if (with_trials && !is_count(trials[next])) fail_trials(table.place(rows.row[i]), trials[next]);
    collector.set(rows.row[i], rows.x.data() + i * size(d) + first, offset.empty() ? 0 : offset[next],
                  with_trials ? trials[next] : 1);
    ++next;
  }
  return collector.take();
}

Predictions Posterior::predict(MatrixView<const double> x, std::span<const double> offset,
                               std::span<const double> trials, const PredictOptions& options) const {
  return predict_rows(FeatureMatrix::borrow(x), offset, trials, options);
}

Predictions Posterior::predict_rows(const FeatureMatrix& x, std::span<const double> offset,
                                    std::span<const double> trials, const PredictOptions& options) const {
  const GlmRecipe& recipe = state_->recipe;
  require_formula(*state_);
  const std::int64_t first = recipe.has_intercept ? 1 : 0, n_rows = x.n_rows();
  const std::int64_t n_features = recipe.n_columns() - first;
  if (x.is_sparse() ? x.n_columns() > n_features : x.n_columns() != n_features)
    throw Error(ErrorCode::shape, "x has " + std::to_string(x.n_columns()) + " columns, the model has " +
                                      std::to_string(n_features) + " predictors");
  const bool with_trials = needs_trials(recipe, options);
  if (recipe.has_offset && offset.empty() && n_rows > 0)
    throw Error(ErrorCode::argument, "the model has an offset: give the rows' offset");
  if (with_trials && trials.empty() && n_rows > 0)
    throw Error(ErrorCode::argument, "binomial outcomes need the rows' trials");
  if (!offset.empty()) expect_rows("offset", offset.size(), n_rows);
  if (with_trials && !trials.empty()) expect_rows("trials", trials.size(), n_rows);

  Collector collector(*state_, options, n_rows);
  std::vector<double> row(size(recipe.n_columns()), 0.0);
  if (recipe.has_intercept) row[0] = 1;
  const std::span<double> features = std::span(row).subspan(size(first), size(x.n_columns()));
  for (std::int64_t i = 0; i < n_rows; ++i) {
    x.row(i, features);
    const double row_offset = offset.empty() ? 0 : offset[size(i)];
    const double row_trials = with_trials ? trials[size(i)] : 1;
    bool complete = !std::isnan(row_offset) && !std::isnan(row_trials);
    for (std::size_t j = 0; j < features.size(); ++j) {
      if (std::isinf(features[j]))
        throw Error(ErrorCode::data, "x[" + std::to_string(i) + ", " + std::to_string(j) + "] is " +
                                         internal::format_number(features[j]) + ", expected a finite number");
      complete = complete && !std::isnan(features[j]);
    }
    if (std::isinf(row_offset)) throw Error(ErrorCode::data, "row " + std::to_string(i) + ": offset is not finite");
    if (!complete) continue;
    if (!is_count(row_trials) || std::isinf(row_trials)) fail_trials("row " + std::to_string(i), row_trials);
    collector.set(i, row.data(), row_offset, row_trials);
  }
  return collector.take();
}

}  // namespace velbo
