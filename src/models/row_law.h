// models/row_law.h - likelihoods of a formula that fits know by the log density of a row and its derivatives: one linear
// predictor a row and a few auxiliary parameters, all positive.
#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "velbo/glm.h"

namespace velbo::internal {

inline constexpr int kMostAuxiliary = 2;

struct Auxiliary {
  const char* name;
  std::optional<Prior> GlmOptions::*option;  // that gives its prior
  Prior fallback;                            // else
  double start;                              // where a fit begins
  bool scales_with_outcome;                  // fallback and start are in units of s_y (GlmOptions)
};

// Without state; usable from any number of threads.
class RowLaw {
 public:
  virtual ~RowLaw() = default;

  // In the order in which they lie behind the coefficients; at most kMostAuxiliary.
  [[nodiscard]] virtual std::span<const Auxiliary> auxiliary() const noexcept = 0;

  // log p(y | eta, aux) with all constants; and, unless `slope` is null, its derivatives by eta and aux, slope [1 + A].
  [[nodiscard]] virtual double log_density(double y, double eta, const double* aux, double* slope) const noexcept = 0;
};

// Null for the likelihoods whose expectations are exact (gaussian, bernoulli, binomial, poisson), and for automatic.
const RowLaw* row_law(Likelihood likelihood) noexcept;

}  // namespace velbo::internal
