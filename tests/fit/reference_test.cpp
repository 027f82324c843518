// Fits against an independent optimiser's best Gaussians (tests/reference, which says how they were made).
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>

#include "support/json_case.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

const std::filesystem::path kReferences = std::filesystem::path(VELBO_TEST_DATA_DIR).parent_path() / "reference";

// Every file of the folder.
std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kReferences))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

// The case's own columns, or a table that ships with the project.
Table table_of_case(const nlohmann::json& c) {
  if (c.contains("columns")) return test::table_of(c["columns"]);
  return read_csv((kReferences / "../.." / c["table"].get<std::string>()).string());
}

Glm model_of(const nlohmann::json& c, const Table& table) {
  GlmOptions options;
  options.weights = c.value("weights", "");
  options.offset = c.value("offset", "");
  options.trials = c.value("trials", "");
  const auto& priors = c["priors"];
  if (priors.contains("coefficients")) options.prior = Prior::parse(priors["coefficients"].get<std::string>());
  if (priors.contains("intercept")) options.prior_intercept = Prior::parse(priors["intercept"].get<std::string>());
  if (priors.contains("sigma")) options.prior_sigma = Prior::parse(priors["sigma"].get<std::string>());
  return Glm(c["formula"].get<std::string>(), parse_likelihood(c["likelihood"].get<std::string>()), table, options);
}

struct FamilyAnswer {
  std::string key;
  FamilyKind family;
};

class References : public testing::TestWithParam<std::tuple<std::string, Scalar>> {};

TEST_P(References, AreReached) {
  const auto& [name, scalar] = GetParam();
  const nlohmann::json c = test::read_json(kReferences / (name + ".json"));
  const Table table = table_of_case(c);
  const Glm model = model_of(c, table);
  for (const FamilyAnswer& family :
       {FamilyAnswer{"full_rank", FamilyKind::full_rank}, FamilyAnswer{"mean_field", FamilyKind::mean_field}}) {
    if (!c.contains(family.key)) continue;
    SCOPED_TRACE(family.key);
    const Fit fit =
        velbo::fit(model, {.family = family.family, .tolerance = 1e-3, .scalar = scalar, .diagnostic_draws = 1000});
    EXPECT_EQ(fit.summary.fit.status, Status::converged) << fit.summary.fit.message;
    const auto& best = c[family.key];
    const Eigen::VectorXd mean = test::vector_of(best["mean"]);
    const Eigen::VectorXd sd = best.contains("sd")
                                   ? test::vector_of(best["sd"])
                                   : Eigen::VectorXd(test::matrix_of(best["cov"]).diagonal().cwiseSqrt());
    const auto d = static_cast<std::size_t>(mean.size());
    const std::vector<double> cov = fit.posterior.unconstrained_covariance();
    for (std::size_t i = 0; i < d; ++i) {
      const auto row = static_cast<Eigen::Index>(i);
      EXPECT_NEAR(fit.posterior.unconstrained_mean()[i], mean[row], 2e-3 * sd[row]) << i;
      EXPECT_NEAR(std::sqrt(cov[i * d + i]) / sd[row], 1, 2e-3) << i;
      for (std::size_t j = 0; j < i && best.contains("cov"); ++j)
        EXPECT_NEAR(cov[i * d + j], best["cov"][i][j].get<double>(), 4e-3 * sd[row] * sd[static_cast<Eigen::Index>(j)]);
    }
    EXPECT_NEAR(fit.summary.quality.elbo, best["elbo"].get<double>(), 1e-3);
    EXPECT_LE(fit.summary.quality.error_sd, 1e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(All, References,
                         testing::Combine(testing::ValuesIn(case_names()),
                                          testing::Values(Scalar::float32, Scalar::float64)),
                         [](const auto& p) {
                           return std::get<0>(p.param) + "_" + std::string(name(std::get<1>(p.param)));
                         });

// The issue that velbo began with: default settings, against the exact posterior by importance sampling.
class Wells : public testing::TestWithParam<std::string> {};

TEST_P(Wells, IsWithinTheExactPosterior) {
  const nlohmann::json c = test::read_json(kReferences / (GetParam() + ".json"));
  const Fit fit = velbo::fit(model_of(c, table_of_case(c)));
  const Eigen::VectorXd mean = test::vector_of(c["exact"]["mean"]), sd = test::vector_of(c["exact"]["sd"]);
  double means = 0, sds = 0;
  for (std::size_t i = 0; i < fit.summary.parameters.size(); ++i) {
    const ParameterSummary& p = fit.summary.parameters[i];
    EXPECT_EQ(p.name, c["parameters"][i].get<std::string>());
    means = std::max(means, std::abs(p.mean - mean[static_cast<Eigen::Index>(i)]) / sd[static_cast<Eigen::Index>(i)]);
    sds = std::max(sds, std::abs(p.sd / sd[static_cast<Eigen::Index>(i)] - 1));
  }
  EXPECT_LT(means, 0.02);
  EXPECT_LT(sds, 0.02);
  EXPECT_EQ(fit.summary.quality.verdict, Verdict::good);
  EXPECT_NEAR(fit.summary.quality.log_evidence, c["exact"]["log_evidence"].get<double>(), 0.005);
  std::printf("%s: means within %.4f sd, sds within %.3f %%, k-hat %.2f, fit %.2g s, diagnosis %.2g s\n",
              GetParam().c_str(), means, 100 * sds, fit.summary.quality.k_hat, fit.summary.fit.seconds.fit,
              fit.summary.fit.seconds.diagnose);
}

INSTANTIATE_TEST_SUITE_P(All, Wells, testing::Values("wells_two", "wells_interaction"),
                         [](const auto& p) { return p.param; });

}  // namespace
}  // namespace velbo
