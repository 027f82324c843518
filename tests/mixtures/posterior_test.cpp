// What a fitted mixture says: densities against quadrature and draws, moments against draws of the factors, and its file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "io/safetensors.h"
#include "mixtures/problem.h"
#include "support/errors.h"
#include "support/scratch.h"

namespace velbo::test {
namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;

GaussianMixture fitted(const Rows& rows, CovarianceKind kind, std::int64_t k,
                       WeightsPrior prior = WeightsPrior::dirichlet) {
  GaussianMixtureOptions options;
  options.n_components = k;
  options.covariance = kind;
  options.weights_prior = prior;
  return fit_gaussian_mixture(rows.matrix(), options).posterior;
}

TEST(MixturePosterior, DensitiesIntegrateToOne) {
  const Rows rows = groups_of_rows(30, 1, 2, 4, 3);
  for (const CovarianceKind kind : kKinds) {
    const GaussianMixture mixture = fitted(rows, kind, 3);
    // x = centre + scale sinh(t), trapezoid rule: heavy tails become light ones.
    std::vector<double> x, jacobian;
    for (int i = -4000; i <= 4000; ++i) {
      const double t = i * 0.01;
      x.push_back(3 + 2 * std::sinh(t));
      jacobian.push_back(2 * std::cosh(t) * 0.01);
    }
    const std::vector<double> log_p =
        mixture.log_density(MatrixView<const double>{x.data(), static_cast<std::int64_t>(x.size()), 1, 1});
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += std::exp(log_p[i]) * jacobian[i];
    EXPECT_NEAR(sum, 1, 1e-8) << name(kind);
  }
}

// The predictive density is E_q of the mixture's: by draws of the factors, which know nothing of Student's t.  30,000 draws of each
// of 24 numbers, each within 5 standard errors: false alarm below 2e-5.
TEST(MixturePosterior, DensitiesAreExpectationsUnderTheFactors) {
  const Rows rows = groups_of_rows(14, 2, 2, 2, 3);
  const std::vector<double> points = {3, 6, 0, 2, 8, 15};
  std::mt19937_64 engine(11);
  std::normal_distribution<double> normal;
  for (const CovarianceKind kind : kKinds)
    for (const WeightsPrior prior : kPriors) {
      SCOPED_TRACE(std::string(name(kind)) + " " + std::string(name(prior)));
      const GaussianMixture mixture = fitted(rows, kind, 2, prior);
      const internal::GaussianFactors& q = mixture.state().globals.gaussians();
      const internal::WeightFactors& w = mixture.state().globals.weights();
      const MatrixXd z =
          internal::rows_in_units(MatrixView<const double>{points.data(), 3, 2, 2}, mixture.state().units, 0, 3);
      const auto gamma = [&](double shape) { return std::gamma_distribution<double>(shape, 1)(engine); };
      VectorXd sum = VectorXd::Zero(3), squares = VectorXd::Zero(3);
      const int n_draws = 30000;
      for (int draw = 0; draw < n_draws; ++draw) {
        const double a = gamma(w.a[0]), b = gamma(w.is_sticks() ? w.b[0] : w.a[1]);
        VectorXd density = VectorXd::Zero(3);
        MatrixXd tied_precision;
        for (Index k = 0; k < 2; ++k) {
          MatrixXd precision = MatrixXd::Zero(2, 2);
          if (q.is_wishart()) {  // Bartlett
            MatrixXd bartlett = MatrixXd::Zero(2, 2);
            bartlett(0, 0) = std::sqrt(2 * gamma(0.5 * q.nu[k]));
            bartlett(1, 1) = std::sqrt(2 * gamma(0.5 * (q.nu[k] - 1)));
            bartlett(1, 0) = normal(engine);
            const MatrixXd v = q.wishart(k).inverse_scale().inverse();
            const MatrixXd l = MatrixXd(Eigen::LLT<MatrixXd>(v).matrixL()) * bartlett;
            precision = l * l.transpose();
          } else {
            precision(0, 0) = 2 * gamma(0.5 * q.nu[k]) / q.scale_of(0, k);
            precision(1, 1) =
                kind == CovarianceKind::spherical ? precision(0, 0) : 2 * gamma(0.5 * q.nu[k]) / q.scale_of(1, k);
          }
          if (kind == CovarianceKind::tied) {
            if (k == 0) tied_precision = precision;
            precision = tied_precision;
          }
          const MatrixXd l = Eigen::LLT<MatrixXd>(precision).matrixL();
          VectorXd e(2);
          for (double& value : e) value = normal(engine);
          const VectorXd mean =
              q.m.col(k) + l.transpose().triangularView<Eigen::Upper>().solve(e) / std::sqrt(q.kappa[k]);
          const double weight = k == 0 ? a / (a + b) : b / (a + b);
          for (Index i = 0; i < 3; ++i)
            density[i] += weight * l.diagonal().prod() / (2 * 3.14159265358979) *
                          std::exp(-0.5 * (l.transpose() * (z.col(i) - mean)).squaredNorm());
        }
        sum += density;
        squares += density.cwiseAbs2();
      }
      const std::vector<double> log_p = mixture.log_density(MatrixView<const double>{points.data(), 3, 2, 2});
      for (Index i = 0; i < 3; ++i) {
        const double mean = sum[i] / n_draws,
                     sd = std::sqrt(std::max(0.0, squares[i] / n_draws - mean * mean) / n_draws);
        const double expected = std::exp(log_p[static_cast<std::size_t>(i)] + mixture.state().units.log_scale());
        EXPECT_NEAR(mean, expected, 5 * sd + 1e-12);
      }
    }
}

// Draws follow the density: shares of draws in boxes against its integral there, and means and weights.  5 standard errors of each of
// 32 numbers: false alarm below 2e-5.
TEST(MixturePosterior, DrawsFollowTheDensity) {
  const Rows rows = groups_of_rows(40, 1, 2, 6, 3);
  const std::int64_t n = 40000;
  for (const CovarianceKind kind : kKinds) {
    SCOPED_TRACE(name(kind));
    const GaussianMixture mixture = fitted(rows, kind, 2);
    const MixtureDraws draws = mixture.sample(n, 5);
    for (std::size_t k = 0; k < 2; ++k) {
      const double share = static_cast<double>(std::count(draws.component.begin(), draws.component.end(), k)) / n;
      EXPECT_NEAR(share, mixture.weights()[k], 5 * std::sqrt(0.25 / n));
    }
    for (int bin = -3; bin < 3; ++bin) {
      const double from = mixture.means()[0] + 1.5 * bin, to = from + 1.5;
      double expected = 0;
      for (int i = 0; i < 3000; ++i) {
        const double x = from + (i + 0.5) * 1.5 / 3000;
        expected += std::exp(mixture.log_density(MatrixView<const double>{&x, 1, 1, 1})[0]) * 1.5 / 3000;
      }
      const double share = static_cast<double>(std::count_if(draws.x.begin(), draws.x.end(),
                                                             [&](double x) { return x > from && x <= to; })) /
                           n;
      EXPECT_NEAR(share, expected, 5 * std::sqrt(expected / n) + 1e-6);
    }
  }
}

// In two dimensions and with few rows: E x x' by draws against E Sigma (1 + 1 / kappa) + means, of one component.  z-tests of 5 standard
// errors, estimated from the draws.
TEST(MixturePosterior, DrawsHaveTheExpectedCovariance) {
  const Rows rows = groups_of_rows(30, 2, 1, 1, 3);
  for (const CovarianceKind kind : kKinds) {
    SCOPED_TRACE(name(kind));
    const GaussianMixture mixture = fitted(rows, kind, 1);
    const std::int64_t n = 60000;
    const MixtureDraws draws = mixture.sample(n, 9);
    const double kappa = mixture.state().globals.gaussians().kappa[0];
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j <= i; ++j) {
        double sum = 0, squares = 0;
        for (std::int64_t s = 0; s < n; ++s) {
          const auto at = static_cast<std::size_t>(2 * s);
          const double product =
              (draws.x[at + static_cast<std::size_t>(i)] - mixture.means()[static_cast<std::size_t>(i)]) *
              (draws.x[at + static_cast<std::size_t>(j)] - mixture.means()[static_cast<std::size_t>(j)]);
          sum += product;
          squares += product * product;
        }
        const double mean = sum / n, se = std::sqrt((squares / n - mean * mean) / n);
        EXPECT_NEAR(mean, mixture.covariances()[static_cast<std::size_t>(2 * i + j)] * (1 + 1 / kappa), 5 * se);
      }
  }
}

// One row known a million times: expectations are the rows' moments.
TEST(MixturePosterior, ExpectationsComeDownToTheRowsMoments) {
  const Rows rows = groups_of_rows(50, 2, 1, 1, 3);
  const std::vector<double> weights(50, 1e6);
  GaussianMixtureOptions options;
  const GaussianMixture mixture = fit_gaussian_mixture(rows.matrix(), options, weights).posterior;
  const MatrixXd x = MatrixXd::Map(rows.x.data(), 2, 50);
  const VectorXd mean = x.rowwise().mean();
  const MatrixXd covariance = (x.colwise() - mean) * (x.colwise() - mean).transpose() / 50;
  for (Index i = 0; i < 2; ++i) {
    EXPECT_NEAR(mixture.means()[static_cast<std::size_t>(i)], mean[i], 1e-6);
    EXPECT_NEAR(mixture.means_sd()[static_cast<std::size_t>(i)], std::sqrt(covariance(i, i) / 5e7),
                1e-6 * std::sqrt(covariance(i, i)));
    for (Index j = 0; j < 2; ++j) {
      EXPECT_NEAR(mixture.covariances()[static_cast<std::size_t>(2 * i + j)], covariance(i, j), 1e-5);
      EXPECT_NEAR(mixture.covariances_sd()[static_cast<std::size_t>(2 * i + j)],
                  std::sqrt((covariance(i, i) * covariance(j, j) + covariance(i, j) * covariance(i, j)) / 5e7), 1e-6);
    }
  }
}

TEST(MixturePosterior, FilesAreExact) {
  const ScratchFolder folder;
  const Rows rows = groups_of_rows(90, 3, 3, 2, 3);
  for (const CovarianceKind kind : kKinds)
    for (const WeightsPrior prior : kPriors) {
      SCOPED_TRACE(name(kind));
      GaussianMixtureOptions options;
      options.n_components = 3;
      options.covariance = kind;
      options.weights_prior = prior;
      options.names = {"height", "weight", "\xc3\xa9t\xc3\xa9"};
      const GaussianMixtureFit fit = fit_gaussian_mixture(rows.matrix(), options);
      const std::string path = folder.file("mixture.velbo");
      fit.save(path);
      const GaussianMixture loaded = GaussianMixture::load(path);
      EXPECT_EQ(loaded.means(), fit.posterior.means());
      EXPECT_EQ(loaded.covariances_sd(), fit.posterior.covariances_sd());
      EXPECT_EQ(loaded.weights_sd(), fit.posterior.weights_sd());
      EXPECT_EQ(loaded.names(), options.names);
      EXPECT_EQ(loaded.responsibilities(rows.matrix()), fit.posterior.responsibilities(rows.matrix()));
      EXPECT_EQ(loaded.log_density(rows.matrix()), fit.posterior.log_density(rows.matrix()));
      EXPECT_EQ(loaded.sample(10, 3).x, fit.posterior.sample(10, 3).x);
      EXPECT_EQ(loaded.report(), fit.posterior.report());
      EXPECT_EQ(GaussianMixture::load_run_json(path), fit.to_json());
      EXPECT_EQ(nlohmann::json::parse(fit.to_json()).at("fit").at("elbo").get<double>(), fit.run.elbo);
      const GaussianMixtureFit more = partial_fit(fit.posterior, rows.matrix()),
                               same = partial_fit(loaded, rows.matrix());
      EXPECT_EQ(more.run.elbo, same.run.elbo);
      EXPECT_EQ(more.posterior.means(), same.posterior.means());
      // Saved again: the same bytes.
      loaded.save(folder.file("again"), GaussianMixture::load_run_json(path));
      EXPECT_EQ(read_bytes(folder.file("again")), read_bytes(path));
    }
}

TEST(MixturePosterior, BrokenFilesAreRefused) {
  const ScratchFolder folder;
  const GaussianMixture mixture = fitted(groups_of_rows(30, 2, 2, 2, 3), CovarianceKind::full, 2);
  const std::string path = folder.file("mixture.velbo");
  mixture.save(path);
  const std::string bytes = read_bytes(path);
  for (std::size_t at = 9; at < bytes.size(); at += 41) {
    std::string broken = bytes;
    broken[at] = static_cast<char>(broken[at] ^ 4);
    EXPECT_THAT(error_of([&] { (void)GaussianMixture::load(folder.file("broken", broken)); }),
                ::testing::StartsWith("file| "));
  }
  // Whole by their checksum, but of no rows that there could be.
  for (const CovarianceKind kind : kKinds) {
    fitted(groups_of_rows(30, 2, 2, 2, 3), kind, 2).save(path);
    for (const char* tensor : {"statistics", "prior", "unit", "prior_inverse_scale"}) {
      internal::Safetensors file = internal::read_safetensors(path);
      for (internal::Tensor& t : file.tensors)
        if (t.name == tensor) t.values.back() = -1e6;
      internal::write_safetensors(folder.file("wrong"), file);
      EXPECT_THAT(error_of([&] { (void)GaussianMixture::load(folder.file("wrong")); }), ::testing::StartsWith("file| "))
          << name(kind) << " " << tensor;
    }
  }
  EXPECT_THAT(error_of([&] { (void)GaussianMixture::load(folder.file("none")); }), ::testing::StartsWith("file| "));
}

TEST(MixturePosterior, RowsFarAwayAreSaidToBe) {
  const GaussianMixture mixture = fitted(groups_of_rows(30, 2, 2, 2, 3), CovarianceKind::full, 2);
  const std::vector<double> far = {1e9, 1, 1e200, 1};
  EXPECT_THAT(error_of([&] {
                (void)mixture.labels(MatrixView<const double>{far.data(), 2, 2, 2});
              }),
              ::testing::HasSubstr("row 1 is so far"));
  EXPECT_EQ(mixture.labels(MatrixView<const double>{far.data(), 1, 2, 2}).size(), 1U);
  EXPECT_TRUE(mixture.labels(FeatureMatrix()).empty());
}

}  // namespace
}  // namespace velbo::test
