// mixtures/mixture_state.h - what a GaussianMixture holds: units, priors and statistics, of which all else follows.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mixtures/mixture_data.h"
#include "mixtures/mixture_globals.h"
#include "velbo/gaussian_mixture.h"

namespace velbo::internal {

// In units of z.
struct MixturePrior {
  MixtureLayout layout;
  WeightsPrior weights = WeightsPrior::dirichlet;
  double concentration = 1, kappa = 1, nu = 1;
  Eigen::VectorXd mean;           // [D]
  Eigen::MatrixXd inverse_scale;  // full and tied [D, D], diagonal [D, 1], spherical [1, 1]
};

// Globals with this prior; their factors are set later.  reorder_sticks: while it is being fitted; else they are in order.
MixtureGlobals globals_of(const MixturePrior& prior, const MixtureUnits& units, bool reorder_sticks);

struct GaussianMixtureState {
  MixturePrior prior;
  MixtureUnits units;
  std::vector<double> statistics;  // of prior.layout
  std::vector<std::string> names;

  MixtureGlobals globals;  // given the statistics
  std::vector<double> counts, weights, weights_sd, means, means_sd, covariances, covariances_sd;
};

// `statistics` with component order[i] as the i-th, for i < order.size(), which may leave some out.
std::vector<double> selected_statistics(const MixtureLayout& layout, std::span<const double> statistics,
                                        const std::vector<std::size_t>& order);

// Works out what follows.  Sticks are those of the components in their order.
std::shared_ptr<const GaussianMixtureState> make_state(MixturePrior prior, MixtureUnits units,
                                                       std::vector<double> statistics, std::vector<std::string> names);

// Options' priors and the data's moments; throws Error(argument) or Error(shape) naming the option.
struct PreparedMixture {
  MixturePrior prior;
  MixtureUnits units;
  std::vector<std::string> names;
};
PreparedMixture prepare_mixture(const FeatureMatrix& x, std::span<const double> weights,
                                const GaussianMixtureOptions& options, int threads);

// Rows [begin, end) of dense x in units of z, [D, end - begin].
Eigen::MatrixXd rows_in_units(const FeatureMatrix& x, const MixtureUnits& units, std::int64_t begin, std::int64_t end);

// The first statistics of a fit: see GaussianMixtureOptions.  restart: the number of a k-means++ start.
std::vector<double> starting_statistics(const FeatureMatrix& x, std::span<const double> weights,
                                        const PreparedMixture& mixture, const GaussianMixtureOptions& options,
                                        const Context& context, std::int64_t restart);

}  // namespace velbo::internal
