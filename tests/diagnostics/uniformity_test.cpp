// Exact tests of symmetry and uniformity: probabilities by enumeration, and false alarms as often as they say.
#include "diagnostics/uniformity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "math/special.h"
#include "velbo/random.h"

namespace velbo::internal {
namespace {

TEST(Uniformity, WalksReachAsOftenAsCounted) {
  constexpr int kSteps = 10;
  for (int reach = 0; reach <= kSteps + 1; ++reach) {
    int reached = 0;
    for (int signs = 0; signs < 1 << kSteps; ++signs) {
      int sum = 0, farthest = 0;
      for (int step = 0; step < kSteps; ++step) {
        sum += (signs >> step) & 1 ? 1 : -1;
        farthest = std::max(farthest, std::abs(sum));
      }
      reached += farthest >= reach ? 1 : 0;
    }
    EXPECT_NEAR(walk_reaches(kSteps, reach), reached / 1024.0, 1e-12) << reach;
  }
}

// n = 1: 1 - d.  n = 2: 1 - d^2 - ... by Birnbaum and Tingey's sum written out; and Smirnov's limit e^(-2 n d^2).
TEST(Uniformity, OneSidedKolmogorovByHand) {
  for (const double d : {0.1, 0.4, 0.6, 0.9}) {
    EXPECT_NEAR(one_sided_kolmogorov(1, d), 1 - d, 1e-14);
    const double two = (1 - d) * (1 - d) + (d < 0.5 ? 2 * d * (0.5 - d) : 0);
    EXPECT_NEAR(one_sided_kolmogorov(2, d), two, 1e-14) << d;
  }
  EXPECT_EQ(one_sided_kolmogorov(10, 0), 1);
  EXPECT_EQ(one_sided_kolmogorov(10, 1), 0);
  EXPECT_NEAR(one_sided_kolmogorov(100000, 0.004) / std::exp(-2 * 1.6), 1, 0.01);
}

std::vector<double> uniforms(std::uint32_t draw, std::size_t n) {
  std::vector<double> out(n);
  standard_normals(make_key(2, Purpose::test), 0, draw, 0, out);
  for (double& v : out) v = std::exp(log_normal_cdf(v));
  return out;
}

// At level 0.05 of 4,000 runs, within 4.5 standard errors; the laws are of whole numbers or bounds, so a little fewer are fine.
TEST(Uniformity, FalseAlarmsAreAsRareAsPromised) {
  constexpr std::uint32_t kRuns = 4000;
  double symmetry = 0, uniformity = 0, both = 0;
  for (std::uint32_t run = 0; run < kRuns; ++run) {
    const std::vector<double> p = uniforms(run, 50);
    std::vector<double> u;
    for (const double v : p) u.push_back(std::abs(2 * v - 1));
    const bool a = test_symmetry(p).p_value < 0.05, b = test_uniformity(u).p_value < 0.05;
    symmetry += a, uniformity += b, both += a && b;
  }
  const double noise = 4.5 * std::sqrt(0.05 * 0.95 / kRuns);
  EXPECT_LT(symmetry / kRuns, 0.05 + noise);
  EXPECT_GT(symmetry / kRuns, 0.025);
  EXPECT_NEAR(uniformity / kRuns, 0.05, noise);
  EXPECT_LT(both / kRuns, 0.01);  // they are independent of each other
}

TEST(Uniformity, TestsSeeWhatTheyAreFor) {
  const std::vector<double> p = uniforms(1, 300);
  std::vector<double> large, ends, middle;
  for (const double v : p) {
    large.push_back(std::sqrt(v));
    ends.push_back(std::pow(v, 0.5));  // of |2 p - 1|
    middle.push_back(v * v);
  }
  EXPECT_LT(test_symmetry(large).p_value, 1e-3);
  EXPECT_TRUE(test_symmetry(large).mostly_large);
  for (double& v : large) v = 1 - v;
  EXPECT_FALSE(test_symmetry(large).mostly_large);
  EXPECT_LT(test_symmetry(large).p_value, 1e-3);
  EXPECT_LT(test_uniformity(ends).p_value, 1e-3);
  EXPECT_TRUE(test_uniformity(ends).mostly_large);
  EXPECT_LT(test_uniformity(middle).p_value, 1e-3);
  EXPECT_FALSE(test_uniformity(middle).mostly_large);
  EXPECT_GT(test_symmetry(p).p_value, 0.01);
  EXPECT_GT(test_uniformity(p).p_value, 0.01);
}

}  // namespace
}  // namespace velbo::internal
