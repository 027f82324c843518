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
// by their log density.
std::int64_t n_auxiliary(Likelihood likelihood);

// What new rows need to become predictors; saved with the posterior.
struct GlmRecipe {
  std::string formula;           // as given, or written from the arrays' names
  std::optional<Design> design;  // none for a model made from arrays
  Likelihood likelihood = Likelihood::gaussian;
  WeightsKind weights_kind = WeightsKind::frequency;
  bool has_intercept = true;
  std::vector<std::string> names;  // of the latents on the constrained scale; sigma and the like last
  std::string offset, trials;      // columns of the table; empty: none
  bool has_offset = false;         // also true for arrays
  // Arrays only: the outcome's two labels as given, of which the second counts as 1; none where they were 0 and 1.
  std::optional<std::array<double, 2>> labels = {};
  [[nodiscard]] bool has_sigma() const {
    return likelihood == Likelihood::gaussian;
  }  // the latent behind the coefficients
  [[nodiscard]] std::int64_t n_latents() const { return static_cast<std::int64_t>(names.size()); }
  [[nodiscard]] std::int64_t n_coefficients() const { return n_latents() - n_auxiliary(likelihood); }
};

// Rows are those that are complete.  All [N], host memory.
struct GlmData {
  GlmRecipe recipe;
  std::int64_t n_rows = 0, n_rows_dropped = 0;
  std::int64_t n_columns = 0;      // D coefficients: the features' and, first where there is one, the intercept
  FeatureMatrix x;                 // [N, D] or, with an intercept, whose column is not stored, [N, D - 1]
  std::vector<double> y;           // binomial: successes
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
