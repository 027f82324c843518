// velbo/ard_regression.h - Bayesian linear regression with automatic relevance determination, by coordinate ascent.
//
//   y_n ~ N(x_n' w, 1 / tau),  w_d | tau, alpha_d ~ N(0, 1 / (tau alpha_d)),
//   alpha_d ~ Gamma(relevance_shape, relevance_rate),  tau ~ Gamma(noise_shape, noise_rate)
//
// (MacKay 1992; Tipping 2001; the conjugate form and its updates: Drugowitsch 2013, "Variational Bayesian inference for linear and logistic
// regression", section 3).  q(w, tau) q(alpha): a Normal-Gamma and a Gamma for each column.  A column that explains nothing gets a large
// alpha, and a coefficient near zero.  Where alpha is given, q is the posterior and the ELBO the log evidence.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "velbo/conjugate.h"
#include "velbo/data.h"
#include "velbo/export.h"

namespace velbo {

struct ArdOptions {
  // Rates are in the units of the data: alpha of 1 / (w / noise sd)^2, tau of 1 / y^2.
  double relevance_shape = 1e-6, relevance_rate = 1e-6;  // > 0
  double noise_shape = 1e-6, noise_rate = 1e-6;          // > 0
  // Columns and the outcome have their means taken off, and the intercept is what is left of them; the ELBO is that of what remains.
  bool intercept = true;
  std::vector<double> known_relevance = {};   // [D] alpha, > 0; empty: learnt
  std::optional<double> known_noise_sd = {};  // > 0; empty: learnt
  // Rows are gone through in passes, though one is enough: statistics of all rows are the data (engines memoized and svi: of batches).
  // fit.scalar: what rows and outcomes are rounded to once their means are off (automatic: double); sums are double.  fit.device: the CPU
  // (automatic) or a CUDA device, through which dense rows that have no room there are streamed.
  ConjugateOptions fit = {};
};

// [N] each: a new outcome's mean and sd (of a Student t; infinite below 2 degrees of freedom), and its central interval.
struct ArdPredictions {
  std::vector<double> mean, sd, lower, upper;
};

struct ArdState;

// Immutable; copies share the state.
class VELBO_EXPORT ArdRegression {
 public:
  explicit ArdRegression(std::shared_ptr<const ArdState> state) : state_(std::move(state)) {}

  // Under q, [D]: of the coefficients, whose marginals are Student t's with degrees_of_freedom(); and E alpha.
  [[nodiscard]] const std::vector<double>& mean() const noexcept;
  [[nodiscard]] std::vector<double> sd() const;
  [[nodiscard]] const std::vector<double>& relevance() const noexcept;
  [[nodiscard]] double intercept() const noexcept;  // mean(y) - mean(x)' mean(); 0 without one
  [[nodiscard]] double noise_sd() const noexcept;   // 1 / sqrt(E tau)
  [[nodiscard]] double degrees_of_freedom()
      const noexcept;  // 2 * the shape of q(tau); infinite where the noise is known
  // interval in (0, 1): the probability between lower and upper.  Throws Error(shape), Error(argument).
  [[nodiscard]] ArdPredictions predict(const FeatureMatrix& x, double interval = 0.9) const;

 private:
  std::shared_ptr<const ArdState> state_;
};

struct ArdFit {
  ArdRegression regression;
  ConjugateRun run;
};

// x [N, D] and y [N]; up to 5,000 columns.  The same bits for any number of threads.  Throws Error(shape), Error(data) naming row and column
// of what is not finite, Error(argument), Error(device) with the reason for a device that cannot be used, Error(memory) naming the bytes where
// it has no room.
VELBO_EXPORT ArdFit fit_ard_regression(const FeatureMatrix& x, std::span<const double> y,
                                       const ArdOptions& options = {});

}  // namespace velbo
