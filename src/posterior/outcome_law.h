// posterior/outcome_law.h - a new outcome given its linear predictor and auxiliary parameters, for the likelihoods of
// models/row_law.h.
#pragma once
#include "velbo/glm.h"

namespace velbo::internal {

// Without state; usable from any number of threads.
class OutcomeLaw {
 public:
  virtual ~OutcomeLaw() = default;

  // Whole numbers from 0; else a quantile is sought along from_link.
  [[nodiscard]] virtual bool is_count() const noexcept { return false; }
  // The outcome's variance; infinity where there is none.
  [[nodiscard]] virtual double variance(double eta, const double* aux) const noexcept = 0;
  // P(Y <= y).
  [[nodiscard]] virtual double cdf(double y, double eta, const double* aux) const noexcept = 0;
  // About the outcome's sd on the link's scale, and how far eta has to go to change cdf() much.
  [[nodiscard]] virtual double width(double eta, const double* aux) const noexcept = 0;
};

// Null where row_law() is, and for outcomes of several levels (posterior/level_prediction.h).
const OutcomeLaw* outcome_law(Likelihood likelihood) noexcept;

}  // namespace velbo::internal
