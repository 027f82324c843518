// Linear response: exact where the posterior is Gaussian, against a closed form where it is not, and refused where it overshoots.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>

#include "corrections/gaussian_posterior.h"
#include "support/errors.h"
#include "support/gaussian_target.h"
#include "support/json_case.h"
#include "support/posteriordb_models.h"
#include "velbo/distributions.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

using test::error_of;
using test::gaussian_posterior;

std::vector<double> vector_of(const Eigen::VectorXd& v) { return {v.begin(), v.end()}; }

// Mean field of a Gaussian: its mean, and sds 1 / sqrt(precision_ii).
TEST(LinearResponse, IsExactForAGaussian) {
  const internal::GaussianTarget target = internal::small_target();
  const Model model = Model::with_gradient({real("x", {3})}, target.log_density());
  const Posterior q = gaussian_posterior(model, FamilyKind::mean_field, vector_of(target.mean),
                                         vector_of(target.precision.diagonal().cwiseSqrt().cwiseInverse()));
  const LinearResponse found = linear_response(model, q);
  ASSERT_EQ(found.covariance.size(), 9U);
  const Eigen::MatrixXd exact = target.precision.inverse();
  for (Eigen::Index i = 0; i < 3; ++i)
    for (Eigen::Index j = 0; j < 3; ++j)
      EXPECT_NEAR(found.covariance[static_cast<std::size_t>(3 * i + j)], exact(i, j), 1e-11) << i << j;
  EXPECT_TRUE(found.reliable) << found.message;
  EXPECT_GT(found.ess, 19990);
  EXPECT_EQ(found.message, "");
  EXPECT_EQ(found.sd, found.posterior->sd());
  EXPECT_EQ(found.posterior->family(), FamilyKind::full_rank);
  EXPECT_EQ(found.posterior->unconstrained_mean(), q.unconstrained_mean());
  EXPECT_NEAR(found.posterior->sd()[1], std::sqrt(exact(1, 1)), 1e-11);
}

// Correlated at 0.99999: mean-field sds are 0.0045 of the posterior's.
TEST(LinearResponse, IsExactForANearlySingularGaussian) {
  const double correlation = 0.99999;
  Eigen::MatrixXd covariance(2, 2);
  covariance << 4, 6 * correlation, 6 * correlation, 9;
  const internal::GaussianTarget target{Eigen::VectorXd::Constant(2, 100), covariance.inverse()};
  const Model model = Model::with_gradient({real("x", {2})}, target.log_density());
  const Fit fit = velbo::fit(model, {.family = FamilyKind::mean_field});
  const LinearResponse found = linear_response(model, fit.posterior);
  EXPECT_NEAR(std::sqrt(found.covariance[0]), 2, 1e-6);
  EXPECT_NEAR(std::sqrt(found.covariance[3]), 3, 1e-6);
  EXPECT_NEAR(found.covariance[1] / 6, correlation, 1e-7);
}

// log p = 3 z - e^z, one latent: with q's mean m and sd s the ELBO is 3 m - e^(m + s^2 / 2) + log s + constant.  With a = e^(m + s^2/2)
// its Hessian in (m, log s) is -[[a, a s^2], [a s^2, a s^4 + 2 a s^2]], and at the optimum a = 3, a s^2 = 1: the response is
// [H^-1]_mm = 1 / (3 - 1 / (1/3 + 2)) = 1 / (3 - 3/7) = 7/18.
struct LogGamma {
  template <class T>
  T operator()(const T* z) const {
    return 3.0 * z[0] - exp(z[0]);
  }
};

TEST(LinearResponse, CountsTheResponseOfTheSdsToo) {
  const Model model({real("z")}, LogGamma{});
  const double s = std::sqrt(1.0 / 3), m = std::log(3) - 1.0 / 6;
  const LinearResponse found =
      linear_response(model, gaussian_posterior(model, FamilyKind::mean_field, {m}, {s}), {.draws = 8192});
  EXPECT_NEAR(found.covariance[0], 7.0 / 18, 1e-3);  // 1 / 3 without the response of the sds
}

TEST(LinearResponse, HasTheSameBitsForAnyNumberOfThreads) {
  const Model model({real("z")}, LogGamma{});
  const Posterior q = gaussian_posterior(model, FamilyKind::mean_field, {0.9}, {0.6});
  const LinearResponse one = linear_response(model, q, {.threads = 1}),
                       three = linear_response(model, q, {.threads = 3});
  EXPECT_EQ(one.covariance, three.covariance);
  EXPECT_EQ(one.k_hat, three.k_hat);
  EXPECT_EQ(one.ess, three.ess);
  EXPECT_NE(linear_response(model, q, {.seed = 2}).covariance, one.covariance);
}

struct Valley {  // the mean is at a saddle
  template <class T>
  T operator()(const T* z) const {
    return 2.0 * z[0] * z[0] - 0.1 * z[0] * z[0] * z[0] * z[0];
  }
};
struct Edge {
  template <class T>
  T operator()(const T* z) const {
    return log(z[0]) - z[0];
  }
};

TEST(LinearResponse, SaysWhyThereIsNone) {
  const Model valley({real("z")}, Valley{});
  const LinearResponse saddle = linear_response(valley, gaussian_posterior(valley, FamilyKind::mean_field, {0}, {0.1}));
  EXPECT_TRUE(saddle.covariance.empty());
  EXPECT_FALSE(saddle.posterior.has_value());
  EXPECT_FALSE(saddle.reliable);
  EXPECT_EQ(saddle.message, "the ELBO is not concave at the posterior, which is not its optimum or far from Gaussian");
  const Model edge({real("z")}, Edge{});
  EXPECT_EQ(linear_response(edge, gaussian_posterior(edge, FamilyKind::mean_field, {1}, {0.7})).message,
            "the log density is not finite at some of the fixed draws");
  const Posterior full = gaussian_posterior(edge, FamilyKind::full_rank, {1}, {0.1});
  const auto refusal = [&](const Posterior& posterior, const LinearResponseOptions& options) {
    return error_of([&] { static_cast<void>(linear_response(edge, posterior, options)); });
  };
  EXPECT_EQ(
      refusal(full, {}),
      "argument| the posterior's family is full_rank, expected mean_field: the others have correlations of their own");
  const Posterior good = gaussian_posterior(edge, FamilyKind::mean_field, {1}, {0.1});
  EXPECT_EQ(refusal(good, {.draws = 1}), "argument| draws is 1, expected more than the 1 latents, or 0");
  EXPECT_EQ(refusal(good, {.check_draws = 10}), "argument| check_draws is 10, expected at least 100");
}

class Posteriordb : public testing::Test {
 protected:
  void read(const std::string& name) {
    const std::string folder = std::string(VELBO_SHARED_DATA_DIR) + "/posteriordb/" + name + "/";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << "shared data not beside the clone: " << name;
    model.emplace(test::posteriordb_model(name, test::read_json(folder + "data.json")));
    sd = test::vector_of(test::read_json(folder + "reference.json")["constrained"]["sd"]);
  }
  std::optional<Model> model;
  Eigen::VectorXd sd;  // of 10,000 reference draws: within 1 %
};

class IllConditioned : public Posteriordb, public testing::WithParamInterface<const char*> {};

TEST_P(IllConditioned, SdsAreRepairedByTheFit) {
  read(GetParam());
  if (!model) return;
  const Fit fit = velbo::fit(*model, {.family = FamilyKind::mean_field, .tolerance = 0.05});
  double mean_field = 1, least = 2, most = 0;
  for (Eigen::Index i = 0; i < sd.size(); ++i) {
    const ParameterSummary& p = fit.summary.parameters[static_cast<std::size_t>(i)];
    mean_field = std::min(mean_field, p.sd / sd[i]);
    least = std::min(least, p.linear_response_sd / sd[i]);
    most = std::max(most, p.linear_response_sd / sd[i]);
    EXPECT_TRUE(std::isfinite(p.linear_response_sd)) << p.name;
  }
  std::printf("sds of mean field from %.3f, by linear response %.3f to %.3f of the reference's\n", mean_field, least,
              most);
  EXPECT_LT(mean_field, 0.01);
  EXPECT_GT(least, 0.97);
  EXPECT_LT(most, 1.02);
  EXPECT_LT(fit.summary.quality.linear_response_k_hat, 0.7);
  EXPECT_NE(fit.summary.quality.advice.find("linear-response"), std::string::npos) << fit.summary.quality.advice;
  EXPECT_EQ(Summary::from_json(fit.summary.to_json()).to_json(), fit.summary.to_json());
}
INSTANTIATE_TEST_SUITE_P(Posteriordb, IllConditioned,
                         testing::Values("kilpisjarvi_mod-kilpisjarvi", "diamonds-diamonds"),
                         [](const auto& parameter) { return std::string(parameter.param).substr(0, 8); });

// Of a log-normal tau with the response's sd; the others' are right.
TEST_F(Posteriordb, AFunnelsOvershootingSdIsNotReported) {
  read("eight_schools-eight_schools_noncentered");
  if (!model) return;
  const Fit fit = velbo::fit(*model, {.family = FamilyKind::mean_field, .tolerance = 0.1});
  const LinearResponse direct = linear_response(*model, fit.posterior);
  std::printf("tau: linear response %.3f of the reference's sd; %s\n", direct.posterior->sd()[9] / sd[9],
              direct.message.c_str());
  EXPECT_GT(direct.posterior->sd()[9] / sd[9], 1.2);
  EXPECT_TRUE(std::isnan(direct.sd[9]));
  EXPECT_NE(direct.message.find("tau"), std::string::npos);
  EXPECT_TRUE(std::isnan(fit.summary.parameters[9].linear_response_sd));
  EXPECT_TRUE(std::isfinite(fit.summary.quality.linear_response_k_hat));
  // mu and tau are the reference's last two in both forms; its others are effects, which this form only makes of its own.
  const double mu = fit.summary.parameters[8].linear_response_sd / sd[8];
  EXPECT_GT(mu, 0.9);
  EXPECT_LT(mu, 1.1);
}

}  // namespace
}  // namespace velbo
