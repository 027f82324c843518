// velbo/glm.h - generalised linear models: an outcome, a linear predictor, priors.
//
//   y_n ~ likelihood(eta_n),  eta_n = x_n' beta + offset_n
//   beta_j ~ prior, and what else the likelihood has: sigma, nu, phi, cutpoints ~ priors of their own
//
// The latents are z = (beta_1 .. beta_D [, log sigma, log nu]), unconstrained; D columns in the order of the formula, the
// intercept first where there is one.  Of the two likelihoods whose outcome is one of C levels:
//   categorical  C - 1 predictors a row and so many vectors beta, level 2's first; they are called "x[level]"
//   ordinal      no intercept; behind beta the first cutpoint and the logarithms of the steps to the next ones, cutpoint[1] ..
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "velbo/data.h"
#include "velbo/export.h"
#include "velbo/prior.h"
#include "velbo/table.h"

namespace velbo {

enum class Likelihood {
  automatic,  // bernoulli for a two-valued outcome, gaussian for one that is not whole numbers; else an error
  gaussian,   // identity link, unknown scale sigma
  bernoulli,  // logit link; y in {0, 1}
  binomial,   // logit link; y successes of `trials`
  poisson,    // log link
  // Known to fits by their log density and its gradient (engines natural_gradient and saa), in double, on the CPU:
  student_t,  // identity link; y = eta + sigma t, t of Student's with nu degrees of freedom; sigma and nu unknown
  negative_binomial,  // log link, mu = exp(eta); y in {0, 1, ...}, variance mu + mu^2 / phi, phi unknown
  gamma,              // log link, mu = exp(eta); y > 0, variance mu^2 / shape, shape unknown
  beta,               // logit link, mu = sigmoid(eta); 0 < y < 1, variance mu (1 - mu) / (1 + phi), phi unknown
  // The same, of an outcome with C >= 2 levels:
  categorical,  // P(level c) = exp(eta_c) / sum_k exp(eta_k), eta_1 = 0: softmax, against level 1 (Agresti 2013, chapter 8)
  ordinal,      // P(level <= c) = sigmoid(cutpoint[c] - eta), cutpoints increasing: cumulative logits (McCullagh 1980)
};
VELBO_EXPORT std::string_view name(Likelihood likelihood) noexcept;
// Throws Error(argument) listing the names there are.
VELBO_EXPORT Likelihood parse_likelihood(std::string_view text);

enum class WeightsKind {
  frequency,  // a row of weight w counts as w equal rows
  precision,  // gaussian only: the row's sd is sigma / sqrt(w)
};

struct GlmOptions {
  std::string weights;  // names of columns of the table; empty: none
  std::string offset;
  std::string trials;  // binomial only, and needed there
  WeightsKind weights_kind = WeightsKind::frequency;
  bool no_intercept = false;  // an error for ordinal, whose cutpoints are its intercepts
  // categorical and ordinal: the outcome's levels, the lowest or the reference first; those of the data, each once.  Numbers as
  // they print: "2", "0.5".  Empty: texts in alphabetical order, numbers of factor(y) or GlmArrays::y_holds_labels ascending;
  // other numbers must be 0 .. C - 1.  A level without a row of positive weight is an error.
  std::vector<std::string> levels = {};
  // Empty: weakly informative, scaled to the data (Glm::priors() tells what came of it):
  //   coefficient j  normal(0, 2.5 s_y / s_xj)
  //   intercept      normal(centre of the outcome on the link scale, 2.5 s_y sqrt(1 + sum_j (mean_xj / s_xj)^2)), the centre of
  //                  categorical's level c being log((n_c + 0.5) / (n_1 + 0.5))
  //   cutpoints      normal(0, the same sd) each, given their order: the joint density has the factor (C - 1)!
  //   sigma          exponential(1 / s_y)
  //   nu             gamma(2, 0.1) (Juarez and Steel 2010)
  //   phi            exponential(0.1) of negative_binomial, exponential(0.01) of beta
  //   shape          exponential(0.02)
  // s_y = 1 but for gaussian and student_t.
  std::optional<Prior> prior = {};
  std::optional<Prior> prior_intercept = {};  // of ordinal: of each cutpoint
  std::optional<Prior> prior_sigma = {};      // gaussian, student_t
  std::optional<Prior> prior_nu = {};         // student_t
  std::optional<Prior> prior_phi = {};        // negative_binomial, beta
  std::optional<Prior> prior_shape = {};      // gamma
};

// Outcome and predictors of a model made from arrays, all in host memory, [N] each; copied, but for an x that was borrowed
// or mapped.
struct GlmArrays {
  FeatureMatrix x;  // [N, D] without the intercept's column
  std::span<const double> y;
  std::span<const double> weights = {};  // empty: one each
  std::span<const double> offset = {};
  std::span<const double> trials = {};
  std::vector<std::string> names = {};  // [D]; empty: x1 .. xD
  // y names classes, as in LIBSVM's files (-1 and 1, or 1 and 2): of two, the larger counts as 1 where the likelihood is
  // bernoulli or automatic.  Glm::labels() tells them.  Of categorical and ordinal they are the levels, ascending.
  bool y_holds_labels = false;
};

// A latent's prior as it is used, for reports.
struct NamedPrior {
  std::string parameter;
  Prior prior;
  bool is_default = false;
};

namespace internal {
struct GlmData;
}

// Immutable once made; copies share the data.  Usable from any number of threads.
class VELBO_EXPORT Glm {
 public:
  // Throws Error(formula), Error(data), Error(argument) with messages that name the place, the value and what was
  // expected.  Rows with a missing value in a needed column are dropped and counted.
  Glm(std::string_view formula, Likelihood likelihood, const Table& table, const GlmOptions& options = {});
  // From arrays; options' column names must be empty.  NaN and Inf are Error(data) naming row and column.
  // Reads x once, on all processors.
  Glm(Likelihood likelihood, const GlmArrays& arrays, const GlmOptions& options = {});

  [[nodiscard]] Likelihood likelihood() const noexcept;
  [[nodiscard]] bool likelihood_was_guessed() const noexcept;
  [[nodiscard]] const std::string& formula() const noexcept;  // "y ~ x1 + ... + xD" for arrays
  [[nodiscard]] std::int64_t n_rows() const noexcept;
  [[nodiscard]] std::int64_t n_rows_dropped() const noexcept;
  [[nodiscard]] std::int64_t n_latents() const noexcept;
  // Names on the constrained scale: Intercept, x, ..., sigma.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept;
  [[nodiscard]] const std::vector<NamedPrior>& priors() const noexcept;

  // The two labels of GlmArrays::y_holds_labels, of which the second counts as 1; none where y was 0 and 1 as it is.
  [[nodiscard]] const std::optional<std::array<double, 2>>& labels() const noexcept;
  // The outcome's levels in their order [C], of categorical and ordinal; else empty.
  [[nodiscard]] const std::vector<std::string>& levels() const noexcept;

  // log p(y, z) + log |d theta / d z| with all constants, for z [n_latents] in double; the definition that every fit of
  // this model approximates.
  [[nodiscard]] double log_joint(std::span<const double> z) const;

  [[nodiscard]] const internal::GlmData& data() const noexcept { return *data_; }

 private:
  std::shared_ptr<const internal::GlmData> data_;
};

}  // namespace velbo
