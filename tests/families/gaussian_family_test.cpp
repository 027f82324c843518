// Closed forms, Monte Carlo z-tests and finite differences of the Gaussian families.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "velbo/error.h"
#include "velbo/family.h"
#include "velbo/random.h"

namespace velbo {
namespace {

struct Case {
  GaussianFamily family;
  std::vector<double> mean, scale, lambda;
};

Case make_case(FamilyKind kind) {
  const std::int64_t d = 3;
  Case c{GaussianFamily(kind, d, kind == FamilyKind::low_rank ? 2 : 0), {0.5, -1, 2}, {}, {}};
  switch (kind) {
    case FamilyKind::mean_field: c.scale = {0.3, 1.5, 0.01}; break;
    case FamilyKind::full_rank: c.scale = {0.3, 0, 0, -0.7, 1.1, 0, 0.2, 0.4, 0.05}; break;
    default: c.scale = {0.3, 0.5, -0.2, 1.5, -0.7, 0.9, 0.4, 0.02, 0.1}; break;  // rows of sd, B
  }
  c.lambda = c.family.pack(c.mean, c.scale);
  return c;
}

class Families : public testing::TestWithParam<FamilyKind> {};

TEST_P(Families, PackAndScaleAreInverse) {
  const Case c = make_case(GetParam());
  EXPECT_EQ(static_cast<std::int64_t>(c.lambda.size()), c.family.n_params());
  const std::vector<double> back = c.family.scale(c.lambda);
  for (std::size_t i = 0; i < back.size(); ++i) EXPECT_NEAR(back[i], c.scale[i], 1e-15);
}

TEST_P(Families, SampleHasItsMomentsAndLogProbItsDensity) {
  const Case c = make_case(GetParam());
  const std::int64_t n = 200000;
  std::vector<double> z(static_cast<std::size_t>(3 * n)), log_q(static_cast<std::size_t>(n));
  std::vector<double> eps(static_cast<std::size_t>(c.family.n_noise() * n));
  standard_normals(make_key(2, Purpose::test), 0, 0, 0, std::span<double>(eps));
  c.family.sample(c.lambda, eps, z);
  if (GetParam() != FamilyKind::low_rank) {
    c.family.sample(c.lambda, eps, eps);  // in place
    EXPECT_EQ(eps, z);
  }
  c.family.log_prob(c.lambda, z, log_q);
  const std::vector<double> cov = c.family.covariance(c.lambda), sd = c.family.sd(c.lambda);
  const double root = std::sqrt(static_cast<double>(n));
  double mean_log_q = 0;
  for (const double v : log_q) mean_log_q += v / static_cast<double>(n);
  // -E log q is the entropy; the variance of log q is D / 2.  |z| < 5: false alarms below 1e-6.
  EXPECT_LT(std::abs(mean_log_q + c.family.entropy(c.lambda)) * root / std::sqrt(1.5), 5);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(sd[i] * sd[i], cov[i * 3 + i], 1e-14);
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (std::size_t s = 0; s < static_cast<std::size_t>(n); ++s)
        sum += (z[s * 3 + i] - c.mean[i]) * (z[s * 3 + j] - c.mean[j]);
      const double error = std::sqrt(cov[i * 3 + i] * cov[j * 3 + j] + cov[i * 3 + j] * cov[i * 3 + j]);
      EXPECT_LT(std::abs(sum / static_cast<double>(n) - cov[i * 3 + j]) * root / error, 5) << i << j;
    }
    double sum = 0;
    for (std::size_t s = 0; s < static_cast<std::size_t>(n); ++s) sum += z[s * 3 + i] - c.mean[i];
    EXPECT_LT(std::abs(sum / static_cast<double>(n)) * root / sd[i], 5);
  }
}

TEST_P(Families, LogProbAtTheMeanIsTheNormaliser) {
  const Case c = make_case(GetParam());
  std::vector<double> out(1);
  c.family.log_prob(c.lambda, c.mean, out);
  EXPECT_NEAR(out[0], 1.5 - c.family.entropy(c.lambda), 1e-12);  // entropy = D/2 (1 + log 2 pi) + log |L|
}

TEST_P(Families, PullbackEqualsFiniteDifferences) {
  const Case c = make_case(GetParam());
  std::vector<double> eps(static_cast<std::size_t>(4 * c.family.n_noise()));
  standard_normals(make_key(3, Purpose::test), 0, 0, 0, std::span<double>(eps));
  // f(lambda) = sum_s sin(z_s1) + z_s2 z_s3 + 0.7 entropy
  const auto f = [&](const std::vector<double>& lambda) {
    std::vector<double> z(3 * 4);
    c.family.sample(lambda, eps, z);
    double sum = 0.7 * c.family.entropy(lambda);
    for (std::size_t s = 0; s < 4; ++s) sum += std::sin(z[3 * s]) + z[3 * s + 1] * z[3 * s + 2];
    return sum;
  };
  std::vector<double> z(3 * 4), grad_z(3 * 4), gradient(c.lambda.size(), 0.0);
  c.family.sample(c.lambda, eps, z);
  for (std::size_t s = 0; s < 4; ++s) {
    grad_z[3 * s] = std::cos(z[3 * s]);
    grad_z[3 * s + 1] = z[3 * s + 2];
    grad_z[3 * s + 2] = z[3 * s + 1];
  }
  c.family.pullback(c.lambda, eps, grad_z, 0.7, gradient);
  for (std::size_t p = 0; p < gradient.size(); ++p) {
    std::vector<double> above = c.lambda, below = c.lambda;
    above[p] += 1e-6;
    below[p] -= 1e-6;
    EXPECT_NEAR(gradient[p], (f(above) - f(below)) / 2e-6, 1e-7 * (1 + std::abs(gradient[p]))) << p;
  }
}

TEST_P(Families, RefuseWrongShapes) {
  const Case c = make_case(GetParam());
  EXPECT_THROW(static_cast<void>(c.family.entropy(std::vector<double>(4))), Error);
  EXPECT_THROW(static_cast<void>(c.family.pack(std::vector<double>(2), c.scale)), Error);
  std::vector<double> z(7);
  EXPECT_THROW(c.family.sample(c.lambda, z, z), Error);
}

INSTANTIATE_TEST_SUITE_P(All, Families,
                         testing::Values(FamilyKind::mean_field, FamilyKind::full_rank, FamilyKind::low_rank),
                         [](const auto& p) { return std::string(name(p.param)); });

TEST(Families, NeedADimensionAndAKind) {
  EXPECT_THROW(GaussianFamily(FamilyKind::automatic, 2), Error);
  EXPECT_THROW(GaussianFamily(FamilyKind::full_rank, 0), Error);
  EXPECT_THROW(GaussianFamily(FamilyKind::full_rank, 3, 1), Error);
  EXPECT_THROW(GaussianFamily(FamilyKind::low_rank, 3), Error);
  EXPECT_THROW(GaussianFamily(FamilyKind::low_rank, 3, 4), Error);
}

// Woodbury's identity against the dense inverse, and the density against the full-rank one of the same covariance.
TEST(Families, LowRankEqualsTheDenseCovariance) {
  const std::int64_t d = 7, r = 3;
  std::vector<double> scale(static_cast<std::size_t>(d * (1 + r))), mean(7, 0.3), z(14);
  standard_normals(make_key(4, Purpose::test), 0, 0, 0, std::span<double>(scale));
  standard_normals(make_key(5, Purpose::test), 0, 0, 0, std::span<double>(z));
  for (std::size_t i = 0; i < 7; ++i) scale[i * 4] = 0.05 + std::abs(scale[i * 4]);
  const GaussianFamily low(FamilyKind::low_rank, d, r), full(FamilyKind::full_rank, d);
  const std::vector<double> lambda = low.pack(mean, scale);
  const std::vector<double> covariance = low.covariance(lambda);
  std::vector<double> factor(49, 0.0);  // Cholesky, by hand
  for (std::size_t i = 0; i < 7; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = covariance[i * 7 + j];
      for (std::size_t k = 0; k < j; ++k) sum -= factor[i * 7 + k] * factor[j * 7 + k];
      factor[i * 7 + j] = i == j ? std::sqrt(sum) : sum / factor[j * 7 + j];
    }
  const std::vector<double> full_lambda = full.pack(mean, factor);
  EXPECT_NEAR(low.entropy(lambda), full.entropy(full_lambda), 1e-10);
  std::vector<double> by_low(2), by_full(2);
  low.log_prob(lambda, z, by_low);
  full.log_prob(full_lambda, z, by_full);
  for (std::size_t s = 0; s < 2; ++s) EXPECT_NEAR(by_low[s], by_full[s], 1e-10 * (1 + std::abs(by_full[s])));
}

}  // namespace
}  // namespace velbo
