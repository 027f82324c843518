// categorical and ordinal: two levels against bernoulli, and maximum likelihood against statsmodels.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "models/row_model.h"
#include "support/json_case.h"
#include "support/simulate.h"
#include "velbo/glm.h"

namespace velbo {
namespace {

// Two levels are bernoulli's 0 and 1: the same log joint, constants included, where the priors are the same.
TEST(LevelModelLimits, TwoLevelsAreBernoulli) {
  const Table table = test::logistic_table(120, 3, 7);
  const Glm bernoulli("y ~ x1 + x2 + x3", Likelihood::bernoulli, table);
  const Glm categorical("y ~ x1 + x2 + x3", Likelihood::categorical, table);
  EXPECT_EQ(categorical.names()[1], "x1[1]");
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(categorical.priors()[i].prior.location, bernoulli.priors()[i].prior.location, 1e-14);
    EXPECT_EQ(categorical.priors()[i].prior.scale, bernoulli.priors()[i].prior.scale);
  }
  GlmOptions symmetric;  // an intercept's prior that the cutpoint, which is minus that, can have too
  symmetric.prior_intercept = Prior::normal(0, 2);
  const Glm with_prior("y ~ x1 + x2 + x3", Likelihood::bernoulli, table, symmetric);
  const Glm ordinal("y ~ x1 + x2 + x3", Likelihood::ordinal, table, symmetric);
  for (const double scale : {0.3, 2.0}) {
    std::vector<double> z = test::normals(4, 5);
    for (double& value : z) value *= scale;
    EXPECT_NEAR(categorical.log_joint(z), bernoulli.log_joint(z), 1e-11 * std::abs(bernoulli.log_joint(z)));
    const double expected = with_prior.log_joint(z);
    EXPECT_NEAR(ordinal.log_joint(std::vector<double>{z[1], z[2], z[3], -z[0]}), expected, 1e-11 * std::abs(expected));
  }
}

// statsmodels' MNLogit and OrderedModel (tests/reference/levels): the log likelihood there, and a gradient that vanishes.
TEST(LevelModelReferences, MaximumLikelihoodIsStatsmodels) {
  const std::filesystem::path folder = std::filesystem::path(VELBO_TEST_DATA_DIR).parent_path() / "reference/levels";
  const nlohmann::json c = test::read_json(folder / "levels.json");
  const Table table = test::table_of(c["columns"]);
  GlmOptions flat;
  flat.prior = flat.prior_intercept = Prior::flat();
  const std::string terms = " ~ sepal_length + sepal_width + petal_length + petal_width";

  const Glm species("species" + terms, Likelihood::categorical, table, flat);
  const auto z = c["multinomial"]["mean"].get<std::vector<double>>();
  std::vector<double> gradient(z.size());
  EXPECT_NEAR(internal::make_row_model(species.data()).log_joint(z, gradient), c["multinomial"]["log_likelihood"],
              1e-9);
  for (const double slope : gradient) EXPECT_NEAR(slope, 0, 1e-7);

  const Glm grade("grade" + terms, Likelihood::ordinal, table, flat);
  const auto at = c["ordinal"]["mean"].get<std::vector<double>>();
  gradient.resize(at.size());
  const double jacobian = at[5] + at[6];
  EXPECT_NEAR(internal::make_row_model(grade.data()).log_joint(at, gradient) - jacobian, c["ordinal"]["log_likelihood"],
              1e-9);
  for (std::size_t i = 0; i < at.size(); ++i) EXPECT_NEAR(gradient[i] - (i < 5 ? 0 : 1), 0, 1e-5) << i;
  std::vector<double> theta(at.size());
  (void)internal::row_model_parameters(grade.data().recipe).constrain(at, theta);
  for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(theta[4 + k], c["ordinal"]["cutpoints"][k].get<double>(), 1e-12);
}

}  // namespace
}  // namespace velbo
