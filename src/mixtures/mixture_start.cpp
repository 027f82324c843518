// mixtures/mixture_start.cpp - where a fit begins: given responsibilities, nearest means, another posterior, or k-means++.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "data/uniform_below.h"
#include "mixtures/gaussian_mixture_model.h"
#include "mixtures/mixture_state.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;

constexpr std::int64_t kMostRowsOfKMeans = 20000, kBlock = 8192;
constexpr int kKMeansRuns = 5, kLloydSteps = 20;

double uniform(Key key, std::uint64_t index) {
  return static_cast<double>(hashed(key.value, index, 0x6d69787475726573U) >> 11U) * 0x1p-53;
}

void to_units(const FeatureMatrix& x, const MixtureUnits& units, std::int64_t n, double* out) {
  const auto d = static_cast<std::size_t>(x.n_columns());
  x.row(n, {out, d});
  for (std::size_t j = 0; j < d; ++j) out[j] = (out[j] - units.centre[j]) / units.unit[j];
}

Index nearest(const MatrixXd& means, const Eigen::Ref<const VectorXd>& z, double* square = nullptr) {
  Index best = 0;
  const double least = (means.colwise() - z).colwise().squaredNorm().minCoeff(&best);
  if (square != nullptr) *square = least;
  return best;
}

// Rows [D, n] with weights; means [D, K].
struct KMeans {
  MatrixXd means;
  double sum_of_squares = 0;
};

// Arthur and Vassilvitskii (2007), then Lloyd's steps.  A cluster that loses all its rows keeps its mean.
KMeans k_means(const MatrixXd& z, const std::vector<double>& weights, Index k, Key key) {
  const Index n = z.cols();
  VectorXd w = VectorXd::Map(weights.data(), n), least = VectorXd::Constant(n, std::numeric_limits<double>::infinity());
  KMeans out{MatrixXd(z.rows(), k), 0};
  for (Index i = 0; i < k; ++i) {
    const VectorXd chance = i == 0 ? w : VectorXd(w.array() * least.array());
    const double target = uniform(key, static_cast<std::uint64_t>(i)) * chance.sum();
    Index chosen = -1;
    if (chance.sum() > 0) {
      double sum = 0;
      for (Index row = 0; row < n; ++row) {
        sum += chance[row];
        if (chance[row] > 0) chosen = row;
        if (sum > target && chance[row] > 0) break;
      }
    }
    if (chosen < 0) chosen = static_cast<Index>(uniform(key, static_cast<std::uint64_t>(i)) * static_cast<double>(n));
    out.means.col(i) = z.col(chosen);
    least = least.cwiseMin((z.colwise() - z.col(chosen)).colwise().squaredNorm().transpose());
  }
  double before = std::numeric_limits<double>::infinity();
  for (int step = 0; step <= kLloydSteps; ++step) {
    MatrixXd sums = MatrixXd::Zero(z.rows(), k);
    VectorXd counts = VectorXd::Zero(k);
    out.sum_of_squares = 0;
    for (Index row = 0; row < n; ++row) {
      double square = 0;
      const Index i = nearest(out.means, z.col(row), &square);
      out.sum_of_squares += w[row] * square;
      sums.col(i) += w[row] * z.col(row);
      counts[i] += w[row];
    }
    if (step == kLloydSteps || !(out.sum_of_squares < before * (1 - 1e-4))) break;
    before = out.sum_of_squares;
    for (Index i = 0; i < k; ++i)
      if (counts[i] > 0) out.means.col(i) = sums.col(i) / counts[i];
  }
  return out;
}

// All rows where they are few, else one of each of `wanted` runs: spread over the file, and read in its order.
std::vector<std::int64_t> rows_for_k_means(std::int64_t n_rows, std::int64_t wanted, Key key) {
  std::vector<std::int64_t> out;
  if (n_rows <= wanted) {
    for (std::int64_t n = 0; n < n_rows; ++n) out.push_back(n);
    return out;
  }
  for (std::int64_t i = 0; i < wanted; ++i) {
    const std::int64_t begin = i * (n_rows / wanted) + std::min(i, n_rows % wanted);
    const std::int64_t size = n_rows / wanted + (i < n_rows % wanted ? 1 : 0);
    out.push_back(begin + static_cast<std::int64_t>(
                              uniform_below(static_cast<std::uint64_t>(size), key, static_cast<std::uint64_t>(i))));
  }
  return out;
}

// Each row in the component of its nearest mean [D, K], in units of z.
std::vector<double> from_means(const GaussianMixtureModel& model, const FeatureMatrix& x, const MixtureUnits& units,
                               const MatrixXd& means) {
  std::vector<double> statistics(static_cast<std::size_t>(model.n_statistics()));
  const auto k = means.cols(), d = means.rows();
  VectorXd z(d);
  for (std::int64_t begin = 0; begin < x.n_rows(); begin += kBlock) {
    const std::int64_t end = std::min(x.n_rows(), begin + kBlock);
    std::vector<double> r(static_cast<std::size_t>((end - begin) * k));
    for (std::int64_t n = begin; n < end; ++n) {
      to_units(x, units, n, z.data());
      r[static_cast<std::size_t>((n - begin) * k + nearest(means, z))] = 1;
    }
    model.add_statistics({begin, end}, r.data(), statistics);
  }
  return statistics;
}

std::vector<double> from_k_means(const FeatureMatrix& x, std::span<const double> weights,
                                 const PreparedMixture& mixture, Key key, const Context& context) {
  const Index k = mixture.prior.layout.k, d = mixture.prior.layout.d;
  const std::vector<std::int64_t> rows =
      rows_for_k_means(x.n_rows(), std::max<std::int64_t>(kMostRowsOfKMeans, 2 * k), key);
  const auto n = static_cast<Index>(rows.size());
  MatrixXd z(d, n);
  std::vector<double> w, sample(static_cast<std::size_t>(n * d));
  for (Index i = 0; i < n; ++i) {
    const std::int64_t row = rows[static_cast<std::size_t>(i)];
    to_units(x, mixture.units, row, z.col(i).data());
    x.row(row, {sample.data() + i * d, static_cast<std::size_t>(d)});
    w.push_back(weights.empty() ? 1.0 : weights[static_cast<std::size_t>(row)]);
  }
  KMeans best;
  for (int run = 0; run < kKMeansRuns; ++run) {
    KMeans found = k_means(z, w, k, fold_in(key, static_cast<std::uint64_t>(run)));
    if (run == 0 || found.sum_of_squares < best.sum_of_squares) best = std::move(found);
  }
  // The sample stands for all rows.
  const FeatureMatrix small = FeatureMatrix::borrow(MatrixView<const double>{sample.data(), n, d, d});
  const GaussianMixtureModel model(small, w, mixture.units, globals_of(mixture.prior, mixture.units, true),
                                   Scalar::float64, context, false);
  std::vector<double> statistics = from_means(model, small, mixture.units, best.means);
  double total = 0, of_sample = 0;
  for (std::int64_t row = 0; row < x.n_rows(); ++row)
    total += weights.empty() ? 1.0 : weights[static_cast<std::size_t>(row)];
  for (const double weight : w) of_sample += weight;
  if (of_sample > 0 && n < x.n_rows())
    for (double& value : statistics) value *= total / of_sample;
  return statistics;
}

void check_start(const FeatureMatrix& x, const GaussianMixtureOptions& options) {
  const auto given = static_cast<int>(!options.responsibilities.empty()) + static_cast<int>(!options.means.empty()) +
                     static_cast<int>(options.init != nullptr);
  if (given > 1)
    throw Error(ErrorCode::argument,
                "more than one of responsibilities, means and init is given, expected at most one");
  if (given == 1 && options.n_restarts > 1)
    throw Error(ErrorCode::argument,
                fmt::format("n_restarts is {}, but the start is given, expected 1", options.n_restarts));
  const std::int64_t k = options.n_components, d = x.n_columns();
  const auto n_given = static_cast<std::int64_t>(options.responsibilities.size());
  if (n_given > 0 && n_given != x.n_rows() * k)
    throw Error(ErrorCode::shape, fmt::format("responsibilities have {} elements, expected {} rows of {} components",
                                              n_given, x.n_rows(), k));
  for (std::int64_t n = 0; n < n_given / k; ++n) {
    double sum = 0, least = 0;
    for (std::int64_t i = 0; i < k; ++i) {
      sum += options.responsibilities[static_cast<std::size_t>(n * k + i)];
      least = std::min(least, options.responsibilities[static_cast<std::size_t>(n * k + i)]);
    }
    if (!(least >= 0) || !(std::abs(sum - 1) < 1e-6))
      throw Error(ErrorCode::data, fmt::format("responsibilities of row {} add up to {} and are at least {}, expected "
                                               "numbers from 0 that add up to 1",
                                               n, sum, least));
  }
  if (!options.means.empty() && static_cast<std::int64_t>(options.means.size()) != k * d)
    throw Error(ErrorCode::shape, fmt::format("means have {} elements, expected {} components of {} features",
                                              options.means.size(), k, d));
  for (std::size_t i = 0; i < options.means.size(); ++i)
    if (!std::isfinite(options.means[i]))
      throw Error(ErrorCode::data,
                  fmt::format("means[{}, {}] is {}, expected a finite number", i / static_cast<std::size_t>(d),
                              i % static_cast<std::size_t>(d), options.means[i]));
  if (options.init && (options.init->n_features() != d || options.init->n_components() != k))
    throw Error(ErrorCode::shape, fmt::format("init has {} components of {} features, expected {} of {}",
                                              options.init->n_components(), options.init->n_features(), k, d));
}

}  // namespace

std::vector<double> starting_statistics(const FeatureMatrix& x, std::span<const double> weights,
                                        const PreparedMixture& mixture, const GaussianMixtureOptions& options,
                                        const Context& context, std::int64_t restart) {
  check_start(x, options);
  const GaussianMixtureModel model(x, weights, mixture.units, globals_of(mixture.prior, mixture.units, true),
                                   Scalar::float64, context, false);
  const Index k = mixture.prior.layout.k, d = mixture.prior.layout.d;
  std::vector<double> statistics(static_cast<std::size_t>(model.n_statistics()));
  if (!options.responsibilities.empty()) {
    model.add_statistics({0, x.n_rows()}, options.responsibilities.data(), statistics);
    return statistics;
  }
  if (!options.means.empty()) {
    MatrixXd means = MatrixXd::Map(options.means.data(), d, k);
    means.colwise() -= VectorXd::Map(mixture.units.centre.data(), d);
    means = VectorXd::Map(mixture.units.unit.data(), d).cwiseInverse().asDiagonal() * means;
    return from_means(model, x, mixture.units, means);
  }
  if (options.init) {
    const GaussianMixtureState& init = options.init->state();
    const GaussianMixtureModel old(x, weights, init.units, init.globals, Scalar::float64, context, false);
    std::vector<double> r;
    for (std::int64_t begin = 0; begin < x.n_rows(); begin += kBlock) {
      const std::int64_t end = std::min(x.n_rows(), begin + kBlock);
      r.resize(static_cast<std::size_t>((end - begin) * k));
      old.responsibilities({begin, end}, r.data());
      model.add_statistics({begin, end}, r.data(), statistics);
    }
    return statistics;
  }
  const Key key = fold_in(make_key(options.fit.seed, Purpose::sample), static_cast<std::uint64_t>(restart));
  return from_k_means(x, weights, mixture, key, context);
}

}  // namespace velbo::internal
