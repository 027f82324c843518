// posterior/outcome_mixture.h - new outcomes of a likelihood of models/row_law.h: given eta and the auxiliary parameters they have
// the law of posterior/outcome_law.h, and (eta, logarithms of the auxiliary parameters) are jointly Gaussian.
//
// Expectations are sums over nodes of trapezoid rules: over the standardised logarithms, and, given them, over eta.  For functions as
// smooth as distribution functions are, the error falls geometrically with the step, which follows the widths.
#pragma once
#include <array>
#include <vector>

#include "models/row_law.h"
#include "posterior/outcome_law.h"

namespace velbo::internal {

// eta ~ N(mean, sd^2) under the posterior, offset included.
struct LinearPredictor {
  double mean = 0;
  double sd = 0;
  std::array<double, kMostAuxiliary> covariance =
      {};  // with the logarithms of the auxiliary parameters; 0 where there are none
};

// Immutable.
class OutcomeMixture {
 public:
  // Mean [A] and covariance [A, A] of the logarithms.
  OutcomeMixture(Likelihood likelihood, const std::vector<double>& mean, const std::vector<double>& covariance);

  // E Var(Y | eta, aux).  Infinity where more than 0.1 %
  // of the posterior has an infinite variance (student_t with nu <= 2), which else is left out.
  [[nodiscard]] double expected_variance(const LinearPredictor& eta) const noexcept;

  // Of the outcome's distribution; its error is below 1e-5 in probability while eta's sd is at most 30 times the outcome's own on the
  // link's scale.
  [[nodiscard]] double cdf(double y, const LinearPredictor& eta) const noexcept;
  [[nodiscard]] double quantile(double probability, const LinearPredictor& eta) const noexcept;

 private:
  struct Node {  // of the auxiliary parameters
    double weight;
    std::array<double, kMostAuxiliary> u, value;  // standardised and independent; constrained
  };
  // Calls use(weight, eta, aux) at the nodes; weights add up to 1.
  template <class Use>
  void for_each(const LinearPredictor& eta, const Use& use) const noexcept;
  [[nodiscard]] double width(const LinearPredictor& eta) const noexcept;

  Likelihood likelihood_;
  const OutcomeLaw& law_;
  std::size_t n_aux_;
  std::array<double, kMostAuxiliary* kMostAuxiliary> factor_ = {};  // lower triangle: logarithms = mean + factor u
  std::array<double, kMostAuxiliary> centre_ = {};                  // exp(mean)
  std::vector<Node> nodes_;
};

}  // namespace velbo::internal
