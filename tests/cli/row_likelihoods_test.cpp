// velbo fit, predict and sample with the likelihoods that are known by their log density.
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "cli/velbo.h"

namespace velbo::test {
namespace {

struct CliCase {
  const char *likelihood, *formula, *auxiliary, *prior_option;
};
constexpr CliCase kCases[] = {{"student_t", "real ~ x + group", "sigma,nu", "--prior-nu"},
                              {"negative_binomial", "count ~ x + group", "phi", "--prior-phi"},
                              {"gamma", "exp(real) ~ x + group", "shape", "--prior-shape"},
                              {"beta", "I(1 / (1 + exp(-real))) ~ x + group", "phi", "--prior-phi"}};

std::string line(const std::string& text, int number) {
  std::istringstream stream(text);
  std::string out;
  for (int i = 0; i <= number; ++i) std::getline(stream, out);
  return out;
}

TEST(RowLikelihoodsCli, FitPredictAndSample) {
  ScratchFolder folder;
  const std::string table = folder.file("table.csv", table_text()), fit = folder.file("fit.velbo");
  const std::string rows = folder.file("new.csv", "group,x,o\nred,0.5,0.1\nblue,,0\ngreen,-1,0\n");
  for (const CliCase& c : kCases) {
    SCOPED_TRACE(c.likelihood);
    const RunResult r = velbo({"fit", c.formula, "--data", table, "--likelihood", c.likelihood, "--offset", "o",
                               c.prior_option, "gamma(3, 0.25)", "--out", fit, "--json", folder.file("fit.json")});
    EXPECT_TRUE(r.status == 0 || r.status == 3) << r.err;
    EXPECT_NE(r.out.find(std::string("likelihood  ") + c.likelihood), std::string::npos) << r.out;
    EXPECT_NE(r.out.find("groupgreen"), std::string::npos) << r.out;
    EXPECT_NE(r.out.find("gamma(3, 0.25)"), std::string::npos) << r.out;
    EXPECT_NE(read_bytes(folder.file("fit.json")).find("\"gamma(3, 0.25)\""), std::string::npos);
    EXPECT_EQ(line(velbo({"sample", fit, "--draws", "2"}).out, 0),
              std::string("Intercept,x,groupgreen,groupred,") + c.auxiliary);
    EXPECT_EQ(velbo({"summary", fit}).out, r.out);
    for (const char* const kind : {"response", "linear", "outcome"}) {
      const RunResult p = velbo({"predict", fit, "--data", rows, "--kind", kind});
      EXPECT_EQ(p.status, 0) << p.err;
      EXPECT_EQ(n_lines(p.out), 4);
      EXPECT_EQ(line(p.out, 2), ",,,");
    }
  }
}

TEST(RowLikelihoodsCli, MistakesAreNamed) {
  ScratchFolder folder;
  const std::string table = folder.file("table.csv", table_text());
  const RunResult halves = velbo({"fit", "real ~ x", "--data", table, "--likelihood", "negative_binomial"});
  EXPECT_EQ(halves.status, 2);
  EXPECT_NE(halves.err.find("table.csv:2: outcome real is "), std::string::npos) << halves.err;
  EXPECT_NE(halves.err.find(", expected 0, 1, 2, ... (likelihood negative_binomial)"), std::string::npos) << halves.err;
  const RunResult prior =
      velbo({"fit", "count ~ x", "--data", table, "--likelihood", "poisson", "--prior-phi", "exponential(1)"});
  EXPECT_EQ(prior.status, 2);
  EXPECT_NE(prior.err.find("a prior for phi was given, but likelihood poisson has no phi"), std::string::npos)
      << prior.err;
}

}  // namespace
}  // namespace velbo::test
