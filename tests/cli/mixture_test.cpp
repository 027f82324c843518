// `velbo mixture`: what it prints and writes, that its commands fit together, and its mistakes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/velbo.h"
#include "velbo/velbo.h"

namespace velbo::test {
namespace {

using ::testing::HasSubstr;

// Two groups: rows 0, 2, .. near (0, 0), the others near (8, -8); a column of text and one of weights.
std::string groups_text() {
  std::string text = "a,b,group,w\n";
  for (int i = 0; i < 80; ++i) {
    const double centre = i % 2 == 0 ? 0 : 8;
    text += std::to_string(centre + (i * 37 % 41 - 20) / 15.0) + "," +
            std::to_string(-centre + (i * 53 % 47 - 23) / 15.0) + "," + (i % 2 == 0 ? "red" : "blue") + "," +
            std::to_string(1 + i % 3) + "\n";
  }
  return text;
}

class MixtureCommand : public ::testing::Test {
 protected:
  std::vector<std::string> fit(const std::vector<std::string>& more) const {
    std::vector<std::string> out = {"mixture", "fit",          "--data", table_,  "--columns",
                                    "a, b",    "--components", "2",      "--out", fit_};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  std::string mistake(const std::vector<std::string>& arguments) {
    const RunResult r = velbo(arguments);
    EXPECT_EQ(r.status, 2) << r.err;
    EXPECT_EQ(r.out, "");
    EXPECT_EQ(n_lines(r.err), 1) << r.err;
    return r.err;
  }
  ScratchFolder folder_;
  std::string table_ = folder_.file("t.csv", groups_text()), fit_ = folder_.file("fit.velbo");
};

TEST_F(MixtureCommand, FitPredictSummary) {
  const RunResult fitted = velbo(fit({"--json", folder_.file("fit.json")}));
  ASSERT_EQ(fitted.status, 0) << fitted.err;
  EXPECT_THAT(fitted.out, HasSubstr("2 components, full covariance, 2 features"));
  EXPECT_THAT(fitted.out, HasSubstr("converged"));
  const GaussianMixture mixture = GaussianMixture::load(fit_);
  EXPECT_EQ(mixture.names(), (std::vector<std::string>{"a", "b"}));
  const auto json = nlohmann::json::parse(read_bytes(folder_.file("fit.json")));
  EXPECT_EQ(json.at("components").size(), 2U);
  EXPECT_EQ(json.at("components")[1].at("mean").get<std::vector<double>>()[0], mixture.means()[2]);
  EXPECT_EQ(json.at("fit").at("status"), "converged");

  // The same as the library says.
  const RunResult predicted = velbo({"mixture", "predict", fit_, "--data", table_});
  ASSERT_EQ(predicted.status, 0) << predicted.err;
  std::istringstream lines(predicted.out);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "component,log_density,r1,r2");
  const Table table = read_csv(table_);
  std::string first_label;
  for (std::size_t n = 0; std::getline(lines, line); ++n) {
    const double row[] = {table.at("a").numbers[n], table.at("b").numbers[n]};
    const MatrixView<const double> x{row, 1, 2, 2};
    std::istringstream cells(line);
    std::string label, density, r1;
    std::getline(cells, label, ',');
    std::getline(cells, density, ',');
    std::getline(cells, r1, ',');
    EXPECT_EQ(std::stoi(label), mixture.labels(x)[0] + 1);
    EXPECT_NEAR(std::stod(density), mixture.log_density(x)[0], 1e-12);
    EXPECT_NEAR(std::stod(r1), mixture.responsibilities(x)[0], 1e-15);
    if (n == 0) first_label = label;
    EXPECT_EQ(label == first_label, n % 2 == 0) << n;
  }
  const std::string npy = folder_.file("out.npy");
  EXPECT_EQ(velbo({"mixture", "predict", fit_, "--data", table_, "--out", npy}).status, 0);
  EXPECT_EQ(read_npy(npy).n_columns, 4);
  EXPECT_EQ(read_npy(npy).n_rows, 80);

  const RunResult summary = velbo({"mixture", "summary", fit_});
  EXPECT_EQ(summary.status, 0);
  EXPECT_THAT(fitted.out, HasSubstr(summary.out));
  EXPECT_EQ(velbo({"mixture", "summary", fit_, "--json", "-"}).out, read_bytes(folder_.file("fit.json")));
}

TEST_F(MixtureCommand, OptionsReachTheFit) {
  ASSERT_EQ(velbo(fit({"--covariance", "diagonal", "--weights-prior", "dirichlet_process", "--concentration", "2.5",
                       "--engine", "memoized", "--batch-size", "20", "--weights", "w", "--seed", "3", "--quiet",
                       "--json", folder_.file("json")}))
                .status,
            0);
  GaussianMixtureOptions options;
  options.n_components = 2;
  options.covariance = CovarianceKind::diagonal;
  options.weights_prior = WeightsPrior::dirichlet_process;
  options.concentration = 2.5;
  options.fit.engine = ConjugateEngine::memoized;
  options.fit.batch_size = 20;
  options.fit.seed = 3;
  const Table table = read_csv(table_);
  std::vector<double> x;
  for (std::size_t n = 0; n < 80; ++n)
    for (const char* column : {"a", "b"}) x.push_back(table.at(column).numbers[n]);
  const GaussianMixtureFit expected =
      fit_gaussian_mixture(MatrixView<const double>{x.data(), 80, 2, 2}, options, table.at("w").numbers);
  EXPECT_EQ(GaussianMixture::load(fit_).means(), expected.posterior.means());
  EXPECT_EQ(nlohmann::json::parse(read_bytes(folder_.file("json"))).at("fit").at("elbo").get<double>(),
            expected.run.elbo);
  // Rows that are added, and a warm start, at which nothing is left to do.
  ASSERT_EQ(
      velbo({"mixture", "fit", "--data", table_, "--update", fit_, "--out", folder_.file("more"), "--quiet"}).status,
      0);
  double total = 0;
  const GaussianMixture more = GaussianMixture::load(folder_.file("more"));
  for (const double count : more.counts()) total += count;
  EXPECT_NEAR(total, 80 + 80 * 2 - 1, 1e-9);
  ASSERT_EQ(velbo(fit({"--init", fit_, "--quiet"})).status, 0);
}

// Priors that outweigh 80 rows by far are what the components then are: E Sigma = S0 / (nu - D - 1).
TEST_F(MixtureCommand, PriorsFromFiles) {
  const std::string mean = folder_.file("mean.npy"), scale = folder_.file("scale.npy");
  const std::vector<double> m = {3, -5}, s = {4e9, 1e9, 1e9, 2e9};
  write_npy(mean, m, 2, 1);
  write_npy(scale, s, 2, 2);
  const RunResult r = velbo(fit({"--prior-mean", mean, "--prior-scale", scale, "--prior-kappa", "1e9",
                                 "--degrees-of-freedom", "1e9", "--max-passes", "3", "--quiet"}));
  ASSERT_TRUE(r.status == 0 || r.status == 3) << r.err;
  const GaussianMixture mixture = GaussianMixture::load(fit_);
  for (std::size_t k = 0; k < 2; ++k) {
    for (std::size_t j = 0; j < 2; ++j) EXPECT_NEAR(mixture.means()[2 * k + j], m[j], 1e-5);
    for (std::size_t j = 0; j < 4; ++j) EXPECT_NEAR(mixture.covariances()[4 * k + j], s[j] / 1e9, 1e-5);
  }
  EXPECT_THAT(mistake(fit({"--prior-mean", scale})), HasSubstr("prior_mean"));
  EXPECT_THAT(mistake(fit({"--prior-scale", mean})), HasSubstr("prior_scale"));
}

TEST_F(MixtureCommand, LimitsSayThatTheFitIsNotOver) {
  const std::string state = folder_.file("state");
  const RunResult stopped = velbo(fit({"--max-passes", "1", "--tolerance", "1e-9", "--checkpoint", state}));
  EXPECT_EQ(stopped.status, 3);
  EXPECT_THAT(stopped.out, HasSubstr("stopped after 1 passes"));
  EXPECT_EQ(velbo(fit({"--tolerance", "1e-9", "--resume", state, "--quiet"})).status, 0);
  const std::vector<double> resumed = GaussianMixture::load(fit_).means();
  EXPECT_EQ(velbo(fit({"--tolerance", "1e-9", "--quiet"})).status, 0);
  EXPECT_EQ(GaussianMixture::load(fit_).means(), resumed);
}

TEST_F(MixtureCommand, Mistakes) {
  EXPECT_THAT(mistake({"mixture"}), HasSubstr("no command is given: velbo mixture fit, predict or summary"));
  EXPECT_THAT(mistake({"mixture", "fitt"}), HasSubstr("did you mean fit?"));
  EXPECT_THAT(mistake({"mixture", "fit"}), HasSubstr("--data is missing"));
  EXPECT_THAT(mistake(fit({"--componens", "3"})), HasSubstr("did you mean --components?"));
  EXPECT_THAT(mistake(fit({"--covariance", "round"})), HasSubstr("round"));
  EXPECT_THAT(mistake({"mixture", "fit", "--data", table_, "--columns", "a,group"}),
              HasSubstr("column \"group\" holds text"));
  EXPECT_THAT(mistake({"mixture", "fit", "--data", table_, "--columns", "a,,b"}), HasSubstr("--columns is \"a,,b\""));
  EXPECT_THAT(mistake({"mixture", "fit", "--data", table_, "--columns", "a,c"}), HasSubstr("no column \"c\""));
  EXPECT_THAT(mistake({"mixture", "fit", "--data", table_, "--components", "81"}), HasSubstr("there are 80 rows"));
  const std::string gaps = folder_.file("gaps.csv", "a,b\n1,2\n3,\n");
  EXPECT_THAT(mistake({"mixture", "fit", "--data", gaps}),
              HasSubstr("gaps.csv:3: column \"b\" is missing; missing values are not supported"));
  EXPECT_THAT(mistake({"mixture", "fit", "--data", table_, "--update", fit_, "--components", "3"}),
              HasSubstr("leave out --components"));
  EXPECT_THAT(mistake({"mixture", "predict"}), HasSubstr("the fit is missing"));
  EXPECT_THAT(mistake({"mixture", "summary", table_}), HasSubstr("t.csv"));
}

}  // namespace
}  // namespace velbo::test
