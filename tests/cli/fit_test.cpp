// velbo fit, summary and info: what they write and where.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/velbo.h"
#include "velbo/fit.h"

namespace velbo::test {
namespace {

using Json = nlohmann::json;

class FitCommand : public ::testing::Test {
 protected:
  std::vector<std::string> fit(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {
        "fit", "y ~ x + group", "--data", table_, "--prior", "normal(0, 2.5)", "--prior-intercept", "normal(0, 10)"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  ScratchFolder folder_;
  std::string table_ = folder_.file("table.csv", table_text());
  std::string out_ = folder_.file("fit.velbo"), json_ = folder_.file("fit.json");
};

TEST_F(FitCommand, PrintsTheReportAndWritesBothFiles) {
  const RunResult r = velbo(fit({"--out", out_, "--json", json_, "--seed", "5"}));
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_EQ(r.err, "");
  for (const char* part :
       {"y ~ x + group", "bernoulli", "groupred", "normal(0, 2.5)", "converged", "ELBO", "k-hat", "verdict"})
    EXPECT_NE(r.out.find(part), std::string::npos) << part << "\n" << r.out;
  EXPECT_EQ(folder_.n_files(), 3U);

  const Json json = Json::parse(read_bytes(json_));
  EXPECT_EQ(json.at("schema"), 1);
  EXPECT_EQ(json.at("model").at("n_rows"), 60);
  EXPECT_EQ(json.at("model").at("n_latents"), 4);
  EXPECT_EQ(json.at("model").at("priors").at("x"), "normal(0, 2.5)");
  EXPECT_EQ(json.at("fit").at("seed"), 5);
  EXPECT_EQ(json.at("fit").at("status"), "converged");
  EXPECT_GT(json.at("fit").at("seconds").at("read").get<double>(), 0);
  EXPECT_TRUE(json.at("quality").at("elbo").is_number());
  EXPECT_EQ(json.at("parameters").size(), 4U);

  // The same again from the saved fit (but for the time it took to read the table, which came later).
  const RunResult again = velbo({"summary", out_, "--json", "-"});
  EXPECT_EQ(again.status, 0) << again.err;
  const Json saved = Json::parse(again.out);
  EXPECT_EQ(saved.at("parameters"), json.at("parameters"));
  EXPECT_EQ(saved.at("quality"), json.at("quality"));
  EXPECT_EQ(velbo({"summary", out_}).out, r.out);
  EXPECT_EQ(Posterior::load(out_).names(), (std::vector<std::string>{"Intercept", "x", "groupgreen", "groupred"}));
}

TEST_F(FitCommand, SameSeedSameBitsWhateverTheThreads) {
  ASSERT_EQ(velbo(fit({"--out", out_, "--threads", "1", "--quiet"})).status, 0);
  ASSERT_EQ(velbo(fit({"--out", json_, "--threads", "2", "--quiet"})).status, 0);
  const Posterior a = Posterior::load(out_), b = Posterior::load(json_);
  EXPECT_EQ(a.sample(10), b.sample(10));
}

TEST_F(FitCommand, JsonToStandardOutputSendsTheTableToStandardError) {
  const RunResult r = velbo(fit({"--json", "-"}));
  EXPECT_EQ(r.status, 0);
  EXPECT_TRUE(Json::accept(r.out)) << r.out;
  EXPECT_NE(r.err.find("verdict"), std::string::npos);
  const RunResult quiet = velbo(fit({"--json", "-", "--quiet"}));
  EXPECT_TRUE(Json::accept(quiet.out));
  EXPECT_EQ(quiet.err, "");
}

TEST_F(FitCommand, QuietSaysNothing) {
  const RunResult r = velbo(fit({"--quiet", "--progress", "always", "--out", out_}));
  EXPECT_EQ(r.status, 0);
  EXPECT_EQ(r.out + r.err, "");
}

TEST_F(FitCommand, ProgressOnlyWhereItIsAskedFor) {
  EXPECT_EQ(velbo(fit()).err, "");
  EXPECT_EQ(velbo(fit({"--progress", "never"})).err, "");
  const std::string lines = velbo(fit({"--progress", "always"})).err;
  EXPECT_TRUE(lines.starts_with("step 1: ") && lines.find('\r') == std::string::npos) << lines;
}

TEST_F(FitCommand, ALimitIsNotSuccess) {
  const RunResult r = velbo(fit({"--tolerance", "1e-300", "--max-steps", "3", "--out", out_, "--json", json_}));
  EXPECT_EQ(r.status, 3) << r.err;
  EXPECT_NE(r.out.find("NOT converged"), std::string::npos);
  EXPECT_EQ(Json::parse(read_bytes(json_)).at("fit").at("status"), "max_steps");
  EXPECT_EQ(Json::parse(read_bytes(json_)).at("fit").at("converged"), false);
  EXPECT_NO_THROW((void)Posterior::load(out_));
  EXPECT_EQ(velbo({"summary", out_}).status, 0);
}

TEST_F(FitCommand, EveryLikelihoodAndOption) {
  const auto status = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "fit");
    for (const char* more : {"--data", table_.c_str(), "--out", out_.c_str()}) arguments.emplace_back(more);
    const RunResult r = velbo(arguments);
    EXPECT_EQ(r.err, "");
    return r.status;
  };
  EXPECT_EQ(status({"real ~ x", "--prior-sigma", "half_cauchy(1)", "--family", "full_rank", "--scalar", "double"}), 0);
  EXPECT_EQ(status({"real ~ x", "--family", "mean_field", "--weights", "n", "--weights-kind", "precision"}) % 3, 0);
  EXPECT_EQ(status({"count ~ x", "--likelihood", "poisson", "--offset", "o", "--engine", "newton"}), 0);
  EXPECT_EQ(status({"count ~ x", "--likelihood", "binomial", "--trials", "n", "--estimator", "quadrature"}), 0);
  EXPECT_EQ(status({"y ~ x", "--no-intercept", "--device", "cpu", "--max-seconds", "60"}), 0);
  ASSERT_EQ(status({"y ~ x"}), 0);
  EXPECT_EQ(status({"y ~ x", "--init", out_}), 0);
}

TEST_F(FitCommand, TabsSeparateInTsv) {
  std::string text = table_text();
  std::replace(text.begin(), text.end(), ',', '\t');
  const std::string tsv = folder_.file("table.tsv", text);
  EXPECT_EQ(velbo({"fit", "y ~ x", "--data", tsv, "--quiet"}).status, 0);
}

TEST(HelpAndInfo, AreOnStandardOutput) {
  for (const char* command : {"fit", "predict", "sample", "summary", "info"}) {
    const RunResult r = velbo({command, "--help"});
    EXPECT_EQ(r.status, 0);
    EXPECT_EQ(r.err, "");
    std::size_t widest = 0, begin = 0;
    for (std::size_t end = 0; (end = r.out.find('\n', begin)) != std::string::npos; begin = end + 1)
      widest = std::max(widest, end - begin);
    EXPECT_LE(widest, 120U) << r.out;
  }
  EXPECT_EQ(velbo({"--version"}).out.substr(0, 6), "velbo ");
  EXPECT_NE(velbo({"--help"}).out.find("predict"), std::string::npos);
  EXPECT_NE(velbo({"info"}).out.find("cuda:0"), std::string::npos);
  const Json json = Json::parse(velbo({"info", "--json"}).out);
  EXPECT_EQ(json.at("devices").at(0).at("device"), "cpu");
  EXPECT_TRUE(json.at("devices").at(0).at("usable").get<bool>());
  for (const char* key : {"compiler", "build_type", "processor", "cuda_version"})
    EXPECT_TRUE(json.at("build").contains(key));
}

}  // namespace
}  // namespace velbo::test
