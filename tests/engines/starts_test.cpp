// Several starts: how far they scatter, which answer is kept, and what is called another optimum.
#include "engines/starts.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/gaussian_target.h"
#include "velbo/distributions.h"

namespace velbo::internal {
namespace {

GaussianPoint point(double mean, double sd, std::int64_t d = 1) {
  return {FamilyKind::full_rank, Eigen::VectorXd::Constant(d, mean), sd * Eigen::MatrixXd::Identity(d, d)};
}

struct Flat {
  template <class T>
  T operator()(const T* z) const {
    return normal_lpdf(z[0], 0, 1);
  }
};

// Odd starts scatter by 1, even ones by 2 of the first's sds: root mean squares over 2,000 latents, 5 standard errors of each.
TEST(Starts, ScatterByOneAndTwoSds) {
  constexpr std::int64_t d = 2000;
  ModelDensity density(Model({real("z", {d})}, Flat{}), Context());
  const Starts starts(point(3, 0.5, d), 4, make_key(1, Purpose::test));
  EXPECT_EQ(starts.at(0, density).mean, point(3, 0.5, d).mean);
  for (std::int64_t i = 1; i <= 4; ++i) {
    const GaussianPoint at = starts.at(i, density);
    const double rms = std::sqrt((at.mean.array() - 3).square().mean());
    EXPECT_NEAR(rms, i % 2 == 1 ? 0.5 : 1, 5 * rms / std::sqrt(2.0 * d)) << i;
    EXPECT_EQ(at.factor, point(3, 0.5, d).factor);
    EXPECT_NE(at.mean, starts.at(i == 1 ? 3 : 1, density).mean);
  }
}

TEST(Starts, KeepTheHigherElboUnlessItIsNoise) {
  Starts starts(point(0, 1), 4, make_key(1, Purpose::test));
  starts.keep(point(1, 1), -10, 0.1);
  starts.keep(point(2, 1), -9.8, 0.1);  // 0.2 of 0.28 that two standard errors are
  EXPECT_EQ(starts.best()->mean[0], 1);
  starts.keep(point(9, 1), -9.5, 0.1);
  EXPECT_EQ(starts.best()->mean[0], 9);
  starts.keep(point(8, 2), -9.6, 0.01);
  starts.keep_failure("the log joint is -inf");
  EXPECT_TRUE(starts.are_over());
  EXPECT_EQ(starts.best()->mean[0], 9);
  EngineReport report;
  starts.tell(report);
  ASSERT_EQ(report.starts.size(), 5U);
  EXPECT_EQ(report.best_start, 2);
  EXPECT_FALSE(report.starts[0].same_optimum);  // 8 sds away
  EXPECT_TRUE(report.starts[3].same_optimum);   // 1 sd, twice as wide
  EXPECT_FALSE(report.starts[4].same_optimum);
  const std::vector<std::string> found = starts.findings();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0],
            "2 of 5 starts ended at other optima, of ELBO -10.00 +- 0.1, -9.80 +- 0.1 (the best: -9.50 +- 0.1): the "
            "posterior may have several modes, and this fit is of one");
  EXPECT_EQ(found[1], "1 of 5 starts led nowhere: the log joint is -inf");
}

TEST(Starts, AreTheSameFromACheckpoint) {
  Starts starts(point(0, 1), 2, make_key(1, Purpose::test)), read = starts;
  starts.keep_failure("no");
  starts.keep(point(1, 2), -3, 0.5);
  EngineState state;
  starts.save(state);
  read.load(state);
  EXPECT_EQ(read.made(), 2);
  EXPECT_EQ(read.best()->mean, starts.best()->mean);
  EXPECT_EQ(read.best_elbo_se(), 0.5);
  EXPECT_EQ(read.findings(), starts.findings());
  EXPECT_EQ(read.first_failure(), "no");
}

}  // namespace
}  // namespace velbo::internal
