// velbo/gaussian_mixture.h - Bayesian Gaussian mixtures: their fit, the posterior, and what it says of new rows.
//
//   z_n ~ Categorical(pi);   x_n | z_n = k ~ N(mu_k, Sigma_k);   mu_k | Sigma_k ~ N(m0, Sigma_k / kappa0)
//   full       Sigma_k^-1 ~ Wishart with nu0 degrees of freedom and inverse scale S0 [D, D]
//   tied       the same, one Sigma for all components
//   diagonal   1 / sigma^2_kj ~ Gamma(nu0 / 2, rate S0_j / 2), S0 [D]
//   spherical  1 / sigma^2_k ~ Gamma(nu0 / 2, rate S0 / 2), S0 [1]
//   pi ~ Dirichlet(concentration, ..), or stick-breaking: pi_k = v_k prod_{l<k} (1 - v_l), v_k ~ Beta(1, concentration), v_K = 1
//
// q(z) q(pi) prod_k q(mu_k, Sigma_k) maximises the ELBO (Bishop 2006, section 10.2; Blei and Jordan 2006 for sticks, which are kept in
// the order of their components' sizes that maximises the ELBO, Kurihara, Welling and Teh 2007).  ELBOs have all constants: with one
// component the ELBO is the log evidence.  docs/mixtures.md tells more.
//
// Same data, options and seed: same bits, for any number of threads.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "velbo/conjugate.h"
#include "velbo/data.h"
#include "velbo/export.h"

namespace velbo {

namespace internal {
struct GaussianMixtureState;
}

enum class CovarianceKind { full, diagonal, tied, spherical };
VELBO_EXPORT std::string_view name(CovarianceKind kind) noexcept;
VELBO_EXPORT CovarianceKind parse_covariance_kind(std::string_view text);  // throws Error(argument)

enum class WeightsPrior { dirichlet, dirichlet_process };
VELBO_EXPORT std::string_view name(WeightsPrior prior) noexcept;
VELBO_EXPORT WeightsPrior parse_weights_prior(std::string_view text);  // throws Error(argument)

class GaussianMixture;

struct GaussianMixtureOptions {
  std::int64_t n_components = 1;  // of a Dirichlet process: where its sticks are truncated
  CovarianceKind covariance = CovarianceKind::full;

  // Priors; 0 or empty: the default.  Defaults depend on the data's mean and variances, not on the number of components, so that ELBOs
  // of different numbers compare models.  (scikit-learn's: concentration 1 / K for both, kappa0 = 1, nu0 = D, S0 the covariance.)
  WeightsPrior weights_prior = WeightsPrior::dirichlet;
  double concentration = 0;             // [1 / n_components; of a Dirichlet process 1]
  std::vector<double> prior_mean = {};  // m0 [D] [the rows' mean]
  double prior_kappa = 0;               // kappa0, rows that the prior mean counts for [0.01, Fraley and Raftery 2007]
  // nu0 [full and tied D + 2, else 3]; > D + 1 or > 2, so that covariances have expectations
  double degrees_of_freedom = 0;
  // S0, row-major [such that E Sigma is the rows' variances: their diagonal matrix, or their mean; of a constant feature 1]
  std::vector<double> prior_scale = {};

  // Start.  One of `responsibilities` [N, K], `means` [K, D] (each row begins in the component of the nearest, in units of the features'
  // standard deviations) and `init` (a posterior of as many features, whose responsibilities are taken) may be given; else k-means++
  // of at most 20,000 rows drawn by `seed`, the best of five after Lloyd's steps.
  std::int64_t n_restarts = 1;  // from k-means++ starts; the best ELBO is kept
  std::vector<double> responsibilities = {};
  std::vector<double> means = {};
  std::shared_ptr<const GaussianMixture> init = {};

  // Components with less expected weight (in rows) at the end are taken out, and the fit goes on without them; 0: all stay.
  double prune_below = 0;
  // Engine memoized: once passes gain little, two components become one where that raises the ELBO after a visit of all rows.
  bool merges = true;
  std::vector<std::string> names = {};  // of features, [D]; empty: x1, x2, ..

  // Units are rows.  automatic: cavi, or memoized where a batch size is given; the default batch is a twentieth of the rows, within
  // 1,000 .. 1,000,000.  svi and memoized take batches from a shuffled copy; of files mapped from more than 256 MiB, from blocks as they
  // lie (rows should then be in random order).  Scalar automatic: the data's own.  Devices: cpu and cuda, for what goes over rows; auto is
  // the cpu.  On cuda rows are copied into device memory, or streamed where they do not fit; throws Error(device) where it is not usable,
  // Error(memory) with the bytes where there is no room even for that.
  ConjugateOptions fit = {};
};

// Draws from the posterior predictive.
struct MixtureDraws {
  std::vector<double> x;                // [n, D]
  std::vector<std::int32_t> component;  // [n]
};

// The variational posterior of a mixture; immutable, cheap to copy, usable from any thread.  K components, D features.
class VELBO_EXPORT GaussianMixture {
 public:
  [[nodiscard]] std::int64_t n_components() const noexcept;
  [[nodiscard]] std::int64_t n_features() const noexcept;
  [[nodiscard]] CovarianceKind covariance_kind() const noexcept;
  [[nodiscard]] WeightsPrior weights_prior() const noexcept;
  [[nodiscard]] double concentration() const noexcept;
  [[nodiscard]] const std::vector<std::string>& names() const noexcept;  // of features

  // Expectations and standard deviations under q, in the data's units.
  [[nodiscard]] const std::vector<double>& counts() const noexcept;       // [K] expected weight of the rows of each
  [[nodiscard]] const std::vector<double>& weights() const noexcept;      // [K] E pi
  [[nodiscard]] const std::vector<double>& weights_sd() const noexcept;   // [K]
  [[nodiscard]] const std::vector<double>& means() const noexcept;        // [K, D] E mu
  [[nodiscard]] const std::vector<double>& means_sd() const noexcept;     // [K, D]
  [[nodiscard]] const std::vector<double>& covariances() const noexcept;  // [K, D, D] E Sigma
  [[nodiscard]] const std::vector<double>& covariances_sd()
      const noexcept;  // [K, D, D]; infinite where it does not exist

  // Of rows [N, D], dense; in double.  Throw Error(shape) unless D fits, Error(data) for what is not finite, naming row and column.
  [[nodiscard]] std::vector<double> responsibilities(const FeatureMatrix& x, int threads = 0) const;  // [N, K] q(z)
  [[nodiscard]] std::vector<std::int32_t> labels(const FeatureMatrix& x, int threads = 0) const;      // [N] the largest
  // log p(x_n | data): the expectation of the density under q, a mixture of Student's t (Bishop 2006, 10.81).
  [[nodiscard]] std::vector<double> log_density(const FeatureMatrix& x, int threads = 0) const;  // [N]
  // Rows from that density.  Draw i is a function of seed and i.
  [[nodiscard]] MixtureDraws sample(std::int64_t n, std::uint64_t seed = 1) const;

  // A safetensors file with a checksum; `run_json` comes back from load_run_json().  Throw Error(file) or Error(io).
  void save(const std::string& path, std::string_view run_json = {}) const;
  static GaussianMixture load(const std::string& path);
  static std::string load_run_json(const std::string& path);

  // A table of weights, means and standard deviations of the components.
  [[nodiscard]] std::string report() const;

  explicit GaussianMixture(std::shared_ptr<const internal::GaussianMixtureState> state) noexcept
      : state_(std::move(state)) {}
  [[nodiscard]] const internal::GaussianMixtureState& state() const noexcept { return *state_; }  // for velbo itself

 private:
  std::shared_ptr<const internal::GaussianMixtureState> state_;
};

struct VELBO_EXPORT GaussianMixtureFit {
  GaussianMixture posterior;
  ConjugateRun run;
  std::int64_t merges = 0;                    // that were accepted
  std::vector<std::int64_t> pruned;           // components, as they were numbered before, that were taken out
  [[nodiscard]] std::string to_json() const;  // the run, and weights, means and covariances
  [[nodiscard]] std::string report() const;   // the table and a line about the run
  void save(const std::string& path) const { posterior.save(path, to_json()); }
};

// weights [N], not negative, or empty: a row counts that often.
// Throws Error(argument) for options that make no sense or more components than rows, Error(shape) for sizes that do not fit,
// Error(data) naming row and column of a value that is not finite (missing values are not supported) or a weight that is negative.
VELBO_EXPORT GaussianMixtureFit fit_gaussian_mixture(const FeatureMatrix& x, const GaussianMixtureOptions& options = {},
                                                     std::span<const double> weights = {});

// Streaming variational Bayes (Broderick et al. 2013): `posterior` is the prior of a fit to the new rows alone, whose statistics are
// added to its own.  The old rows keep the responsibilities they had.  The run's ELBO is of the new rows given the old ones.  Starts
// where `posterior` is; components, order of the sticks, units and names stay.  Sums over the calls, not over an assumed total: two
// calls with half of the rows each are not one with all, but with one component they are.
// Throws as fit_gaussian_mixture() does, and Error(argument) for a number of threads or other numbers that make no sense.
VELBO_EXPORT GaussianMixtureFit partial_fit(const GaussianMixture& posterior, const FeatureMatrix& x,
                                            const ConjugateOptions& options = {}, std::span<const double> weights = {});

// One HTML file that loads nothing: the run with its ELBO, the components, and rows of x with them on the two leading principal
// components (of up to two features: on those).  Whole or not at all.  Throws Error(shape), Error(file) or Error(io).
VELBO_EXPORT void write_report(const GaussianMixtureFit& fit, const FeatureMatrix& x, const std::string& path);

}  // namespace velbo
