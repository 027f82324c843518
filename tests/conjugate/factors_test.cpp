// Exponential-family factors against quadrature, draws, chain rules and closed-form evidences.
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "conjugate/dirichlet.h"
#include "conjugate/gamma.h"
#include "conjugate/wishart.h"
#include "support/errors.h"
#include "velbo/distributions.h"
#include "velbo/gamma_functions.h"

namespace velbo::internal {
namespace {

const double kLogPi = std::log(3.14159265358979323846);

// Trapezoid rule over all of R: converges geometrically for what decays at both ends.
double integral(double low, double high, const std::function<double(double)>& f) {
  constexpr int n = 20000;
  const double step = (high - low) / n;
  double sum = 0;
  for (int i = 0; i <= n; ++i) sum += f(low + i * step);
  return sum * step;
}

double gamma_log_density(double x, const GammaFactor& g) {
  return g.shape * std::log(g.rate) - std::lgamma(g.shape) + (g.shape - 1) * std::log(x) - g.rate * x;
}

TEST(GammaFactor, ExpectationsAndDivergenceAreTheIntegrals) {
  const GammaFactor q{2.3, 0.7}, p{1.4, 2.2};
  const auto expect = [&](const std::function<double(double)>& f) {  // over log x
    return integral(-40, 8, [&](double u) { return f(std::exp(u)) * std::exp(gamma_log_density(std::exp(u), q) + u); });
  };
  EXPECT_NEAR(q.mean(), expect([](double x) { return x; }), 1e-10);
  EXPECT_NEAR(q.expected_log(), expect([](double x) { return std::log(x); }), 1e-10);
  EXPECT_NEAR(gamma_kl(q, p), expect([&](double x) { return gamma_log_density(x, q) - gamma_log_density(x, p); }),
              1e-10);
  EXPECT_EQ(gamma_kl(q, q), 0);
}

TEST(Dirichlet, TwoElementsAreTheIntegrals) {
  const std::vector<double> q = {2.5, 0.8}, p = {0.6, 1.9};
  const auto log_density = [](double x, const std::vector<double>& a) {
    return std::lgamma(a[0] + a[1]) - std::lgamma(a[0]) - std::lgamma(a[1]) + (a[0] - 1) * std::log(x) +
           (a[1] - 1) * std::log1p(-x);
  };
  const auto expect = [&](const std::function<double(double)>& f) {  // over logit x
    return integral(-35, 35, [&](double u) {
      const double x = 1 / (1 + std::exp(-u));
      return f(x) * std::exp(log_density(x, q)) * x * (1 - x);
    });
  };
  double expected_log[2];
  dirichlet_expected_log(q, expected_log);
  EXPECT_NEAR(expected_log[0], expect([](double x) { return std::log(x); }), 1e-10);
  EXPECT_NEAR(expected_log[1], expect([](double x) { return std::log1p(-x); }), 1e-10);
  EXPECT_NEAR(dirichlet_kl(q, p), expect([&](double x) { return log_density(x, q) - log_density(x, p); }), 1e-10);
}

// theta_1 ~ Beta(a_1, a_2 + a_3) and (theta_2, theta_3) / (1 - theta_1) ~ Dirichlet(a_2, a_3) are independent.
TEST(Dirichlet, DivergenceFollowsTheChainRule) {
  const std::vector<double> q = {0.3, 4, 1.5}, p = {2, 0.4, 0.9};
  const double first = dirichlet_kl(std::vector{q[0], q[1] + q[2]}, std::vector{p[0], p[1] + p[2]});
  const double rest = dirichlet_kl(std::vector{q[1], q[2]}, std::vector{p[1], p[2]});
  EXPECT_NEAR(dirichlet_kl(q, p), first + rest, 1e-12);
}

// Polya's urn: each count's probability given those before.
TEST(Dirichlet, EvidenceIsTheProductOfPredictions) {
  const std::vector<double> alpha = {0.3, 1.2, 0.7};
  const std::vector<std::size_t> seen = {0, 2, 2, 1, 0, 2, 2};
  std::vector<double> counts(3), total = alpha;
  double log_product = 0;
  for (const std::size_t k : seen) {
    log_product += std::log(total[k] / (total[0] + total[1] + total[2]));
    total[k] += 1;
    counts[k] += 1;
  }
  EXPECT_NEAR(dirichlet_categorical_log_evidence(alpha, counts), log_product, 1e-12);
}

Eigen::MatrixXd spread_matrix(Eigen::Index d, double off) {
  Eigen::MatrixXd out = Eigen::MatrixXd::Constant(d, d, off);
  for (Eigen::Index i = 0; i < d; ++i) out(i, i) = 1 + 0.3 * static_cast<double>(i);
  return out;
}

TEST(Wishart, OneDimensionIsAGamma) {
  const WishartFactor q(3.7, Eigen::MatrixXd::Constant(1, 1, 2.2)), p(1.9, Eigen::MatrixXd::Constant(1, 1, 0.6));
  const GammaFactor gq{3.7 / 2, 2.2 / 2}, gp{1.9 / 2, 0.6 / 2};
  EXPECT_NEAR(wishart_kl(q, p), gamma_kl(gq, gp), 1e-13);
  EXPECT_NEAR(q.expected_log_det(), gq.expected_log(), 1e-13);
  EXPECT_NEAR(q.mean()(0, 0), gq.mean(), 1e-13);
}

// 4 z-scores of 20,000 draws by Bartlett's decomposition, below 5: a false alarm once in 400,000 choices of the seed (it is fixed).
TEST(WishartStatistical, ExpectationsAndDivergenceAreAverages) {
  constexpr Eigen::Index d = 3;
  constexpr int n = 20000;
  const WishartFactor q(5.5, spread_matrix(d, 0.4)), p(4.2, spread_matrix(d, -0.2));
  const auto log_density = [&](const WishartFactor& w, const Eigen::MatrixXd& x) {
    const double log_det = 2 * Eigen::MatrixXd(x.llt().matrixL()).diagonal().array().log().sum();
    double gammas = d * (d - 1) / 4.0 * kLogPi;
    for (Eigen::Index i = 0; i < d; ++i) gammas += std::lgamma(0.5 * (w.nu() - static_cast<double>(i)));
    return 0.5 * (w.nu() - d - 1) * log_det - 0.5 * (w.inverse_scale() * x).trace() - 0.5 * w.nu() * d * std::log(2.0) +
           0.5 * w.nu() * w.log_det_inverse_scale() - gammas;
  };
  const Eigen::MatrixXd scale_factor = (q.mean() / q.nu()).llt().matrixL();
  std::mt19937_64 engine(7);
  std::normal_distribution<double> normal;
  Eigen::MatrixXd draws(n, 4);
  for (int i = 0; i < n; ++i) {
    Eigen::MatrixXd a = Eigen::MatrixXd::Zero(d, d);
    for (Eigen::Index r = 0; r < d; ++r) {
      a(r, r) = std::sqrt(std::chi_squared_distribution<double>(q.nu() - static_cast<double>(r))(engine));
      for (Eigen::Index c = 0; c < r; ++c) a(r, c) = normal(engine);
    }
    const Eigen::MatrixXd half = scale_factor * a, x = half * half.transpose();
    draws.row(i) << log_density(q, x) - log_density(p, x),
        2 * Eigen::MatrixXd(x.llt().matrixL()).diagonal().array().log().sum(), x(1, 1), x(2, 0);
  }
  const Eigen::Vector4d expected(wishart_kl(q, p), q.expected_log_det(), q.mean()(1, 1), q.mean()(2, 0));
  for (Eigen::Index j = 0; j < 4; ++j) {
    const double mean = draws.col(j).mean(), sd = std::sqrt((draws.col(j).array() - mean).square().mean() / n);
    EXPECT_LT(std::abs(mean - expected[j]), 5 * sd) << j << ": " << mean << " beside " << expected[j];
  }
}

struct Rows {
  Eigen::MatrixXd x;
  Eigen::VectorXd sum;
  Eigen::MatrixXd squares;
};

Rows some_rows(Eigen::Index n, Eigen::Index d) {
  std::mt19937_64 engine(3);
  std::normal_distribution<double> normal;
  Rows out{Eigen::MatrixXd(n, d), {}, {}};
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index j = 0; j < d; ++j) out.x(i, j) = normal(engine) + (j > 0 ? 0.5 * out.x(i, j - 1) : 0.3);
  out.sum = out.x.colwise().sum();
  out.squares = out.x.transpose() * out.x;
  return out;
}

NormalWishartFactor some_prior(Eigen::Index d) {
  return {0.7, Eigen::VectorXd::Constant(d, 0.4), WishartFactor(static_cast<double>(d) + 1.5, spread_matrix(d, 0.3))};
}

// The predictive distribution of a row is a Student t; their product does not know of determinants of all rows at once.
TEST(NormalWishart, EvidenceIsTheProductOfPredictions) {
  constexpr Eigen::Index n = 7, d = 3;
  const Rows rows = some_rows(n, d);
  const NormalWishartFactor prior = some_prior(d);
  NormalWishartFactor now = prior;
  double log_product = 0;
  for (Eigen::Index i = 0; i < n; ++i) {
    const Eigen::VectorXd x = rows.x.row(i);
    const double df = now.precision.nu() - d + 1;
    const double stretch = (now.kappa + 1) / (now.kappa * df);
    const Eigen::MatrixXd sigma = stretch * now.precision.inverse_scale();
    const double log_det = 2 * Eigen::MatrixXd(sigma.llt().matrixL()).diagonal().array().log().sum();
    const double distance = (x - now.m).dot(sigma.llt().solve(x - now.m));
    log_product += std::lgamma(0.5 * (df + d)) - std::lgamma(0.5 * df) - 0.5 * d * std::log(df) - 0.5 * d * kLogPi -
                   0.5 * log_det - 0.5 * (df + d) * std::log1p(distance / df);
    now = normal_wishart_posterior(now, 1, x, x * x.transpose());
  }
  const NormalWishartFactor all = normal_wishart_posterior(prior, n, rows.sum, rows.squares);
  EXPECT_NEAR(normal_wishart_log_evidence(prior, all, n), log_product, 1e-11);
  EXPECT_TRUE(all.m.isApprox(now.m, 1e-12));
  EXPECT_TRUE(all.precision.inverse_scale().isApprox(now.precision.inverse_scale(), 1e-12));
}

// With the exact posterior the ELBO is the evidence, which ties expectations and divergence together.
TEST(NormalWishart, ElboAtThePosteriorIsTheEvidence) {
  constexpr Eigen::Index n = 9, d = 4;
  const Rows rows = some_rows(n, d);
  const NormalWishartFactor prior = some_prior(d), q = normal_wishart_posterior(prior, n, rows.sum, rows.squares);
  double elbo = -normal_wishart_kl(q, prior);
  for (Eigen::Index i = 0; i < n; ++i)
    elbo += 0.5 * (q.precision.expected_log_det() - d * (kLogPi + std::log(2.0)) - d / q.kappa -
                   q.precision.nu() * q.precision.quadratic(rows.x.row(i).transpose() - q.m));
  EXPECT_NEAR(elbo, normal_wishart_log_evidence(prior, q, n), 1e-11);
}

TEST(NormalWishart, RowsFarFromZeroKeepTheirDigits) {
  constexpr Eigen::Index n = 50, d = 2;
  const Rows rows = some_rows(n, d);
  NormalWishartFactor prior = some_prior(d);
  const double near = normal_wishart_log_evidence(prior, normal_wishart_posterior(prior, n, rows.sum, rows.squares), n);
  const Eigen::VectorXd shift = Eigen::VectorXd::Constant(d, 1e3);
  const Eigen::MatrixXd x = rows.x.rowwise() + shift.transpose();
  prior.m += shift;
  const double far = normal_wishart_log_evidence(
      prior, normal_wishart_posterior(prior, n, x.colwise().sum().transpose(), x.transpose() * x), n);
  EXPECT_NEAR(near, far, 1e-6);
}

TEST(Wishart, RefusesWhatIsNotPositiveDefinite) {
  const Eigen::MatrixXd flat = Eigen::MatrixXd::Ones(2, 2);
  EXPECT_EQ(
      test::error_of([&] { const WishartFactor factor(3, flat); }),
      "data| the inverse scale of a Wishart factor in 2 dimensions is not positive definite: expected rows that are "
      "not all on a line or plane, or a prior that keeps them apart");
}

// Of exact moments the maximiser is what they are of; where that is out of bounds, the bound.
TEST(Dirichlet, TheMaximiserIsFoundFromItsMoments) {
  for (const std::vector<double>& alpha :
       {std::vector<double>{0.3, 2, 0.01}, {1e-4, 5, 80, 0.7}, {3000, 2000}, std::vector<double>(60, 0.02)}) {
    std::vector<double> moments(alpha.size());
    dirichlet_expected_log(alpha, moments);
    for (const double start : {1e-3, 0.1, 50.0}) {
      const std::vector<double> found =
          dirichlet_maximiser(moments, std::vector<double>(alpha.size(), start), 1e-6, 1e6);
      for (std::size_t k = 0; k < alpha.size(); ++k) EXPECT_NEAR(found[k], alpha[k], 1e-6 * alpha[k]) << k;
    }
  }
  const std::vector<double> bounded =
      dirichlet_maximiser(std::vector<double>{-1e9, -0.2, -1.9}, std::vector<double>{1, 1, 1}, 1e-6, 1e6);
  EXPECT_EQ(bounded[0], 1e-6);
  // The others as if the first were given: their gradients vanish.
  const double total = bounded[0] + bounded[1] + bounded[2];
  EXPECT_NEAR(digamma_of(total) - digamma_of(bounded[1]) - 0.2, 0, 1e-9);
  EXPECT_NEAR(digamma_of(total) - digamma_of(bounded[2]) - 1.9, 0, 1e-9);
}

}  // namespace
}  // namespace velbo::internal
