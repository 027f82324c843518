// k-hat where the truth is known: target N(0, s^2) and proposal N(0, 1) have weights exp(z^2 (1 - 1/s^2) / 2), whose
// tail has shape 1 - 1/s^2 exactly (Vehtari et al. 2024).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <vector>

#include "velbo/diagnostics.h"
#include "velbo/random.h"

namespace velbo {
namespace {

struct Replicates {
  double mean = 0, sd = 0, mean_se = 0;
};

Replicates replicate(double variance, std::size_t n, std::uint32_t n_replicates) {
  const Key key = make_key(20240, Purpose::test);
  std::vector<double> z(n);
  double sum = 0, squares = 0, se = 0;
  for (std::uint32_t r = 0; r < n_replicates; ++r) {
    standard_normals(key, r, static_cast<std::uint32_t>(1000 * variance), 0, std::span<double>(z));
    for (double& v : z) v = 0.5 * v * v * (1 - 1 / variance);
    const PsisResult got = psis(z);
    sum += got.k_hat;
    squares += got.k_hat * got.k_hat;
    se += got.k_hat_se;
  }
  const double mean = sum / n_replicates;
  const double sd = std::sqrt((squares / n_replicates - mean * mean) * n_replicates / (n_replicates - 1));
  std::printf("s^2 = %.2f, S = %zu: true k %.3f, mean k-hat %.4f, sd %.4f, mean stated se %.4f\n", variance, n,
              1 - 1 / variance, mean, sd, se / n_replicates);
  return {mean, sd, se / n_replicates};
}

TEST(PsisStatistical, MeanOfFiftyReplicatesIsTheShape) {
  for (double variance : {1.25, 2.0, 2.5, 3.33}) {
    SCOPED_TRACE(variance);
    const Replicates got = replicate(variance, 400000, 50);
    EXPECT_NEAR(got.mean, 1 - 1 / variance, 0.06);
    // The stated standard error against the spread of the replicates.
    EXPECT_GT(got.sd / got.mean_se, 0.6);
    EXPECT_LT(got.sd / got.mean_se, 1.5);
  }
}

TEST(PsisStatistical, StandardErrorHoldsAtTenThousandDraws) {
  for (double variance : {1.25, 2.5, 5.0}) {
    SCOPED_TRACE(variance);
    const Replicates got = replicate(variance, 10000, 200);
    EXPECT_GT(got.sd / got.mean_se, 0.7);
    EXPECT_LT(got.sd / got.mean_se, 1.4);
  }
}

}  // namespace
}  // namespace velbo
