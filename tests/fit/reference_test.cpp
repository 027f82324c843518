// Fits against an independent optimiser's best Gaussians (tests/reference, which says how they were made).
#include <gtest/gtest.h>

#include <filesystem>

#include "support/json_case.h"
#include "velbo/velbo.h"

namespace velbo {
namespace {

const std::filesystem::path kReferences = std::filesystem::path(VELBO_TEST_DATA_DIR).parent_path() / "reference";

// Every file of the folder that describes a model with its data.
std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kReferences))
    if (entry.path().extension() == ".json" && test::read_json(entry.path()).contains("columns"))
      names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
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
  const Table table = test::table_of(c["columns"]);
  const Glm model = model_of(c, table);
  for (const FamilyAnswer& family : {FamilyAnswer{"full_rank", FamilyKind::full_rank}, FamilyAnswer{"mean_field", FamilyKind::mean_field}}) {
    if (!c.contains(family.key)) continue;
    SCOPED_TRACE(family.key);
    const Fit fit = velbo::fit(model, {.family = family.family, .tolerance = 1e-3, .scalar = scalar, .diagnostic_draws = 1000});
    EXPECT_EQ(fit.summary.fit.status, Status::converged) << fit.summary.fit.message;
    const auto& best = c[family.key];
    const Eigen::VectorXd mean = test::vector_of(best["mean"]);
    const Eigen::VectorXd sd = best.contains("sd") ? test::vector_of(best["sd"])
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

}  // namespace
}  // namespace velbo
