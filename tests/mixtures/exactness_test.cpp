// ELBOs, responsibilities and sums of mixtures against closed forms, enumeration and direct sums in long double.
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "conjugate/dirichlet.h"
#include "engines/conjugate_engine.h"
#include "mixtures/problem.h"
#include "velbo/gamma_functions.h"

namespace velbo::test {
namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;
using internal::ConjugateEngineBase;
using internal::ConjugateSettings;

constexpr double kLogPi = 1.1447298858494001741;

// log p(rows | one component) in the data's own units, by the definition of the evidence with priors m0, kappa0, nu0, S0 written anew:
// no code of the library's but log Gamma.
struct Evidence {
  CovarianceKind kind;
  VectorXd m0;
  double kappa0, nu0;
  MatrixXd s0;

  [[nodiscard]] static double log_gamma_d(double a, Index d) {
    double sum = 0.25 * static_cast<double>(d * (d - 1)) * kLogPi;
    for (Index i = 0; i < d; ++i) sum += std::lgamma(a - 0.5 * static_cast<double>(i));
    return sum;
  }
  // Of the rows of each component; of tied covariances all together.
  [[nodiscard]] double of(const std::vector<MatrixXd>& groups) const {
    const Index d = m0.size();
    double sum = 0, total = 0;
    MatrixXd s = s0;
    for (const MatrixXd& x : groups) {
      const auto n = static_cast<double>(x.cols());
      MatrixXd mine = kind == CovarianceKind::tied ? s : s0;
      total += n;
      if (n > 0) {
        const VectorXd mean = x.rowwise().mean();
        const MatrixXd apart = x.colwise() - mean;
        const MatrixXd scatter =
            apart * apart.transpose() + kappa0 * n / (kappa0 + n) * (mean - m0) * (mean - m0).transpose();
        if (kind == CovarianceKind::diagonal) mine += scatter.diagonal();
        if (kind == CovarianceKind::spherical) mine(0, 0) += scatter.trace();
        if (kind == CovarianceKind::full || kind == CovarianceKind::tied) mine += scatter;
      }
      const auto dim = static_cast<double>(d);
      sum += -0.5 * n * dim * kLogPi + 0.5 * dim * std::log(kappa0 / (kappa0 + n));
      if (kind == CovarianceKind::tied) {
        s = mine;
      } else if (kind == CovarianceKind::full) {
        sum += wishart(mine, n);
      } else {
        const double rows = kind == CovarianceKind::spherical ? n * dim : n;
        for (Index j = 0; j < s0.rows(); ++j)
          sum += std::lgamma(0.5 * (nu0 + rows)) - std::lgamma(0.5 * nu0) + 0.5 * nu0 * std::log(s0(j, 0)) -
                 0.5 * (nu0 + rows) * std::log(mine(j, 0));
      }
    }
    return kind == CovarianceKind::tied ? sum + wishart(s, total) : sum;
  }
  [[nodiscard]] double wishart(const MatrixXd& s, double n) const {
    const Index d = m0.size();
    return log_gamma_d(0.5 * (nu0 + n), d) - log_gamma_d(0.5 * nu0, d) + 0.5 * nu0 * std::log(s0.determinant()) -
           0.5 * (nu0 + n) * std::log(s.determinant());
  }
};

// Priors that are nobody's defaults.
GaussianMixtureOptions with_priors(CovarianceKind kind, std::int64_t d, std::int64_t k, Evidence& evidence) {
  GaussianMixtureOptions out;
  out.n_components = k;
  out.covariance = kind;
  out.prior_kappa = 0.3;
  out.degrees_of_freedom = static_cast<double>(d) + 2.7;
  const bool wishart = kind == CovarianceKind::full || kind == CovarianceKind::tied;
  evidence = {kind, VectorXd(d), 0.3, static_cast<double>(d) + 2.7, {}};
  for (Index j = 0; j < d; ++j) out.prior_mean.push_back(evidence.m0[j] = 2 + 0.5 * static_cast<double>(j));
  const Index size = kind == CovarianceKind::spherical ? 1 : d;
  evidence.s0 = MatrixXd(size, wishart ? size : 1);
  for (Index i = 0; i < evidence.s0.rows(); ++i)
    for (Index j = 0; j < evidence.s0.cols(); ++j)
      evidence.s0(i, j) = wishart ? (i == j ? 2.0 + static_cast<double>(i) : 0.3) : 1.5 + static_cast<double>(i);
  out.prior_scale.assign(evidence.s0.data(), evidence.s0.data() + evidence.s0.size());
  return out;
}

MatrixXd all_rows(const Rows& rows) { return MatrixXd::Map(rows.x.data(), rows.d, rows.n); }

TEST(MixtureExactness, OneComponentIsTheEvidence) {
  for (const CovarianceKind kind : kKinds)
    for (const WeightsPrior prior : kPriors) {
      SCOPED_TRACE(name(kind));
      Evidence evidence;
      GaussianMixtureOptions options = with_priors(kind, 3, 1, evidence);
      options.weights_prior = prior;
      const Rows rows = groups_of_rows(41, 3, 2, 1.5, 3);
      const double expected = evidence.of({all_rows(rows)});
      for (const ConjugateEngine engine : {ConjugateEngine::cavi, ConjugateEngine::memoized}) {
        options.fit.engine = engine;
        const GaussianMixtureFit fit = fit_gaussian_mixture(rows.matrix(), options);
        EXPECT_NEAR(fit.run.elbo, expected, 1e-9 * std::abs(expected));
        EXPECT_TRUE(fit.run.converged());
      }
    }
}

// The bound, and the evidence by all K^N assignments.
TEST(MixtureExactness, TheElboIsBelowTheEnumeratedEvidence) {
  constexpr std::int64_t n = 9, d = 2, k = 2;
  const Rows rows = groups_of_rows(n, d, 2, 3, 8);
  const MatrixXd x = all_rows(rows);
  for (const CovarianceKind kind : kKinds)
    for (const WeightsPrior prior : kPriors) {
      SCOPED_TRACE(name(kind));
      Evidence evidence;
      GaussianMixtureOptions options = with_priors(kind, d, k, evidence);
      options.weights_prior = prior;
      options.concentration = 0.8;
      std::vector<double> terms;
      for (int code = 0; code < 1 << n; ++code) {
        std::vector<MatrixXd> groups(k, MatrixXd(d, n));
        std::vector<double> counts(k);
        for (int i = 0; i < n; ++i) {
          const auto g = static_cast<std::size_t>(code >> i & 1);
          groups[g].col(static_cast<Index>(counts[g]++)) = x.col(i);
        }
        for (std::size_t g = 0; g < k; ++g) groups[g].conservativeResize(d, static_cast<Index>(counts[g]));
        const double alpha = 0.8;
        const double of_weights =  // Dirichlet-multinomial; one stick is Beta(1, alpha)
            prior == WeightsPrior::dirichlet
                ? std::lgamma(2 * alpha) - std::lgamma(2 * alpha + n) + std::lgamma(alpha + counts[0]) +
                      std::lgamma(alpha + counts[1]) - 2 * std::lgamma(alpha)
                : std::log(alpha) + std::lgamma(1 + counts[0]) + std::lgamma(alpha + counts[1]) -
                      std::lgamma(1 + alpha + n);
        terms.push_back(of_weights + evidence.of(groups));
      }
      const double most = *std::max_element(terms.begin(), terms.end());
      double sum = 0;
      for (const double term : terms) sum += std::exp(term - most);
      const double log_evidence = most + std::log(sum);
      options.responsibilities = random_responsibilities(n, k, 4);
      options.fit.tolerance = 1e-12;
      const GaussianMixtureFit fit = fit_gaussian_mixture(rows.matrix(), options);
      EXPECT_LT(fit.run.elbo, log_evidence);
      EXPECT_GT(fit.run.elbo, log_evidence - 8);  // nats: of 18 numbers
      for (const double elbo : fit.run.elbo_trace) EXPECT_LT(elbo, log_evidence);
    }
}

TEST(MixtureExactness, NoStepLowersTheElbo) {
  for (const CovarianceKind kind : kKinds)
    for (const WeightsPrior prior : kPriors)
      for (const bool memoized : {false, true})
        for (const double concentration : {0.0, 4.0}) {
          SCOPED_TRACE(std::string(name(kind)) + " " + std::string(name(prior)) + (memoized ? " memoized" : " cavi"));
          GaussianMixtureOptions options;
          options.n_components = 5;
          options.covariance = kind;
          options.weights_prior = prior;
          options.concentration = concentration;
          options.responsibilities = random_responsibilities(300, 5, 6);
          Problem problem(groups_of_rows(300, 4, 4, 1.2, 5), options);
          std::unique_ptr<ConjugateEngineBase> engine;
          if (memoized) {
            engine = std::make_unique<internal::Memoized>(problem.model, problem.start(),
                                                          ConjugateSettings{.batch_size = 70});
          } else {
            engine = std::make_unique<internal::Cavi>(problem.model, problem.start());
          }
          double last = -std::numeric_limits<double>::infinity();
          for (int step = 0; step < (memoized ? 200 : 60); ++step) {
            engine->advance(1);
            const double elbo = engine->evaluate();
            ASSERT_TRUE(std::isfinite(elbo));
            EXPECT_GE(elbo, last - 1e-9 * std::abs(elbo)) << step;
            last = elbo;
          }
          // Fresh responsibilities at the same globals are no worse, and near.
          std::vector<double> again(engine->statistics().size());
          const double local = problem.model.local_step({0, 300}, true, again);
          EXPECT_GE(local + problem.model.global_elbo(), last - 1e-9 * std::abs(last));
          EXPECT_NEAR(local + problem.model.global_elbo(), last, 3);
        }
}

TEST(MixtureExactness, StochasticStepsOfAllRowsAreCoordinateAscent) {
  for (const CovarianceKind kind : kKinds) {
    SCOPED_TRACE(name(kind));
    GaussianMixtureOptions options;
    options.n_components = 4;
    options.covariance = kind;
    options.responsibilities = random_responsibilities(150, 4, 2);
    Problem problem(groups_of_rows(150, 3, 3, 2, 9), options), other(groups_of_rows(150, 3, 3, 2, 9), options);
    internal::Cavi cavi(problem.model, problem.start());
    internal::Svi svi(other.model, other.start(), {.batch_size = 150, .delay = 0});
    cavi.advance(1);
    svi.advance(1);
    for (std::size_t i = 0; i < cavi.statistics().size(); ++i)
      EXPECT_NEAR(svi.statistics()[i], cavi.statistics()[i], 1e-12 * (1 + std::abs(cavi.statistics()[i]))) << i;
  }
}

// Sizes around those of lanes, tiles and blocks; rows' weights.
TEST(MixtureExactness, LocalStepsAreWhatTheirDefinitionsSay) {
  for (const CovarianceKind kind : kKinds)
    for (const std::int64_t d : {1, 2, 3, 5, 8, 16, 17, 33})
      for (const std::int64_t k : {1, 2, 3, 5, 11})
        for (const Scalar scalar : {Scalar::float64, Scalar::float32}) {
          const std::int64_t n = 40 + 37 * k;
          SCOPED_TRACE(std::string(name(kind)) + " d " + std::to_string(d) + " k " + std::to_string(k));
          GaussianMixtureOptions options;
          options.n_components = k;
          options.covariance = kind;
          options.responsibilities = random_responsibilities(n, k, 2);
          std::vector<double> weights;
          for (std::int64_t i = 0; i < n; ++i) weights.push_back(static_cast<double>(i % 4) * 0.75);
          Problem problem(groups_of_rows(n, d, 3, 2, 9), options, weights, scalar);
          problem.model.set_statistics(problem.start());
          std::vector<double> statistics(static_cast<std::size_t>(problem.model.n_statistics())),
              r(static_cast<std::size_t>(n * k)), normaliser(static_cast<std::size_t>(n));
          const double value = problem.model.local_step({0, n}, true, statistics);
          problem.model.responsibilities({0, n}, r.data(), normaliser.data());

          // By definition, in long double.
          const internal::GaussianFactors& q = problem.model.globals().gaussians();
          const std::vector<double> log_weight = problem.model.globals().weights().expected_log();
          const MatrixXd z = internal::rows_in_units(problem.x, problem.mixture.units, 0, n);
          std::vector<long double> expected(statistics.size());
          std::vector<long double> scale(statistics.size());
          long double expected_value = 0;
          const bool single = scalar == Scalar::float32;
          const double tolerance = single ? 3e-4 : 1e-11;
          double worst = 0;
          for (Index i = 0; i < n; ++i) {
            std::vector<long double> log_r;
            for (Index c = 0; c < k; ++c) {
              long double quadratic = 0;
              const VectorXd apart = z.col(i) - q.m.col(c);
              if (q.is_wishart()) {
                const MatrixXd v = q.wishart(c).inverse_scale().inverse();
                for (Index a = 0; a < d; ++a)
                  for (Index b = 0; b < d; ++b) quadratic += static_cast<long double>(apart[a]) * v(a, b) * apart[b];
              } else {
                for (Index a = 0; a < d; ++a)
                  quadratic += static_cast<long double>(apart[a]) * apart[a] / q.scale_of(a, c);
              }
              log_r.push_back(log_weight[static_cast<std::size_t>(c)] + 0.5L * q.expected_log_det(c) -
                              0.5L * d * std::log(2 * 3.14159265358979323846L) - 0.5L * d / q.kappa[c] -
                              0.5L * q.nu[c] * quadratic - problem.mixture.units.log_scale());
            }
            const long double most = *std::max_element(log_r.begin(), log_r.end());
            long double total = 0;
            for (const long double l : log_r) total += std::exp(l - most);
            const long double log_total = most + std::log(total);
            const double weight = weights[static_cast<std::size_t>(i)];
            expected_value += weight * log_total;
            worst = std::max(worst, std::abs(normaliser[static_cast<std::size_t>(i)] - static_cast<double>(log_total)) /
                                        (1 + std::abs(static_cast<double>(log_total))));
            const auto add = [&](Index place, long double term) {
              expected[static_cast<std::size_t>(place)] += term;
              scale[static_cast<std::size_t>(place)] += std::abs(term);
            };
            for (Index c = 0; c < k; ++c) {
              const long double mine = std::exp(log_r[static_cast<std::size_t>(c)] - log_total);
              EXPECT_NEAR(r[static_cast<std::size_t>(i * k + c)], static_cast<double>(mine), tolerance);
              const internal::MixtureLayout& layout = q.layout;
              add(c, weight * mine);
              for (Index a = 0; a < d; ++a) add(layout.sum_at(c) + a, weight * mine * z(a, i));
              Index place = layout.squares_at(c);
              for (Index a = 0; a < d; ++a) {
                if (kind == CovarianceKind::spherical) {
                  add(place, weight * mine * z(a, i) * z(a, i));
                } else if (kind == CovarianceKind::diagonal) {
                  add(place++, weight * mine * z(a, i) * z(a, i));
                } else {
                  for (Index b = 0; b <= a; ++b) add(place++, weight * mine * z(a, i) * z(b, i));
                }
              }
            }
          }
          EXPECT_LT(worst, single ? 1e-4 : 1e-11);
          EXPECT_NEAR(value, static_cast<double>(expected_value),
                      tolerance * std::abs(static_cast<double>(expected_value)));
          double worst_sum = 0;
          for (std::size_t i = 0; i < expected.size(); ++i)
            worst_sum =
                std::max(worst_sum, static_cast<double>(std::abs(statistics[i] - expected[i]) / (scale[i] + 1e-3L)));
          EXPECT_LT(worst_sum, tolerance);
          // The part that moves with the globals: log r before it is normalised, expected under r.
          long double term = 0;
          for (std::size_t i = 0; i < r.size(); ++i) {
            const std::size_t row = i / static_cast<std::size_t>(k);
            if (r[i] > 0) term += weights[row] * r[i] * (std::log(static_cast<long double>(r[i])) + normaliser[row]);
          }
          if (!single) {
            EXPECT_NEAR(problem.model.statistics_term(statistics), static_cast<double>(term),
                        1e-9 * (1 + std::abs(static_cast<double>(term))));
          }
        }
}

// A pair that was tried in vain is not tried again, also by a fit that goes on from a file.
TEST(MixtureExactness, RejectedMergesAreRemembered) {
  GaussianMixtureOptions options;
  options.n_components = 2;
  const Rows rows = groups_of_rows(80, 2, 1, 1, 2);  // one group
  options.responsibilities = random_responsibilities(80, 2, 4);
  Problem problem(rows, options), other(rows, options);
  const std::vector<double> statistics = problem.start();
  std::vector<double> proposal(statistics.size());
  problem.model.set_statistics(statistics);
  other.model.set_statistics(statistics);
  ASSERT_TRUE(problem.model.propose(statistics, proposal));
  EXPECT_NEAR(proposal[0], 80, 1e-10);
  EXPECT_EQ(proposal[1], 0);
  problem.model.judge(false);
  EXPECT_FALSE(problem.model.propose(statistics, proposal));
  internal::EngineState state;
  problem.model.save(state);
  EXPECT_TRUE(other.model.propose(statistics, proposal));
  other.model.load(state);
  EXPECT_FALSE(other.model.propose(statistics, proposal));
}

TEST(MixtureExactness, SticksAreInTheBestOrder) {
  const std::vector<double> counts = {3.5, 11, 0.2, 7, 2};
  for (const double concentration : {0.2, 1.0, 3.0, 20.0}) {
    const auto evidence = [&](const std::vector<std::size_t>& order) {
      double later = 0, sum = 0;
      for (std::size_t i = order.size(); i-- > 0;) {
        if (i + 1 < order.size())
          sum += std::lgamma(1 + counts[order[i]]) + std::lgamma(concentration + later) -
                 std::lgamma(1 + concentration + counts[order[i]] + later);
        later += counts[order[i]];
      }
      return sum;
    };
    std::vector<std::size_t> order(counts.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    double most = -1e300;
    do most = std::max(most, evidence(order));
    while (std::next_permutation(order.begin(), order.end()));
    EXPECT_NEAR(evidence(internal::best_stick_order(counts, concentration)), most, 1e-12 * std::abs(most));
  }
}

}  // namespace
}  // namespace velbo::test
