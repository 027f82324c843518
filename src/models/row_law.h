// models/row_law.h - likelihoods of a formula that fits know by the log density of a row and its derivatives: by the row's linear
// predictors, one or as many as levels but one, and by a few auxiliary parameters.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "velbo/glm.h"

namespace velbo::internal {

inline constexpr int kMostAuxiliary = 2;  // that a row reads

// One positive parameter; or the cutpoints, C - 1 of them in increasing order.
struct Auxiliary {
  const char* name;
  std::optional<Prior> GlmOptions::*option;  // that gives its prior, or each cutpoint's
  Prior fallback;                            // else; cutpoints have an intercept's
  double start;                              // where a fit begins; cutpoints begin at the outcome's cumulative logits
  bool scales_with_outcome;                  // fallback and start are in units of s_y (GlmOptions)
  bool are_cutpoints = false;

  [[nodiscard]] std::int64_t count(std::int64_t n_levels) const noexcept { return are_cutpoints ? n_levels - 1 : 1; }
};

// Consecutive ones among the auxiliary parameters' values.
struct AuxiliaryRange {
  std::int64_t first = 0;
  int count = 0;
};

// Without state; usable from any number of threads.
class RowLaw {
 public:
  virtual ~RowLaw() = default;

  // In the order in which they lie behind the coefficients.
  [[nodiscard]] virtual std::span<const Auxiliary> auxiliary() const noexcept = 0;

  // What log p(y | ...) depends on: A <= kMostAuxiliary of the values.
  [[nodiscard]] virtual AuxiliaryRange reads(double y, std::int64_t n_levels) const noexcept = 0;

  // log p(y | eta, aux) with all constants; and, unless `slope` is null, its derivatives by eta and aux, slope [K + A].  eta [K], aux
  // [A] those that reads() names.
  [[nodiscard]] virtual double log_density(double y, std::int64_t n_levels, const double* eta, const double* aux,
                                           double* slope) const noexcept = 0;
};

// What the values behind the coefficients are called: "sigma", "cutpoint[1]".
std::vector<std::string> auxiliary_names(Likelihood likelihood, std::int64_t n_levels);

// Null for the likelihoods whose expectations are exact (gaussian, bernoulli, binomial, poisson), and for automatic.
const RowLaw* row_law(Likelihood likelihood) noexcept;

}  // namespace velbo::internal
