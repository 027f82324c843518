// Gradients of the ELBO of a log density on the host: fixed noise against finite differences, unbiasedness against a Gaussian
// target's closed form, the zero of sticking the landing, and what is refused.  (tests/device_model: the same on a device.)
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>

#include "objectives/model_estimator.h"
#include "support/errors.h"
#include "support/gaussian_target.h"
#include "support/small_glm.h"

namespace velbo::internal {
namespace {

EstimatorSettings settings(EntropyGradient entropy, DrawKind kind = DrawKind::iid, std::int64_t draws = 8) {
  return {.estimator = Estimator::weights, .draws = draws, .draw_kind = kind, .entropy = entropy};
}

class ModelEstimators : public testing::TestWithParam<std::tuple<FamilyKind, EntropyGradient, DrawKind>> {
 protected:
  GaussianTarget target_ = small_target();
  GaussianPoint point_ = small_point(target_.mean.size(), std::get<0>(GetParam()));
  ModelEstimator estimator_{target_.log_density(), Context(), point_,
                            settings(std::get<1>(GetParam()), std::get<2>(GetParam())), make_key(6, Purpose::test)};
};

// 120 z-tests: false alarms below 7e-5 for the program, which is deterministic.
TEST_P(ModelEstimators, AreUnbiased) { expect_unbiased(estimator_, point_, target_, 600); }

// With the noise fixed the estimated ELBO is a smooth function of the point; its derivatives are the gradient.  (Sticking the
// landing leaves out a part whose mean is zero.)
TEST_P(ModelEstimators, GradientsEqualFiniteDifferencesOfFixedNoise) {
  if (std::get<1>(GetParam()) == EntropyGradient::sticking_the_landing) return;
  const ElboGradient g = estimator_.estimate(point_, {}, 9);
  const double h = 1e-5;
  const auto check = [&](double& place, double found) {
    const double here = place;
    place = here + h;
    const double above = estimator_.estimate(point_, {}, 9).value;
    place = here - h;
    const double below = estimator_.estimate(point_, {}, 9).value;
    place = here;
    EXPECT_NEAR(found, (above - below) / (2 * h), 1e-7 * (1 + largest(g)));
  };
  for (Eigen::Index i = 0; i < point_.dimension(); ++i) check(point_.mean[i], g.mean[i]);
  for (Eigen::Index i = 0; i < point_.factor.rows(); ++i)
    for (Eigen::Index j = 0; j < point_.factor.cols(); ++j)
      if (point_.family != FamilyKind::full_rank || j <= i) check(point_.factor(i, j), g.factor(i, j));
}

TEST_P(ModelEstimators, GiveTheSameBitsForTheSameStep) {
  const ElboGradient once = estimator_.estimate(point_, {}, 2), again = estimator_.estimate(point_, {}, 2);
  EXPECT_EQ(once.value, again.value);
  EXPECT_EQ(difference(once, again), 0);
  EXPECT_NE(estimator_.estimate(point_, {}, 3).value, once.value);
  EXPECT_EQ(estimator_.rows_read(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, ModelEstimators,
    testing::Combine(testing::Values(FamilyKind::mean_field, FamilyKind::full_rank, FamilyKind::low_rank),
                     testing::Values(EntropyGradient::closed_form, EntropyGradient::sticking_the_landing),
                     testing::Values(DrawKind::iid, DrawKind::sobol)),
    [](const auto& each) {
      return std::string(name(std::get<0>(each.param))) + "_" + std::string(name(std::get<1>(each.param))) + "_" +
             std::string(name(std::get<2>(each.param)));
    });

TEST(ModelEstimator, HasNoVarianceAtTheExactPosterior) {
  const GaussianTarget target = small_target();
  const GaussianPoint point = exact_posterior(target);
  ModelEstimator estimator(target.log_density(), Context(), point,
                           settings(EntropyGradient::sticking_the_landing, DrawKind::iid, 1), Key{1});
  for (std::uint32_t step = 0; step < 20; ++step) EXPECT_LT(largest(estimator.estimate(point, {}, step)), 1e-10);
  // The entropy in closed form has variance there, and elsewhere this gradient is not zero: the test above can fail.
  ModelEstimator closed(target.log_density(), Context(), point, settings(EntropyGradient::closed_form), Key{1});
  EXPECT_GT(largest(closed.estimate(point, {}, 0)), 1e-3);
  GaussianPoint elsewhere = point;
  elsewhere.mean[1] += 0.1;
  EXPECT_GT(largest(estimator.estimate(elsewhere, {}, 0)), 1e-3);
}

TEST(ModelEstimator, LetsValuesThatAreNotFiniteThrough) {
  const GaussianPoint point = small_point(2, FamilyKind::mean_field);
  const auto nowhere = [](std::int64_t n_draws, const double*, double* logp, double* grad) {
    for (std::int64_t s = 0; s < n_draws; ++s) {
      logp[s] = -INFINITY;
      grad[2 * s] = grad[2 * s + 1] = 0;
    }
  };
  ModelEstimator estimator(nowhere, Context(), point, settings(EntropyGradient::closed_form), Key{1});
  EXPECT_FALSE(estimator.estimate(point, {}, 0).is_finite());
}

// Where the model ends at its q's mean the estimate is that of the draws within, which are counted; of few it is not a number.
TEST(ModelEstimator, LeavesOutDrawsThatAreNotFinite) {
  const GaussianTarget target = small_target();
  for (const FamilyKind family : {FamilyKind::mean_field, FamilyKind::full_rank, FamilyKind::low_rank}) {
    const GaussianPoint point = small_point(3, family);
    double edge = point.mean[0];
    const auto cut = [&](std::int64_t n_draws, const double* z, double* logp, double* grad) {
      target.log_density()(n_draws, z, logp, grad);
      for (std::int64_t s = 0; s < n_draws; ++s)
        if (z[3 * s] > edge) logp[s] = -INFINITY;
    };
    ModelEstimator estimator(cut, Context(), point, settings(EntropyGradient::closed_form, DrawKind::iid, 40), Key{2});
    const ElboGradient found = estimator.estimate(point, {}, 5);
    const RowMajorMatrix eps = DrawNoise(Context(), point, 40, DrawKind::iid, Key{2}).at(5), z = draws_of(point, eps);
    ElboGradient expected{0, Eigen::VectorXd::Zero(3), Eigen::MatrixXd::Zero(point.factor.rows(), point.factor.cols())};
    double kept = 0;
    for (Eigen::Index s = 0; s < 40; ++s) {
      if (z(s, 0) > edge) continue;
      Eigen::MatrixXd g = -(target.precision * (z.row(s).transpose() - target.mean)).transpose();
      add_pullback(point, eps.row(s), g, expected);
      ++kept;
    }
    ASSERT_GT(kept, 10);
    ASSERT_LT(kept, 40);
    expected.mean /= kept;
    expected.factor /= kept;
    add_entropy(point, expected);
    EXPECT_LT(difference(found, expected), 1e-12);
    EXPECT_EQ(static_cast<double>(estimator.n_masked()), 40 - kept);
    edge = -1e3;
    EXPECT_FALSE(estimator.estimate(point, {}, 6).is_finite());
    EXPECT_EQ(static_cast<double>(estimator.n_masked()), 80 - kept);
  }
}

TEST(ModelEstimator, RefusesRows) {
  const GaussianTarget target = small_target();
  const GaussianPoint point = exact_posterior(target);
  EXPECT_EQ(
      test::error_of([&] {
        ModelEstimator(target.log_density(), Context(), point, {.estimator = Estimator::quadrature}, Key{1});
      }),
      "argument| estimator is \"quadrature\", expected \"weights\": a model known by its log density has no rows");
  ModelEstimator estimator(target.log_density(), Context(), point, settings(EntropyGradient::closed_form), Key{1});
  const std::vector<std::int64_t> batch = {0, 1};
  EXPECT_EQ(test::error_of([&] { static_cast<void>(estimator.estimate(point, batch, 0)); }),
            "argument| a batch of 2 rows, expected none: a model known by its log density has no rows");
}

}  // namespace
}  // namespace velbo::internal
