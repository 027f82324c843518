// models/glm_data.h - what a Glm holds: the checked data, the priors as used, and what predicting needs.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formula/design.h"
#include "models/device_features.h"
#include "velbo/glm.h"

namespace velbo::internal {

// Latents behind the coefficients: of gaussian sigma; src/models/row_law.h has those of the likelihoods that are known to fits
// by their log density.  n_levels: of the outcome, where it has some.
std::int64_t n_auxiliary(Likelihood likelihood, std::int64_t n_levels);

// What new rows need to become predictors; saved with the posterior.
struct GlmRecipe {
  std::string formula;           // as given, or written from the arrays' names
  std::optional<Design> design;  // none for a model made from arrays
  Likelihood likelihood = Likelihood::gaussian;
  WeightsKind weights_kind = WeightsKind::frequency;
  bool has_intercept = true;
  std::vector<std::string> names;        // of the latents on the constrained scale; sigma and the like last
  std::vector<std::string> levels = {};  // of the outcome, of categorical and ordinal: y is 0 .. C - 1
  std::string offset, trials;            // columns of the table; empty: none
  bool has_offset = false;               // also true for arrays
  // Arrays only: the outcome's two labels as given, of which the second counts as 1; none where they were 0 and 1.
  std::optional<std::array<double, 2>> labels = {};
  [[nodiscard]] bool has_sigma() const {
    return likelihood == Likelihood::gaussian;
  }  // the latent behind the coefficients
  [[nodiscard]] std::int64_t n_latents() const { return static_cast<std::int64_t>(names.size()); }
  [[nodiscard]] std::int64_t n_levels() const { return static_cast<std::int64_t>(levels.size()); }
  // Linear predictors of a row, each with coefficients of its own, which lie one predictor's after the other's.
  [[nodiscard]] std::int64_t n_predictors() const { return likelihood == Likelihood::categorical ? n_levels() - 1 : 1; }
  [[nodiscard]] std::int64_t n_coefficients() const { return n_latents() - n_auxiliary(likelihood, n_levels()); }
  // Coefficients of one predictor: the features' and, first where there is one, the intercept.
  [[nodiscard]] std::int64_t n_columns() const { return n_coefficients() / n_predictors(); }
  // The columns of `design` that are none of a predictor's: the intercept of ordinal, which makes factors treatment-coded.
  [[nodiscard]] std::int64_t first_design_column() const {
    return design && design->has_intercept() && !has_intercept ? 1 : 0;
  }
};

// Rows are those that are complete.  All [N], host memory.
struct GlmData {
  GlmRecipe recipe;
  std::int64_t n_rows = 0, n_rows_dropped = 0;
  std::int64_t n_columns = 0;      // D = recipe.n_columns()
  FeatureMatrix x;                 // [N, D] or, with an intercept, whose column is not stored, [N, D - 1]
  std::vector<double> y;           // binomial: successes; categorical and ordinal: 0 .. C - 1
  std::vector<double> weights;     // empty: one each
  std::vector<double> offset;      // empty: zero
  std::vector<double> trials;      // empty: one each
  std::vector<NamedPrior> priors;  // [n_latents]
  bool likelihood_guessed = false;
  double log_normaliser =
      0;  // sum of the likelihood's constants: log binomial coefficients, -log y!, precision weights
  std::vector<double> column_mean, column_sd;  // [D], weighted; of the intercept 1 and 0
  // Copies of x on devices, while fits use them.
  std::shared_ptr<DeviceFeatureCache> on_devices = std::make_shared<DeviceFeatureCache>();
};

}  // namespace velbo::internal
