// Bounds on errors of moments: against closed forms of two Gaussians, whose distances are known.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "posterior/normal_quantile.h"
#include "support/errors.h"
#include "velbo/diagnostics.h"

namespace velbo {
namespace {

using test::error_of;

struct Weighted {
  std::vector<double> draws, log_ratios;
};

// q = normal(0, 1), p = normal(mean, sd): stratified draws, so that means over them are integrals to four digits.  `constant` is one
// that the log density leaves out.
Weighted one_dimension(double mean, double sd, double constant, std::size_t n = 200000) {
  Weighted out;
  for (std::size_t i = 0; i < n; ++i) {
    const double x = internal::normal_quantile((static_cast<double>(i) + 0.5) / static_cast<double>(n));
    out.draws.push_back(x);
    out.log_ratios.push_back(constant - 0.5 * std::pow((x - mean) / sd, 2) - std::log(sd) + 0.5 * x * x);
  }
  return out;
}

// log E_q w^2 = m^2 / (2 - s^2) - log s - log(2 - s^2) / 2, and ELBO = -KL(q | p).
double divergence(double mean, double sd) {
  const double log_square = mean * mean / (2 - sd * sd) - std::log(sd) - 0.5 * std::log(2 - sd * sd);
  const double kl = std::log(sd) + (1 + mean * mean) / (2 * sd * sd) - 0.5;
  return log_square + 2 * kl;
}

TEST(MomentErrorBounds, AreTheFormulasOfTwoGaussians) {
  for (const auto& [mean, sd] : {std::pair{0.3, 0.9}, {0.0, 0.7}, {-0.5, 1.0}, {0.1, 1.1}}) {
    const Weighted w = one_dimension(mean, sd, 17.5);
    const MomentBounds found = moment_error_bounds(w.draws, w.log_ratios);
    const double d = divergence(mean, sd);
    ASSERT_TRUE(found.valid) << found.k_hat;
    EXPECT_NEAR(found.divergence, d, 2e-3 * (1 + d)) << mean;
    // E z^2 = 1 and E z^4 = 3.
    const double w1 = 2 * std::sqrt(std::expm1(d)), w2 = 2 * std::pow(3 * std::expm1(d), 0.25);
    EXPECT_NEAR(found.wasserstein_1, w1, 5e-3 * w1) << mean;
    EXPECT_NEAR(found.wasserstein_2, w2, 5e-3 * w2) << mean;
    EXPECT_EQ(found.mean_error[0], found.wasserstein_1);
    EXPECT_EQ(found.sd_error[0], found.wasserstein_2);
    // And they are bounds: W_2^2 = m^2 + (1 - s)^2 exactly, W_1 >= |m|.
    EXPECT_GT(found.wasserstein_2, std::hypot(mean, 1 - sd));
    EXPECT_GT(found.mean_error[0], std::abs(mean));
    EXPECT_GT(found.sd_error[0], std::abs(1 - sd));
    EXPECT_NEAR(found.elbo, 17.5 - (std::log(sd) + (1 + mean * mean) / (2 * sd * sd) - 0.5), 1e-3);
  }
}

// Two columns, of sds 1 and 2: E |z|^2 = 5, and E |z|^4 = 3 + 2 * 4 + 48, not the sum of the columns' own, which makes W_2 4 % less.
TEST(MomentErrorBounds, TellTheJointMomentFromTheColumns) {
  constexpr std::size_t kSide = 400;
  Weighted w;
  for (std::size_t i = 0; i < kSide; ++i)
    for (std::size_t j = 0; j < kSide; ++j) {
      const double x = internal::normal_quantile((static_cast<double>(i) + 0.5) / kSide),
                   y = internal::normal_quantile((static_cast<double>(j) + 0.5) / kSide);
      w.draws.push_back(x);
      w.draws.push_back(2 * y);
      w.log_ratios.push_back(-0.5 * std::pow(x - 0.2, 2) + 0.5 * x * x);
    }
  const MomentBounds found = moment_error_bounds(w.draws, w.log_ratios);
  const double growth = std::expm1(divergence(0.2, 1));
  const double w1 = 2 * std::sqrt(5 * growth), w2 = 2 * std::pow(59 * growth, 0.25);
  EXPECT_NEAR(found.wasserstein_1, w1, 0.01 * w1);
  EXPECT_NEAR(found.wasserstein_2, w2, 0.01 * w2);
  EXPECT_NEAR(found.mean_error[0], w1 / std::sqrt(5), 0.01 * w1);
  EXPECT_NEAR(found.mean_error[1] / found.mean_error[0], 2, 0.01);
  EXPECT_NEAR(found.sd_error[1] / found.sd_error[0], 2, 0.01);
}

TEST(MomentErrorBounds, AreInfiniteWhereTheSecondMomentOfTheWeightsIs) {
  const Weighted wide = one_dimension(0, 2, 0);  // k = 1 - 1/4, above 1/2
  const MomentBounds found = moment_error_bounds(wide.draws, wide.log_ratios);
  EXPECT_FALSE(found.valid);
  EXPECT_GT(found.k_hat, 0.5);
  for (const double v :
       {found.divergence, found.wasserstein_1, found.wasserstein_2, found.mean_error[0], found.sd_error[0]})
    EXPECT_EQ(v, INFINITY);
  const Weighted same = one_dimension(0, 1, 3, 1000);
  const MomentBounds none = moment_error_bounds(same.draws, same.log_ratios);
  EXPECT_TRUE(none.valid);
  EXPECT_NEAR(none.divergence, 0, 1e-12);
  Weighted zero = same;
  zero.log_ratios[3] = -INFINITY;  // a draw that the posterior cannot have made: no bound from q's side
  EXPECT_EQ(moment_error_bounds(zero.draws, zero.log_ratios).divergence, INFINITY);
}

TEST(MomentErrorBounds, RefuseSizesThatDoNotFit) {
  const std::vector<double> draws{1, 2, 3}, ratios{0, 0};
  EXPECT_EQ(error_of([&] { static_cast<void>(moment_error_bounds(draws, ratios)); }),
            "shape| 3 numbers are not a whole number of columns of 2 draws");
}

}  // namespace
}  // namespace velbo
