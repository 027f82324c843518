// Pathfinder: that its ELBOs are those of its Gaussians, that it finds a Gaussian posterior, what it says of its distance, and that it
// goes on with the same bits.
#include "engines/pathfinder.h"

#include <gtest/gtest.h>

#include <limits>

#include "engines/pathfinder_engine.h"
#include "engines/starts.h"
#include "support/gaussian_target.h"
#include "velbo/distributions.h"

namespace velbo::internal {
namespace {

Model gaussian_model(const GaussianTarget& target) {
  return Model::with_gradient({real("z", {target.mean.size()})}, target.log_density(), "gaussian");
}

GaussianPoint start(std::int64_t d) {
  return {FamilyKind::full_rank, Eigen::VectorXd::Zero(d), Eigen::MatrixXd::Identity(d, d)};
}

// Its ELBO from 25 draws, whose standard error it tells, against the exact one of the Gaussian that it answers.
TEST(Pathfinder, ItsElboIsThatOfItsGaussian) {
  const GaussianTarget target = small_target();
  ModelDensity density(gaussian_model(target), Context());
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Pathfinder path(density, start(3), make_key(seed, Purpose::test));
    ASSERT_TRUE(path.step());  // the start's
    const double of_start = exact_gradient(start(3), target).value;
    EXPECT_NEAR(path.best_elbo().value, of_start, 5 * path.best_elbo().standard_error);
    EXPECT_EQ(path.best().factor, start(3).factor);
    while (path.step()) {
    }
    EXPECT_GT(path.best_elbo().value, of_start);
    const double exact = exact_gradient(path.best(), target).value;
    EXPECT_NEAR(path.best_elbo().value, exact, 5 * path.best_elbo().standard_error + 1e-9) << seed;
    // The posterior's own ELBO is 0, and three latents leave six pairs little to guess.
    EXPECT_GT(exact, -0.5);
    EXPECT_LT((path.best().mean - target.mean).cwiseAbs().maxCoeff(), 0.05);
  }
}

TEST(Pathfinder, GoesOnWithTheSameBits) {
  const GaussianTarget target = small_target();
  ModelDensity density(gaussian_model(target), Context());
  const Key key = make_key(3, Purpose::test);
  Pathfinder whole(density, start(3), key);
  while (whole.step()) {
  }
  for (int steps = 0; steps < 6; ++steps) {
    Pathfinder part(density, start(3), key);
    for (int i = 0; i < steps; ++i) part.step();
    EngineState state;
    part.save(state);
    Pathfinder rest(density, start(3), key);
    rest.load(state);
    while (rest.step()) {
    }
    EXPECT_EQ(rest.best().mean, whole.best().mean) << steps;
    EXPECT_EQ(rest.best().factor, whole.best().factor) << steps;
    EXPECT_EQ(rest.best_elbo().value, whole.best_elbo().value) << steps;
  }
}

TEST(Pathfinder, HasDoneNothingWhenTimeRunsOut) {
  const GaussianTarget target = small_target();
  ModelDensity density(gaussian_model(target), Context());
  Pathfinder path(density, start(3), make_key(1, Purpose::test)), undisturbed = path;
  for (int i = 0; i < 3; ++i) {
    density.set_deadline(std::chrono::steady_clock::now());
    EXPECT_THROW(path.step(), OutOfTime);
    density.set_deadline(std::chrono::steady_clock::time_point::max());
    path.step();
    undisturbed.step();
    EXPECT_EQ(path.best().mean, undisturbed.best().mean) << i;
    EXPECT_EQ(path.best_elbo().value, undisturbed.best_elbo().value) << i;
  }
}

// log p = -infinity right of 0.5, which every Gaussian around the mode reaches: none has an ELBO, and the start is the answer.
struct Wall {
  template <class T>
  T operator()(const T* z) const {
    return z[0] > 0.5 ? T(-std::numeric_limits<double>::infinity()) : -0.5 * square(z[0] - 0.4);
  }
};

TEST(Pathfinder, LeavesOutGaussiansThatTheModelDoesNotHold) {
  ModelDensity density(Model({real("z")}, Wall{}), Context());
  Pathfinder path(density, start(1), make_key(1, Purpose::test));
  while (path.step()) {
  }
  EXPECT_EQ(path.best_elbo().value, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(path.best().mean[0], 0);
}

// What it says of its distance is the distance, here that to a known optimum, and its ELBO is exact to its standard error.
TEST(PathfinderEngine, SaysHowFarItIs) {
  GaussianTarget target = small_target();
  for (const double scale : {1.0, 30.0}) {
    target.precision.row(0) *= scale;
    target.precision.col(0) *= scale;
    auto density = std::make_unique<ModelDensity>(gaussian_model(target), Context());
    PathfinderEngine engine(std::move(density), Context(), {.tolerance = 1e-6, .key = make_key(2, Purpose::step)}, {});
    engine.advance(10000);
    static_cast<void>(engine.evaluate());
    const EngineReport& report = engine.report();
    EXPECT_TRUE(report.stalled);
    EXPECT_NE(report.message.find("the best Gaussian on 4 paths is at least about "), std::string::npos)
        << report.message;
    EXPECT_EQ(report.starts.size(), 4U);
    const GaussianPoint exact = exact_posterior(target);
    const Eigen::ArrayXd sd = engine.point().sd(), best_sd = exact.sd();
    const double means = ((engine.point().mean - exact.mean).array() / best_sd).abs().maxCoeff();
    const double sds = (sd / best_sd).log().abs().maxCoeff();
    EXPECT_LT(std::max(means, sds), 1.5 * report.error_sd + 0.02);
    EXPECT_GT(std::max(means, sds), 0.4 * report.error_sd - 0.02);
    EXPECT_NEAR(report.elbo, exact_gradient(engine.point(), target).value, 5 * report.elbo_se + 1e-9);
  }
}

}  // namespace
}  // namespace velbo::internal
