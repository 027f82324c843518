// The Gaussian regressions of posteriordb, by formula and with their own priors, against the best full-rank and
// mean-field Gaussians (vi_optimum.json) that an independent optimiser found, and the exact posteriors.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>

#include "support/json_case.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

struct PosteriorCase {
  std::string name, formula;
  GlmOptions options;
};

GlmOptions flat(std::optional<Prior> sigma) {
  GlmOptions options;
  options.prior = Prior::flat();
  options.prior_intercept = Prior::flat();
  options.prior_sigma = sigma;
  return options;
}

std::vector<PosteriorCase> cases() {
  const std::string nes = "partyid7 ~ real_ideo + race_adj + factor(age_discrete) + educ1 + gender + income";
  GlmOptions blr;
  blr.prior = Prior::normal(0, 10);
  blr.prior_sigma = Prior::half_normal(10);
  return {
      {"kidiq-kidscore_interaction", "kid_score ~ mom_hs * mom_iq", flat(Prior::half_cauchy(2.5))},
      {"kidiq-kidscore_momhsiq", "kid_score ~ mom_hs + mom_iq", flat(Prior::half_cauchy(2.5))},
      {"earnings-logearn_height_male", "log(earn) ~ height + male", flat(Prior::flat())},
      {"earnings-logearn_interaction", "log(earn) ~ height * male", flat(Prior::flat())},
      {"mesquite-logmesquite_logvash",
       "log(weight) ~ log(diam1 * diam2 * canopy_height) + log(diam1 * diam2) + log(diam1 / diam2) + "
       "log(total_height) + group",
       flat(Prior::flat())},
      {"mesquite-mesquite", "weight ~ diam1 + diam2 + canopy_height + total_height + density + group",
       flat(Prior::flat())},
      {"nes1980-nes", nes, flat(Prior::flat())},
      {"nes2000-nes", nes, flat(Prior::flat())},
      {"sblrc-blr", "y ~ X1 + X2 + X3 + X4 + X5 - 1", blr},
  };
}

class Posteriordb : public testing::TestWithParam<PosteriorCase> {
 public:
  void SetUp() override {
    folder_ = std::string(VELBO_SHARED_DATA_DIR) + "/posteriordb/" + GetParam().name + "/";
    if (!std::filesystem::exists(folder_)) GTEST_SKIP() << "shared data not beside the clone: " << GetParam().name;
    const nlohmann::json data = test::read_json(folder_ + "data.json");
    table_ = test::table_of(data);
    if (data.contains("X")) {
      const Eigen::MatrixXd x = test::matrix_of(data["X"]);
      for (Eigen::Index j = 0; j < x.cols(); ++j) {
        const Eigen::VectorXd column = x.col(j);
        table_.add_numbers("X" + std::to_string(j + 1), {column.begin(), column.end()});
      }
    }
    optimum_ = test::read_json(folder_ + "vi_optimum.json");
    half_constant_ = test::read_json(folder_ + "reference.json")["normaliser"]["half_prior_constant"].get<double>();
  }

 protected:
  std::string folder_;
  Table table_;
  nlohmann::json optimum_;
  double half_constant_ = 0;  // log 2 of the half priors, which the reference leaves out
};

// Largest |mean - expected| / sd and the range of the ratios of sds.
struct Distance {
  double means = 0, least_ratio = 1e300, most_ratio = 0;
};

Distance distance(const Eigen::VectorXd& mean, const Eigen::VectorXd& sd, const Eigen::VectorXd& mean0,
                  const Eigen::VectorXd& sd0) {
  Distance d;
  d.means = ((mean - mean0).array() / sd0.array()).abs().maxCoeff();
  d.least_ratio = (sd.array() / sd0.array()).minCoeff();
  d.most_ratio = (sd.array() / sd0.array()).maxCoeff();
  return d;
}

Eigen::VectorXd map(const std::vector<double>& v) {
  return Eigen::VectorXd::Map(v.data(), static_cast<Eigen::Index>(v.size()));
}

TEST_P(Posteriordb, FullRankReachesTheBestGaussian) {
  const Glm model(GetParam().formula, Likelihood::gaussian, table_, GetParam().options);
  const Fit fit = velbo::fit(model, {.family = FamilyKind::full_rank});
  EXPECT_EQ(fit.summary.fit.status, Status::converged);
  const Eigen::Index d = model.n_latents();
  const std::vector<double> cov = fit.posterior.unconstrained_covariance();
  const Eigen::VectorXd sd = Eigen::MatrixXd::Map(cov.data(), d, d).diagonal().cwiseSqrt();
  const auto& best = optimum_["fullrank"];
  const Distance found =
      distance(map(fit.posterior.unconstrained_mean()), sd, test::vector_of(best["mean"]), test::vector_of(best["sd"]));
  EXPECT_LT(found.means, 0.03);
  EXPECT_GT(found.least_ratio, 0.98);
  EXPECT_LT(found.most_ratio, 1.02);
  EXPECT_NEAR(fit.summary.quality.elbo, best["elbo"].get<double>() + half_constant_, 0.02);
  EXPECT_NE(fit.summary.quality.verdict, Verdict::unreliable) << fit.summary.quality.k_hat;
  // Corrected moments are given below k-hat 0.7, where importance sampling repairs what the Gaussian cannot express.
  const bool has_corrected = fit.summary.quality.k_hat < khat_threshold(fit.summary.quality.n_draws);
  EXPECT_EQ(std::isnan(fit.summary.parameters[0].corrected_mean), !has_corrected);
  const nlohmann::json exact = test::read_json(folder_ + "exact.json");
  const Distance to_exact = distance(map(fit.posterior.mean()), map(fit.posterior.sd()), test::vector_of(exact["mean"]),
                                     test::vector_of(exact["sd"]));
  Eigen::VectorXd corrected_mean(d), corrected_sd(d);
  for (Eigen::Index i = 0; i < d; ++i) {
    corrected_mean[i] = fit.summary.parameters[static_cast<std::size_t>(i)].corrected_mean;
    corrected_sd[i] = fit.summary.parameters[static_cast<std::size_t>(i)].corrected_sd;
  }
  const Distance corrected =
      distance(corrected_mean, corrected_sd, test::vector_of(exact["mean"]), test::vector_of(exact["sd"]));
  std::printf(
      "%-30s to optimum %.4f sd, sds %.4f-%.4f, ELBO %+.4f | to exact %.3f sd, sds %.3f-%.3f | corrected %.3f sd, "
      "sds %.3f-%.3f | k-hat %.2f\n",
      GetParam().name.c_str(), found.means, found.least_ratio, found.most_ratio,
      fit.summary.quality.elbo - best["elbo"].get<double>() - half_constant_, to_exact.means, to_exact.least_ratio,
      to_exact.most_ratio, corrected.means, corrected.least_ratio, corrected.most_ratio, fit.summary.quality.k_hat);
  if (!has_corrected) return;
  EXPECT_LT(corrected.means, 0.05);
  EXPECT_GT(corrected.least_ratio, 0.95);
  EXPECT_LT(corrected.most_ratio, 1.03);
}

TEST_P(Posteriordb, MeanFieldReachesTheBestMeanField) {
  const Glm model(GetParam().formula, Likelihood::gaussian, table_, GetParam().options);
  const Fit fit = velbo::fit(model, {.family = FamilyKind::mean_field, .diagnostic_draws = 1000});
  EXPECT_EQ(fit.summary.fit.status, Status::converged);
  const Eigen::Index d = model.n_latents();
  const std::vector<double> cov = fit.posterior.unconstrained_covariance();
  const Eigen::VectorXd sd = Eigen::MatrixXd::Map(cov.data(), d, d).diagonal().cwiseSqrt();
  const auto& best = optimum_["meanfield"];
  // In units of the full-rank sd: the reference's own means are that accurate, mean-field sds being up to 30 times smaller.
  const Eigen::VectorXd off = map(fit.posterior.unconstrained_mean()) - test::vector_of(best["mean"]);
  EXPECT_LT((off.array() / test::vector_of(optimum_["fullrank"]["sd"]).array()).abs().maxCoeff(), 0.03);
  const Distance found =
      distance(map(fit.posterior.unconstrained_mean()), sd, test::vector_of(best["mean"]), test::vector_of(best["sd"]));
  EXPECT_GT(found.least_ratio, 0.98);
  EXPECT_LT(found.most_ratio, 1.02);
  EXPECT_NEAR(fit.summary.quality.elbo, best["elbo"].get<double>() + half_constant_,
              0.02 + 4 * best["elbo_se"].get<double>());
}

INSTANTIATE_TEST_SUITE_P(All, Posteriordb, testing::ValuesIn(cases()), [](const auto& p) {
  std::string name = p.param.name;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
});

}  // namespace
}  // namespace velbo
